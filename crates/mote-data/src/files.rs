//! Reads the files of a data set from a folder, a single file, a zip (or a zip inside it) or a tar.gz.

use crate::Error;
use flate2::read::{GzDecoder, MultiGzDecoder};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};
use zip::ZipArchive;

/// Where a data set lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    path: PathBuf,
    /// Whether archives in a folder are opened.
    archives: bool,
}

/// Takes one file: its name inside the data set, and its bytes.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&str, &mut dyn Read) -> Result<(), Error>;

/// Decides by its name whether a file is wanted.
pub(crate) type Wanted<'a> = &'a dyn Fn(&str) -> bool;

impl Files {
    /// Names the folder, archive or file at `path`; nothing is opened yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            archives: false,
        }
    }

    /// Opens archives that lie in the folder as well.
    pub(crate) fn with_archives(mut self) -> Self {
        self.archives = true;
        self
    }

    /// Returns the path of the folder, archive or file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a visited file, for messages.
    pub(crate) fn entry(&self, name: &str) -> PathBuf {
        if self.path.ends_with(name) {
            self.path.clone()
        } else {
            self.path.join(name)
        }
    }

    /// Visits the wanted files in order of their names; those of a tar.gz, which cannot be searched, in archive order.
    pub(crate) fn visit(&self, wanted: Wanted<'_>, visit: Visit<'_>) -> Result<(), Error> {
        let path = &self.path;
        let name = path.to_string_lossy();
        if path.is_dir() {
            for (name, path) in list(path)? {
                let open = || File::open(&path).map_err(Error::io(&path));
                let prefix = format!("{name}/");
                match Archive::of(&name).filter(|_| self.archives) {
                    // What is unpacked beside its archive is read once.
                    Some(_) if path.with_extension("").is_dir() => {}
                    Some(Archive::Zip) => visit_zip(open()?, &path, &prefix, wanted, visit)?,
                    Some(Archive::TarGz) => visit_tar(open()?, &path, &prefix, wanted, visit)?,
                    None if wanted(unpacked(&name)) => visit_file(&name, open()?, visit)?,
                    None => {}
                }
            }
            return Ok(());
        }
        let file = File::open(path).map_err(Error::io(path))?;
        match Archive::of(&name) {
            Some(Archive::Zip) => return visit_zip(file, path, "", wanted, visit),
            Some(Archive::TarGz) => return visit_tar(file, path, "", wanted, visit),
            None => {}
        }
        let name = path.file_name().map_or(name, |n| n.to_string_lossy());
        visit_file(&name, file, visit)
    }

    /// Returns whether the folder holds a wanted file; `false` for anything but a folder.
    pub(crate) fn holds(&self, wanted: Wanted<'_>) -> bool {
        list(&self.path).is_ok_and(|files| files.iter().any(|(name, _)| wanted(unpacked(name))))
    }

    /// Returns whether there is a wanted file, in archives as well.
    pub(crate) fn holds_deep(&self, wanted: Wanted<'_>) -> bool {
        let mut found = false;
        // An error ends the search at the first file that is wanted.
        let end = self.visit(wanted, &mut |name, _| {
            found = true;
            Err(Error::format(name, "found"))
        });
        end.is_err() && found
    }

    /// Computes the SHA-256, in hex, over the bytes of the file, or of the wanted files of a folder in order of name.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn digest(&self, wanted: Wanted<'_>) -> Result<String, Error> {
        let mut hash = Sha256::new();
        let mut add = |path: &Path| {
            let mut file = File::open(path).map_err(Error::io(path))?;
            io::copy(&mut file, &mut hash)
                .map(drop)
                .map_err(Error::io(path))
        };
        if self.path.is_dir() {
            for (name, path) in list(&self.path)? {
                let archive = self.archives && Archive::of(&name).is_some();
                if archive || wanted(unpacked(&name)) {
                    add(&path)?;
                }
            }
        } else {
            add(&self.path)?;
        }
        Ok(hex(&hash.finalize()))
    }
}

/// Returns the name of a file once it is unpacked: without `.gz`, which does not apply to `.tar.gz`.
pub(crate) fn unpacked(name: &str) -> &str {
    let inner = || name.get(..name.len() - ".gz".len()).unwrap_or(name);
    match ends_with(name, ".gz") && Archive::of(name).is_none() {
        true => inner(),
        false => name,
    }
}

/// Returns whether a name has this ending, in any case.
fn ends_with(name: &str, ending: &str) -> bool {
    let at = name.len().checked_sub(ending.len());
    at.and_then(|at| name.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

/// Kinds of archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Archive {
    Zip,
    TarGz,
}

impl Archive {
    /// Tells an archive by its name.
    fn of(name: &str) -> Option<Self> {
        if ends_with(name, ".zip") {
            return Some(Self::Zip);
        }
        (ends_with(name, ".tar.gz") || ends_with(name, ".tgz")).then_some(Self::TarGz)
    }
}

/// Visits a plain file, or what a `.gz` holds.
fn visit_file(name: &str, file: File, visit: Visit<'_>) -> Result<(), Error> {
    let inner = unpacked(name);
    if inner == name {
        visit(name, &mut BufReader::new(file))
    } else {
        visit(name, &mut MultiGzDecoder::new(BufReader::new(file)))
    }
}

/// Formats bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Returns whether an entry was left behind by an operating system.
fn is_litter(name: &str) -> bool {
    name.split('/')
        .any(|part| part == "__MACOSX" || part.starts_with('.'))
}

/// Lists all files below `folder`, with `/`-separated names relative to it, sorted by name.
fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), folder.to_owned())];
    while let Some((prefix, folder)) = open.pop() {
        for entry in std::fs::read_dir(&folder).map_err(Error::io(&folder))? {
            let entry = entry.map_err(Error::io(&folder))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if is_litter(&name) {
                continue;
            }
            let path = entry.path();
            if path.is_dir() {
                // Following a link to a parent folder would never end.
                if !path.is_symlink() {
                    open.push((format!("{name}/"), path));
                }
            } else {
                found.push((name, path));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn archive_error(path: &Path) -> impl Fn(zip::result::ZipError) -> Error {
    let path = path.to_owned();
    move |e| Error::Archive {
        path: path.clone(),
        reason: e.to_string(),
    }
}

fn visit_zip<R: Read + Seek>(
    reader: R,
    path: &Path,
    prefix: &str,
    wanted: Wanted<'_>,
    visit: Visit<'_>,
) -> Result<(), Error> {
    let mut archive = ZipArchive::new(BufReader::new(reader)).map_err(archive_error(path))?;
    let mut names = archive
        .file_names()
        .map(|name| name.map(|n| n.into_owned()))
        .collect::<Result<Vec<String>, _>>()
        .map_err(archive_error(path))?;
    names.retain(|n| !n.ends_with('/') && !is_litter(n));
    names.sort();
    for name in names {
        let full = format!("{prefix}{name}");
        if Archive::of(&name) == Some(Archive::Zip) {
            // Reading a zip needs seeking, and a compressed entry cannot seek, so it is copied to a temporary file.
            let inner = path.join(&name);
            let mut spool = tempfile::tempfile().map_err(Error::io(&inner))?;
            let mut entry = archive.by_name(&name).map_err(archive_error(path))?;
            io::copy(&mut entry, &mut spool).map_err(Error::io(&inner))?;
            spool.seek(SeekFrom::Start(0)).map_err(Error::io(&inner))?;
            visit_zip(spool, &inner, &format!("{full}/"), wanted, visit)?;
        } else if wanted(unpacked(&full)) {
            let mut entry = archive.by_name(&name).map_err(archive_error(path))?;
            visit_entry(&full, &mut entry, visit)?;
        }
    }
    Ok(())
}

/// Visits an entry of an archive, or what it holds if it is packed once more.
fn visit_entry(name: &str, mut entry: impl Read, visit: Visit<'_>) -> Result<(), Error> {
    if unpacked(name) == name {
        visit(name, &mut entry)
    } else {
        visit(name, &mut MultiGzDecoder::new(entry))
    }
}

fn visit_tar(
    file: File,
    path: &Path,
    prefix: &str,
    wanted: Wanted<'_>,
    visit: Visit<'_>,
) -> Result<(), Error> {
    let damaged = |e: io::Error| Error::Archive {
        path: path.to_owned(),
        reason: e.to_string(),
    };
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = entry.path().map_err(damaged)?;
        let name = format!("{prefix}{}", name.to_string_lossy());
        if entry.header().entry_type().is_file() && !is_litter(&name) && wanted(unpacked(&name)) {
            visit_entry(&name, &mut entry, visit)?;
        }
    }
    Ok(())
}
