//! Reads text line by line, in bounded memory.

use crate::Error;
use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
};

/// Longest line of a text file, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// Reads a text file line by line.
pub(super) struct Lines<'a> {
    reader: BufReader<&'a mut dyn Read>,
    path: &'a Path,
    line: Vec<u8>,
    /// Number of the line at hand, from 1.
    number: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn new(reader: &'a mut dyn Read, path: &'a Path) -> Self {
        Self {
            reader: BufReader::with_capacity(1 << 16, reader),
            path,
            line: Vec::new(),
            number: 0,
        }
    }

    /// Reads the next line: its number from 1, and the line without its end.
    ///
    /// # Errors
    /// For text that cannot be read line by line, saying how to save it.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, Error> {
        self.line.clear();
        let mut limited = (&mut self.reader).take(LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut self.line);
        if read.map_err(Error::io(self.path))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let fail = |what: &str| Error::format(self.path, format!("line {}: {what}", self.number));
        let mut line = self.line.as_slice();
        if self.number == 1 {
            if line.starts_with(b"\xFF\xFE") || line.starts_with(b"\xFE\xFF") {
                return Err(fail("the text is UTF-16; save it as UTF-8"));
            }
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        match line.strip_suffix(b"\n") {
            Some(whole) => line = whole,
            None if line.len() as u64 >= LONGEST_LINE - 3 => {
                return Err(fail(
                    "longer than 1 MiB; this is no text of one row per line",
                ));
            }
            None => {}
        }
        while let Some(whole) = line.strip_suffix(b"\r") {
            line = whole;
        }
        // Later ones are in one damaged row.
        if self.number == 1 && memchr::memchr(b'\r', line).is_some() {
            return Err(fail(
                "a carriage return within it; save the file with line ends \\n or \\r\\n",
            ));
        }
        Ok(Some((self.number, line)))
    }
}
