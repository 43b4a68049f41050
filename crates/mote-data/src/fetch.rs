//! Downloads of the official archives.

use crate::{Dataset, Error, Files, sources::sources};
use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};
use ureq::{Agent, http::Response};

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes on disk.
    pub done: u64,
    /// Bytes in all, when the server says so.
    pub total: Option<u64>,
}

/// A data set that is on disk now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The archive.
    pub path: PathBuf,
    /// Its SHA-256 in hex, also in `<archive>.sha256` beside it (as `sha256sum -c` reads it).
    pub digest: String,
    /// Whether it had been there before.
    pub present: bool,
}

/// All data sets that can be downloaded.
pub fn datasets() -> Vec<&'static Dataset> {
    let mut all: Vec<_> = sources().iter().filter_map(|s| s.dataset()).collect();
    all.dedup_by_key(|d| d.name);
    all
}

/// The data set of that name, or the one that the task or source of that name reads.
///
/// # Errors
/// [`Error::UnknownDataset`] with the names there are.
pub fn dataset(name: &str) -> Result<&'static Dataset, Error> {
    let source = name.split('/').next().unwrap_or(name);
    let named = datasets().into_iter().find(|d| d.name == name);
    let read = || {
        sources()
            .iter()
            .find(|s| s.name() == source)
            .and_then(|s| s.dataset())
    };
    named.or_else(read).ok_or_else(|| Error::UnknownDataset {
        name: name.to_owned(),
        known: datasets()
            .iter()
            .map(|d| d.name)
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// Downloads `dataset` to its place below `root`. A download cut short is taken up where it stopped.
///
/// # Errors
/// [`Error::Fetch`], which says which file to put where by other means; [`Error::Io`] when the disk refuses.
pub fn fetch(
    dataset: &Dataset,
    root: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Fetched, Error> {
    let path = root.join(dataset.name).join(dataset.archive);
    download(dataset.url, &path, progress)
}

fn download(url: &str, path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Fetched, Error> {
    let failed = |reason: String| Error::Fetch {
        url: url.to_owned(),
        reason,
        path: path.to_owned(),
    };
    let record = with_suffix(path, ".sha256");
    if path.exists() {
        let digest = Files::at(path).digest(&|_| true)?;
        let recorded = std::fs::read_to_string(&record).unwrap_or_default();
        if recorded
            .split_whitespace()
            .next()
            .is_some_and(|r| r != digest)
        {
            let reason = "the file on disk is not the one that was downloaded; delete it first";
            return Err(failed(reason.to_owned()));
        }
        return Ok(Fetched {
            path: path.to_owned(),
            digest,
            present: true,
        });
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let part = with_suffix(path, ".part");
    let have = std::fs::metadata(&part).map_or(0, |m| m.len());
    let response = request(url, have).map_err(|e| failed(e.to_string()))?;
    let resumed = response.status() == 206 && range_start(&response) == Some(have);
    let have = if resumed { have } else { 0 };
    let length = header(&response, "content-length").and_then(|l| l.parse::<u64>().ok());
    let total = length.map(|l| have + l);
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .append(resumed)
        .truncate(!resumed)
        .open(&part)
        .map_err(Error::io(&part))?;
    let mut body = response.into_body().into_reader();
    let mut done = have;
    let mut buffer = vec![0; 1 << 16];
    loop {
        progress(Progress { done, total });
        let stopped = |e: std::io::Error| failed(format!("{e}; run again to go on from here"));
        let read = body.read(&mut buffer).map_err(stopped)?;
        if read == 0 {
            break;
        }
        file.write_all(buffer.get(..read).unwrap_or(&[]))
            .map_err(Error::io(&part))?;
        done += read as u64;
    }
    if total.is_some_and(|t| t != done) {
        let reason = format!("only {done} bytes came; run again to go on from here");
        return Err(failed(reason));
    }
    file.sync_all().map_err(Error::io(&part))?;
    finish(&part, path, &record)
}

/// Gives a complete download its name and records its digest.
fn finish(part: &Path, path: &Path, record: &Path) -> Result<Fetched, Error> {
    let digest = Files::at(part).digest(&|_| true)?;
    std::fs::rename(part, path).map_err(Error::io(path))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut file = File::create(record).map_err(Error::io(record))?;
    writeln!(file, "{digest}  {name}").map_err(Error::io(record))?;
    Ok(Fetched {
        path: path.to_owned(),
        digest,
        present: false,
    })
}

fn request(url: &str, have: u64) -> Result<Response<ureq::Body>, ureq::Error> {
    let config = Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_per_read(Some(Duration::from_secs(60)))
        .user_agent(concat!("mote/", env!("CARGO_PKG_VERSION")));
    let agent: Agent = config.build().into();
    if have == 0 {
        return agent.get(url).call();
    }
    match agent
        .get(url)
        .header("Range", format!("bytes={have}-"))
        .call()
    {
        // Nothing is left to send, or the part is longer than the file: start over.
        Err(ureq::Error::StatusCode(416)) => agent.get(url).call(),
        other => other,
    }
}

fn header<'a>(response: &'a Response<ureq::Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// First byte of a partial answer: `bytes 100-199/200` gives 100.
fn range_start(response: &Response<ureq::Body>) -> Option<u64> {
    let range = header(response, "content-range")?.strip_prefix("bytes ")?;
    range.split('-').next()?.parse().ok()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
