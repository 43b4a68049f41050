//! Text files as lines of bytes: encodings, line ends, and lines that never end.

use super::description::Encoding;
use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;
use std::{
    borrow::Cow,
    io::{self, Cursor, Read},
};

/// Bytes read at once.
const CHUNK: usize = 1 << 18;

/// Longest line in bytes.
const LONGEST: usize = 1 << 20;

/// Bytes that the encoding is told by.
const HEAD: u64 = 4096;

/// A line of a file.
pub(crate) enum Line<'a> {
    /// Its bytes without the line end.
    Text(&'a [u8]),
    /// It has no end within a megabyte; the rest of it was skipped.
    TooLong,
}

/// Reads lines, one at a time.
pub(crate) struct Lines<'a> {
    reader: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    done: bool,
    number: u64,
    /// `\n`, or `\r` in files of old Macs.
    terminator: Option<u8>,
}

impl<'a> Lines<'a> {
    /// Starts on a file. `\r\n`, `\n` and `\r` end lines.
    ///
    /// # Errors
    /// When the first bytes cannot be read.
    pub(crate) fn new(mut reader: &'a mut dyn Read, encoding: Encoding) -> io::Result<Self> {
        let mut head = Vec::new();
        (&mut reader).take(HEAD).read_to_end(&mut head)?;
        let utf16 = match encoding {
            Encoding::Utf16 => Some(utf16(&head).unwrap_or(UTF_16LE)),
            Encoding::Auto => utf16(&head),
            _ => None,
        };
        let single = (encoding == Encoding::Latin1).then_some(WINDOWS_1252);
        let marked = head.starts_with(b"\xef\xbb\xbf");
        let mut whole = Cursor::new(head).chain(reader);
        let reader: Box<dyn Read + 'a> = match utf16.or(single) {
            Some(encoding) => Box::new(
                DecodeReaderBytesBuilder::new()
                    .encoding(Some(encoding))
                    .build(whole),
            ),
            None => {
                if marked {
                    whole.read_exact(&mut [0; 3])?;
                }
                Box::new(whole)
            }
        };
        Ok(Self {
            reader,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            done: false,
            number: 0,
            terminator: None,
        })
    }

    /// Returns the next line and its number, from 1; `None` after the last.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        let mut skipping = false;
        let mut searched = 0;
        loop {
            let held = self.buffer.get(self.start..self.end).unwrap_or(&[]);
            let terminator = self.terminator.unwrap_or(b'\n');
            let found = memchr::memchr(terminator, held.get(searched..).unwrap_or(&[]));
            let (length, ended) = match found {
                Some(at) => (searched + at, true),
                None if self.done && held.is_empty() && !skipping => return Ok(None),
                None if self.done => (held.len(), false),
                None => {
                    if held.len() > LONGEST {
                        skipping = true;
                        self.start = self.end;
                    }
                    searched = self.end - self.start;
                    self.fill()?;
                    if self.terminator.is_none() {
                        // The terminator was not known when the line was searched.
                        searched = 0;
                        let held = self.buffer.get(self.start..self.end).unwrap_or(&[]);
                        self.terminator = if memchr::memchr(b'\n', held).is_some() {
                            Some(b'\n')
                        } else {
                            memchr::memchr(b'\r', held).map(|_| b'\r')
                        };
                    }
                    continue;
                }
            };
            let start = self.start;
            self.start += length + usize::from(ended);
            self.number += 1;
            if skipping {
                return Ok(Some((self.number, Line::TooLong)));
            }
            let line = self.buffer.get(start..start + length).unwrap_or(&[]);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            return Ok(Some((self.number, Line::Text(line))));
        }
    }

    /// Reads more bytes behind those that are held.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < CHUNK / 2 {
            self.buffer.resize(self.buffer.len() + CHUNK, 0);
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or(&mut []);
        loop {
            match self.reader.read(free) {
                Ok(read) => {
                    self.end += read;
                    self.done = read == 0;
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

/// Tells UTF-16 by its byte order mark, or by every other byte being zero.
fn utf16(head: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    match head {
        [0xff, 0xfe, ..] => return Some(UTF_16LE),
        [0xfe, 0xff, ..] => return Some(UTF_16BE),
        _ => {}
    }
    let pairs = head.as_chunks::<2>().0;
    let zeros = |side: usize| pairs.iter().filter(|p| p.get(side) == Some(&0)).count();
    let most = |side: usize| pairs.len() > 2 && zeros(side) * 2 > pairs.len();
    match (most(0), most(1)) {
        (false, true) => Some(UTF_16LE),
        (true, false) => Some(UTF_16BE),
        _ => None,
    }
}

/// Returns bytes as text: UTF-8, or Latin-1 where they are no UTF-8.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut bytes: &[u8], encoding: Encoding) -> Vec<(u64, String)> {
        let mut lines = Lines::new(&mut bytes, encoding).unwrap();
        let mut all = Vec::new();
        while let Some((n, line)) = lines.next().unwrap() {
            all.push(match line {
                Line::Text(line) => (n, text(line).into_owned()),
                Line::TooLong => (n, "(too long)".to_owned()),
            });
        }
        all
    }

    #[test]
    fn line_ends_and_encodings() {
        let expected = [
            (1, "a,é".to_owned()),
            (2, String::new()),
            (3, "b".to_owned()),
        ];
        let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "a,é\r\n\r\nb".encode_utf16().flat_map(order).collect()
        };
        for bytes in [
            "a,é\n\nb\n".as_bytes().to_vec(),
            "\u{feff}a,é\r\n\r\nb".as_bytes().to_vec(),
            "a,é\r\rb".as_bytes().to_vec(),
            b"a,\xe9\n\nb".to_vec(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
            [b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat(),
        ] {
            assert_eq!(lines(&bytes, Encoding::Auto), expected, "{bytes:?}");
        }
        assert_eq!(lines(b"a,\xe9\n\nb", Encoding::Latin1), expected);
        assert_eq!(lines(b"", Encoding::Auto), []);
    }

    #[test]
    fn a_line_without_an_end_is_skipped() {
        let mut bytes = b"a\n".to_vec();
        bytes.extend(vec![b'x'; 3 << 20]);
        bytes.extend(b"\nb\n");
        let found = lines(&bytes, Encoding::Auto);
        let found: Vec<_> = found.iter().map(|(n, t)| (*n, t.as_str())).collect();
        assert_eq!(found, [(1, "a"), (2, "(too long)"), (3, "b")]);
    }
}
