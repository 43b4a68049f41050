//! Parts a line into fields.

use super::description::{Delimiter, Description};
use crate::Reason;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// Fields of the line at hand; kept to reuse its memory.
pub(crate) struct Fields {
    delimiter: Delimiter,
    /// Reads lines with quotes, where the description asks for them.
    quoted: Option<Box<Reader>>,
    ends: Vec<(usize, usize)>,
    /// The fields of a line with quotes, one after the other.
    unquoted: Vec<u8>,
    unquoted_ends: Vec<usize>,
    is_unquoted: bool,
}

impl Fields {
    pub(crate) fn new(description: &Description) -> Self {
        let reader = |byte| {
            let reader = ReaderBuilder::new().delimiter(byte).build();
            Box::new(reader)
        };
        let quoted = match description.delimiter {
            Delimiter::Byte(byte) if description.quotes => Some(reader(byte)),
            Delimiter::Blanks if description.quotes => Some(reader(b' ')),
            _ => None,
        };
        Self {
            delimiter: description.delimiter,
            quoted,
            ends: Vec::new(),
            unquoted: Vec::new(),
            unquoted_ends: Vec::new(),
            is_unquoted: false,
        }
    }

    /// Parts `line` and returns the number of fields.
    ///
    /// # Errors
    /// [`Reason::OpenQuote`] for a quote that does not close on its line.
    pub(crate) fn split(&mut self, line: &[u8]) -> Result<usize, Reason> {
        self.ends.clear();
        self.is_unquoted = self.quoted.is_some() && memchr::memchr(b'"', line).is_some();
        if self.is_unquoted {
            return self.unquote(line);
        }
        match self.delimiter {
            Delimiter::Byte(byte) => {
                let mut start = 0;
                for at in memchr::memchr_iter(byte, line) {
                    self.ends.push((start, at));
                    start = at + 1;
                }
                self.ends.push((start, line.len()));
            }
            Delimiter::Blanks => {
                let mut start = None;
                for (i, byte) in line.iter().enumerate() {
                    match (byte.is_ascii_whitespace(), start) {
                        (false, None) => start = Some(i),
                        (true, Some(from)) => {
                            self.ends.push((from, i));
                            start = None;
                        }
                        _ => {}
                    }
                }
                self.ends.extend(start.map(|from| (from, line.len())));
            }
        }
        Ok(self.ends.len())
    }

    fn unquote(&mut self, line: &[u8]) -> Result<usize, Reason> {
        let Some(reader) = &mut self.quoted else {
            return Ok(0);
        };
        reader.reset();
        self.unquoted.resize(line.len() + 1, 0);
        self.unquoted_ends.resize(line.len() + 2, 0);
        let (result, _, _, count) =
            reader.read_record(line, &mut self.unquoted, &mut self.unquoted_ends);
        // A record that is whole only needs the end of the line; one that has an open quote goes on behind it.
        let more = matches!(result, ReadRecordResult::InputEmpty);
        let mut rest = [0; 2];
        let mut rest_ends = [0; 2];
        let (end, _, _, last) = reader.read_record(b"\n", &mut rest, &mut rest_ends);
        if !more || !matches!(end, ReadRecordResult::Record) {
            return Err(Reason::OpenQuote);
        }
        let mut start = 0;
        let ends = self.unquoted_ends.get(..count).unwrap_or(&[]);
        for &end in ends.iter().chain(rest_ends.iter().take(last)) {
            self.ends.push((start, end));
            start = end;
        }
        Ok(self.ends.len())
    }

    /// Returns field `n` of the line that was parted, without blanks around it, and without quotes that enclose it.
    pub(crate) fn get<'a>(&'a self, line: &'a [u8], n: usize) -> Option<&'a [u8]> {
        let &(start, end) = self.ends.get(n)?;
        let bytes = if self.is_unquoted {
            &self.unquoted
        } else {
            line
        };
        let field = bytes.get(start..end)?.trim_ascii();
        Some(match field {
            [b'"', inner @ .., b'"'] if !self.is_unquoted => inner,
            field => field,
        })
    }

    /// Counts the fields.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }
}
