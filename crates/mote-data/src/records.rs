//! Parses the text records `user,activity,timestamp,x,y,z;` of the WISDM raw files.
//!
//! A record ends at `;` or at the end of its line, so several records on one line, a missing `;` and a
//! missing last newline are all read correctly.

use crate::Reason;
use std::io::{self, Read};

/// A record as it stands in the file; only its form has been checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TextRecord<'a> {
    pub user: u32,
    pub activity: &'a [u8],
    pub t_ns: i64,
    pub sample: [f32; 3],
}

/// Bytes read at once; also the length from which a record counts as endless.
const CHUNK: usize = 1 << 18;

/// Passes every record with its line number (from 1) to `each` and returns the number of blank lines.
pub(crate) fn read_records<R, F, E>(mut reader: R, mut each: F) -> Result<Result<u64, E>, io::Error>
where
    R: Read,
    F: FnMut(u64, Result<TextRecord<'_>, Reason>) -> Result<(), E>,
{
    let mut buffer = vec![0u8; CHUNK];
    let mut state = Lines {
        line: 1,
        records: 0,
        blank: 0,
    };
    let mut held = 0;
    let mut skipping = false;
    loop {
        let free = buffer.get_mut(held..).unwrap_or(&mut []);
        let read = match reader.read(free) {
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let filled = held + read;
        let bytes = buffer.get(..filled).unwrap_or(&[]);
        let end = if read == 0 {
            filled
        } else {
            memchr::memrchr2(b';', b'\n', bytes).map_or(0, |i| i + 1)
        };
        let mut whole = bytes.get(..end).unwrap_or(&[]);
        if skipping && !whole.is_empty() {
            whole = state.skip(whole);
            skipping = false;
        }
        if let Err(e) = state.parse(whole, &mut each) {
            return Ok(Err(e));
        }
        if read == 0 {
            return Ok(Ok(state.blank));
        }
        held = filled - end;
        if held == buffer.len() {
            // No record is this long: reject it once and skip to its end.
            if !skipping && let Err(e) = each(state.line, Err(Reason::TooLong)) {
                return Ok(Err(e));
            }
            state.records += 1;
            skipping = true;
            held = 0;
        } else {
            buffer.copy_within(end..filled, 0);
        }
    }
}

struct Lines {
    line: u64,
    records: u64,
    blank: u64,
}

impl Lines {
    /// Skips the rest of an endless record.
    fn skip<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let end = memchr::memchr2(b';', b'\n', bytes).unwrap_or(bytes.len());
        bytes.get(end..).unwrap_or(&[])
    }

    fn parse<F, E>(&mut self, mut bytes: &[u8], each: &mut F) -> Result<(), E>
    where
        F: FnMut(u64, Result<TextRecord<'_>, Reason>) -> Result<(), E>,
    {
        while let Some(&first) = bytes.first() {
            match first {
                b'\n' => {
                    if self.records == 0 {
                        self.blank += 1;
                    }
                    self.line += 1;
                    self.records = 0;
                    bytes = bytes.get(1..).unwrap_or(&[]);
                }
                b';' | b' ' | b'\t' | b'\r' => bytes = bytes.get(1..).unwrap_or(&[]),
                _ => {
                    let (record, rest) = match fast(bytes) {
                        Some((record, rest)) => (Ok(record), rest),
                        None => {
                            let end = memchr::memchr2(b';', b'\n', bytes).unwrap_or(bytes.len());
                            let (text, rest) = bytes.split_at(end);
                            (general(text), rest)
                        }
                    };
                    self.records += 1;
                    each(self.line, record)?;
                    bytes = rest;
                }
            }
        }
        Ok(())
    }
}

/// Parses the record at the start of `bytes` when it has the common form: no spaces, no empty fields. Returns it with
/// the bytes behind it.
#[inline]
fn fast(bytes: &[u8]) -> Option<(TextRecord<'_>, &[u8])> {
    let (user, rest) = digits(bytes)?;
    let user = u32::try_from(user).ok()?;
    let rest = rest.strip_prefix(b",")?;
    let comma = rest.iter().take(32).position(|&b| b == b',')?;
    let (activity, rest) = rest.split_at(comma);
    if activity.is_empty() || activity.iter().any(|&b| !b.is_ascii_graphic() || b == b';') {
        return None;
    }
    let (t_ns, rest) = digits(rest.strip_prefix(b",")?)?;
    let t_ns = i64::try_from(t_ns).ok()?;
    let (x, rest) = float(rest.strip_prefix(b",")?)?;
    let (y, rest) = float(rest.strip_prefix(b",")?)?;
    let (z, rest) = float(rest.strip_prefix(b",")?)?;
    let sample = [x, y, z];
    match rest.first() {
        None | Some(b';' | b'\n' | b'\r') => Some((
            TextRecord {
                user,
                activity,
                t_ns,
                sample,
            },
            rest,
        )),
        _ => None,
    }
}

/// Parses up to 18 digits at the start of `bytes`; a u64 holds them without a check.
#[inline]
fn digits(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    let mut n = 0;
    while let Some(digit) = bytes
        .get(n)
        .map(|b| b.wrapping_sub(b'0'))
        .filter(|&d| d < 10)
    {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        n += 1;
    }
    ((1..=18).contains(&n)).then(|| (value, bytes.get(n..).unwrap_or(&[])))
}

#[inline]
fn float(bytes: &[u8]) -> Option<(f32, &[u8])> {
    let (value, n) = fast_float2::parse_partial::<f32, _>(bytes).ok()?;
    Some((value, bytes.get(n..)?))
}

/// Parses one record without its terminator, in any form the data sets use, or returns why it is rejected.
fn general(text: &[u8]) -> Result<TextRecord<'_>, Reason> {
    let mut fields = [&[][..]; 6];
    let mut count = 0;
    for field in text.split(|&b| b == b',') {
        if let Some(slot) = fields.get_mut(count) {
            *slot = field.trim_ascii();
        }
        count += 1;
    }
    if count != fields.len() {
        return Err(Reason::FieldCount);
    }
    if fields.iter().any(|f| f.is_empty()) {
        return Err(Reason::EmptyField);
    }
    let [user, activity, t_ns, x, y, z] = fields;
    Ok(TextRecord {
        user: number(user)?,
        activity,
        t_ns: number(t_ns)?,
        sample: [decimal(x)?, decimal(y)?, decimal(z)?],
    })
}

/// Parses an integer field.
pub(crate) fn number<T: std::str::FromStr>(field: &[u8]) -> Result<T, Reason> {
    std::str::from_utf8(field)
        .ok()
        .and_then(|s| s.parse().ok())
        .ok_or(Reason::BadNumber)
}

/// Parses a decimal field, rounded as `str::parse` rounds it.
pub(crate) fn decimal(field: &[u8]) -> Result<f32, Reason> {
    fast_float2::parse(field).map_err(|_| Reason::BadNumber)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A number as text, in every notation the data sets use.
        #[test]
        fn decimals_round_as_the_standard_library_rounds(
            bits: u32, digits in 0usize..20, plain: f64, short in "-?[0-9]{1,9}\\.[0-9]{1,12}(e-?[0-9]{1,2})?",
        ) {
            let value = f32::from_bits(bits);
            for text in [format!("{value}"), format!("{value:e}"), format!("{plain:.digits$}"), short] {
                let expected: f32 = text.parse().unwrap();
                let found = decimal(text.as_bytes()).unwrap();
                prop_assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(), "{text}");
            }
        }

        /// The fast path is only an optimisation: where it takes a record, the general one reads the same.
        #[test]
        fn fast_and_general_agree(text in "[0-9]{1,11},[A-Za-z]{0,8},-?[0-9]{1,19}(,-?[0-9]{0,4}\\.?[0-9]{0,9}){2,4}") {
            if let Some((record, rest)) = fast(text.as_bytes()) {
                prop_assert!(rest.is_empty());
                prop_assert_eq!(general(text.as_bytes()), Ok(record));
            }
        }
    }

    #[test]
    fn the_common_form_takes_the_fast_path() {
        let (record, rest) =
            fast(b"1600,A,90426708196641,7.091625,-0.5916671,8.195502;\n").unwrap();
        assert_eq!(
            (record.user, record.activity, record.t_ns),
            (1600, &b"A"[..], 90426708196641)
        );
        assert_eq!(
            (record.sample, rest),
            ([7.091625, -0.5916671, 8.195502], &b";\n"[..])
        );
    }

    /// Hands out its bytes a few at a time.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(out.len());
            self.0.read(&mut out[..n])
        }
    }

    type Seen = (Vec<(u64, Result<(u32, [u32; 3]), Reason>)>, u64);

    fn collect(bytes: &[u8], step: usize) -> Seen {
        let mut seen = Vec::new();
        let blank = read_records(Dribble(bytes, step), |line, record| {
            let record = record.map(|r| (r.user, r.sample.map(f32::to_bits)));
            seen.push((line, record));
            Ok::<(), ()>(())
        });
        (seen, blank.unwrap().unwrap())
    }

    proptest! {
        #[test]
        fn how_bytes_arrive_does_not_matter(
            text in "([0-9]{1,2},[AB]{0,1},[0-9]{1,3},1,-2.5,[0-9x]{0,2}[;\n\r ]{0,3}){0,20}", step in 1usize..40,
        ) {
            prop_assert_eq!(collect(text.as_bytes(), step), collect(text.as_bytes(), usize::MAX));
        }
    }
}
