//! HTTP by means of the system's `curl`: one request, its headers, and its body as a reader.
//!
//! A download of a data set is the only time that Mote needs the network. A TLS library for it would be half of this
//! crate's build, and `curl` is on nearly every machine on which Rust was installed.

use std::{
    io::{self, BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
};

/// Options of every request. `--include` writes the headers in front of the body.
const OPTIONS: [&str; 15] = [
    // Ignores ~/.curlrc, whose options could change what is written. It must come first.
    "--disable",
    "--silent",
    "--show-error",
    "--fail",
    "--location",
    "--include",
    "--suppress-connect-headers",
    "--user-agent",
    concat!("mote/", env!("CARGO_PKG_VERSION")),
    "--connect-timeout",
    "30",
    // Gives up after 60 s without a byte.
    "--speed-limit",
    "1",
    "--speed-time",
    "60",
];

/// The answer to a request; reading it reads the body.
#[derive(Debug)]
pub(crate) struct Response {
    /// HTTP status, such as 200.
    pub status: u16,
    /// First byte of a partial answer, from `Content-Range`.
    pub start: Option<u64>,
    /// Length of the body in bytes, when the server says so.
    pub length: Option<u64>,
    body: BufReader<ChildStdout>,
    curl: Child,
}

impl Response {
    /// Requests `url` from the byte `from` on, and waits for the headers.
    ///
    /// # Errors
    /// A sentence that says what is wrong, when there is no curl or no answer.
    pub fn open(url: &str, from: u64) -> Result<Self, String> {
        let mut command = Command::new("curl");
        command.args(OPTIONS);
        if from > 0 {
            command.args(["--header", &format!("Range: bytes={from}-")]);
        }
        let mut curl = command
            .args(["--url", url])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| match e.kind() {
                io::ErrorKind::NotFound => {
                    "downloads need the program curl, which is not installed".to_owned()
                }
                _ => format!("curl cannot be started: {e}"),
            })?;
        let Some(body) = curl.stdout.take() else {
            return Err("curl was started without an output".to_owned());
        };
        let mut response = Self {
            status: 0,
            start: None,
            length: None,
            body: BufReader::with_capacity(1 << 16, body),
            curl,
        };
        // Redirections, which curl follows, have headers of their own.
        while response.status < 200 || (300..400).contains(&response.status) {
            if !response.read_head().map_err(|e| e.to_string())? {
                let ended = response.finish();
                return Err(ended
                    .err()
                    .unwrap_or_else(|| "there was no answer".to_owned()));
            }
        }
        Ok(response)
    }

    /// Reads one block of headers; returns whether there was one.
    fn read_head(&mut self) -> io::Result<bool> {
        (self.status, self.start, self.length) = (0, None, None);
        let mut line = Vec::new();
        loop {
            line.clear();
            // No server sends longer lines, and a file without line ends must not fill the memory.
            let read = (&mut self.body)
                .take(1 << 16)
                .read_until(b'\n', &mut line)?;
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end();
            if read == 0 || text.is_empty() {
                return Ok(self.status != 0);
            }
            if self.status == 0 {
                let status = text.split(' ').nth(1).and_then(|s| s.parse().ok());
                self.status = status.ok_or_else(|| {
                    io::Error::other(format!("the answer is not HTTP: it begins with `{text}`"))
                })?;
            } else if let Some((name, value)) = text.split_once(':') {
                let value = value.trim();
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => self.length = value.parse().ok(),
                    "content-range" => self.start = range_start(value),
                    _ => {}
                }
            }
        }
    }

    /// Waits for curl to end; call it once the body was read.
    ///
    /// # Errors
    /// What curl says when the download is not complete.
    pub fn finish(mut self) -> Result<(), String> {
        let mut message = String::new();
        if let Some(mut stderr) = self.curl.stderr.take() {
            stderr
                .read_to_string(&mut message)
                .map_err(|e| e.to_string())?;
        }
        let status = self.curl.wait().map_err(|e| e.to_string())?;
        match (status.success(), message.trim()) {
            (true, _) => Ok(()),
            (false, "") => Err(format!("curl ended with {status}")),
            (false, message) => Err(message.to_owned()),
        }
    }
}

impl Read for Response {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer)
    }
}

impl Drop for Response {
    /// Stops curl where the body was not read to its end.
    fn drop(&mut self) {
        // Both fail only when curl has ended and was waited for already.
        let _ = self.curl.kill();
        let _ = self.curl.wait();
    }
}

/// Returns the first byte of a partial answer: `bytes 100-199/200` gives 100.
fn range_start(range: &str) -> Option<u64> {
    let range = range.strip_prefix("bytes ")?;
    range.split('-').next()?.parse().ok()
}
