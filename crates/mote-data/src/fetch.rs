//! Downloads the official archives.

use crate::{Dataset, Error, Files, curl::Response, sources::sources};
use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
};

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

/// Lists the data sets that can be downloaded.
pub fn datasets() -> Vec<&'static Dataset> {
    let mut all: Vec<_> = sources().iter().filter_map(|s| s.dataset()).collect();
    all.dedup_by_key(|d| d.name);
    all.retain(|d| !d.archive.is_empty());
    all
}

/// Finds a data set by its name, or by the name of a task or source that reads it.
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

/// Downloads `dataset` to its place below `root`. A download that was cut short continues where it stopped.
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

/// Downloads `url` to `path` by way of a file `.part` beside it.
fn download(url: &str, path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Fetched, Error> {
    let failed = |reason: String| Error::Fetch {
        url: url.to_owned(),
        reason,
        path: path.to_owned(),
    };
    let stopped = |reason: String| failed(format!("{reason}; run again to continue from here"));
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
    let mut response = Response::open(url, have).map_err(failed)?;
    if have > 0 && response.status == 416 {
        // The part is as long as the file, or longer: start over.
        response = Response::open(url, 0).map_err(failed)?;
    }
    if response.status >= 400 {
        let refused = format!("the server refuses with status {}", response.status);
        return Err(failed(refused));
    }
    let resumed = response.status == 206 && response.start == Some(have);
    let have = if resumed { have } else { 0 };
    let total = response.length.map(|length| have + length);
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .append(resumed)
        .truncate(!resumed)
        .open(&part)
        .map_err(Error::io(&part))?;
    let mut done = have;
    let mut buffer = vec![0; 1 << 16];
    loop {
        progress(Progress { done, total });
        let read = response
            .read(&mut buffer)
            .map_err(|e| stopped(e.to_string()))?;
        if read == 0 {
            break;
        }
        file.write_all(buffer.get(..read).unwrap_or(&[]))
            .map_err(Error::io(&part))?;
        done += read as u64;
    }
    response.finish().map_err(stopped)?;
    if total.is_some_and(|t| t != done) {
        return Err(stopped(format!("only {done} bytes arrived")));
    }
    file.sync_all().map_err(Error::io(&part))?;
    finish(&part, path, &record)
}

/// Renames a complete download and records its digest.
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

/// Appends `suffix` to the file name.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{BufRead, BufReader},
        net::TcpListener,
        thread,
    };

    /// Status line with headers, and body, for a request from the given byte on.
    type Answer = fn(u64) -> (String, Vec<u8>);

    /// Serves one request per answer; returns the address, and the first bytes asked for when done.
    fn serve(answers: Vec<Answer>) -> (String, thread::JoinHandle<Vec<u64>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/data.zip", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let mut starts = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut start = 0;
                for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                    let line = line.unwrap().to_lowercase();
                    if let Some(range) = line.strip_prefix("range: bytes=") {
                        start = range.trim_end_matches('-').parse().unwrap();
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                let (head, body) = answer(start);
                write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").unwrap();
                stream.write_all(&body).unwrap();
                starts.push(start);
            }
            starts
        });
        (url, server)
    }

    fn bytes() -> Vec<u8> {
        (0..200_000u32).map(|i| (i * 7 % 251) as u8).collect()
    }

    fn whole(_: u64) -> (String, Vec<u8>) {
        (
            format!("200 OK\r\nContent-Length: {}", bytes().len()),
            bytes(),
        )
    }

    fn cut_short(_: u64) -> (String, Vec<u8>) {
        (
            format!("200 OK\r\nContent-Length: {}", bytes().len()),
            bytes()[..150_000].to_vec(),
        )
    }

    fn rest(start: u64) -> (String, Vec<u8>) {
        let body = bytes().split_off(start as usize);
        let (last, all) = (bytes().len() - 1, bytes().len());
        let range = format!("Content-Range: bytes {start}-{last}/{all}");
        (
            format!(
                "206 Partial Content\r\n{range}\r\nContent-Length: {}",
                body.len()
            ),
            body,
        )
    }

    fn past_the_end(_: u64) -> (String, Vec<u8>) {
        (
            "416 Range Not Satisfiable\r\nContent-Length: 0".to_owned(),
            Vec::new(),
        )
    }

    fn moved(_: u64) -> (String, Vec<u8>) {
        (
            "302 Found\r\nLocation: /elsewhere.zip\r\nContent-Length: 5".to_owned(),
            b"moved".to_vec(),
        )
    }

    fn missing(_: u64) -> (String, Vec<u8>) {
        ("404 Not Found\r\nContent-Length: 0".to_owned(), Vec::new())
    }

    #[test]
    fn a_download_is_complete_recorded_and_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set/data.zip");
        let (url, server) = serve(vec![whole]);
        let mut last = None;
        let fetched = download(&url, &path, &mut |p| last = Some(p)).unwrap();
        assert_eq!(server.join().unwrap(), [0]);
        let all = bytes().len() as u64;
        assert_eq!(
            last,
            Some(Progress {
                done: all,
                total: Some(all)
            })
        );
        assert_eq!(std::fs::read(&path).unwrap(), bytes());
        let record = std::fs::read_to_string(folder.path().join("set/data.zip.sha256")).unwrap();
        assert_eq!(record, format!("{}  data.zip\n", fetched.digest));
        let again = download(&url, &path, &mut |_| {}).unwrap();
        assert!(again.present && again.digest == fetched.digest);
        std::fs::write(&path, b"changed").unwrap();
        let error = download(&url, &path, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("not the one that was downloaded"), "{error}");
    }

    #[test]
    fn a_download_cut_short_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.zip");
        let (url, server) = serve(vec![cut_short, rest]);
        let error = download(&url, &path, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("run again"), "{error}");
        assert!(!path.exists());
        download(&url, &path, &mut |_| {}).unwrap();
        assert_eq!(server.join().unwrap(), [0, 150_000]);
        assert_eq!(std::fs::read(&path).unwrap(), bytes());
    }

    #[test]
    fn redirections_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.zip");
        std::fs::write(folder.path().join("data.zip.part"), &bytes()[..7]).unwrap();
        let (url, server) = serve(vec![moved, rest]);
        let mut last = None;
        download(&url, &path, &mut |p| last = Some(p)).unwrap();
        assert_eq!(server.join().unwrap(), [7, 7]);
        let all = bytes().len() as u64;
        let (done, total) = (all, Some(all));
        assert_eq!(last, Some(Progress { done, total }));
        assert_eq!(std::fs::read(&path).unwrap(), bytes());
    }

    #[test]
    fn servers_that_cannot_resume_start_over() {
        for answers in [vec![whole as Answer], vec![past_the_end, whole]] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("data.zip");
            std::fs::write(folder.path().join("data.zip.part"), b"old").unwrap();
            let (url, server) = serve(answers);
            download(&url, &path, &mut |_| {}).unwrap();
            assert_eq!(server.join().unwrap()[0], 3);
            assert_eq!(std::fs::read(&path).unwrap(), bytes());
        }
    }

    #[test]
    fn without_a_server_it_says_which_file_to_put_where() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.zip");
        let (url, server) = serve(vec![missing]);
        let error = download(&url, &path, &mut |_| {}).unwrap_err().to_string();
        server.join().unwrap();
        assert!(error.contains("404"), "{error}");
        // Nobody listens there any more.
        let error = download(&url, &path, &mut |_| {}).unwrap_err().to_string();
        let save = format!("save it as {}", path.display());
        assert!(error.contains(&url) && error.contains(&save), "{error}");
    }

    #[test]
    fn data_sets_are_found_by_any_of_their_names() {
        let names: Vec<_> = datasets().iter().map(|d| d.name).collect();
        assert_eq!(names, ["wisdm-2019", "wisdm-v1.1", "motionsense"]);
        for name in ["wisdm-2019", "wisdm-2019-phone", "wisdm-2019-watch/18"] {
            assert_eq!(dataset(name).unwrap().name, "wisdm-2019");
        }
        assert_eq!(dataset("wisdm-v1.1-features/6").unwrap().name, "wisdm-v1.1");
        assert!(
            dataset("synthetic/6")
                .unwrap_err()
                .to_string()
                .contains("motionsense")
        );
    }
}
