//! Arrays that users name: `*.npy`, an array of an `*.npz`, or rows of a `*.csv`.

use crate::error::{Error, Result};
use npyz::{NpyFile, Order};
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

/// Most bytes of an array.
const MAX_BYTES: u64 = 1 << 28;

/// Longest header of an array in bytes; NumPy itself reads no more than 10,000.
const HEADER: usize = 1 << 16;

/// Most opening brackets in a header: a plain array has two.
const BRACKETS: usize = 8;

/// Names of the array that is meant, in an archive that has several.
const NAMES: [&str; 6] = ["X", "x", "inputs", "y", "Y", "outputs"];

/// Rows of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The numbers of each row.
    pub rows: Vec<Vec<f32>>,
}

impl Rows {
    /// Reads `text`: a path, or `FILE.npz:ARRAY`.
    ///
    /// # Errors
    /// When the file cannot be read, has no such array, or holds no numbers.
    pub fn read(text: &str) -> Result<Self> {
        let (file, name) = match text.split_once(".npz:") {
            Some((stem, name)) => (format!("{stem}.npz"), Some(name)),
            None => (text.to_owned(), None),
        };
        let path = Path::new(&file);
        let fail = |what: String| Error::Invalid(format!("{file}: {what}"));
        let size = fs::metadata(path).map_err(Error::io("read", path))?.len();
        if size > MAX_BYTES {
            return Err(fail(format!("{size} bytes; at most {MAX_BYTES} are read")));
        }
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        match extension.to_lowercase().as_str() {
            "csv" => {
                let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
                Self::csv(&text).map_err(fail)
            }
            "npy" => {
                let bytes = fs::read(path).map_err(Error::io("read", path))?;
                Self::npy(bytes).map_err(fail)
            }
            "npz" => {
                let bytes = fs::read(path).map_err(Error::io("read", path))?;
                Self::npz(bytes, name).map_err(fail)
            }
            other => Err(fail(format!(
                "`{other}` is not known; there are: npz, npy, csv"
            ))),
        }
    }

    /// The first column, or of several the place of the largest: class numbers, or one-hot rows.
    pub fn classes(&self) -> Vec<usize> {
        let class = |row: &Vec<f32>| match row.as_slice() {
            &[class] => class.max(0.0) as usize,
            many => mote::kernels::argmax(many),
        };
        self.rows.iter().map(class).collect()
    }

    fn csv(text: &str) -> std::result::Result<Self, String> {
        let mut rows = Vec::new();
        for (number, line) in (1..)
            .zip(text.lines())
            .filter(|(_, l)| !l.trim().is_empty())
        {
            let row: std::result::Result<Vec<f32>, _> =
                line.split(',').map(|cell| cell.trim().parse()).collect();
            match row {
                Ok(row) => rows.push(row),
                // The names of the columns.
                Err(_) if rows.is_empty() && number == 1 => {}
                Err(_) => return Err(format!("line {number} is not numbers between commas")),
            }
        }
        Ok(Self { rows })
    }

    fn npz(bytes: Vec<u8>, name: Option<&str>) -> std::result::Result<Self, String> {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
        let arrays: Vec<String> = archive
            .file_names()
            .filter_map(|n| Some(n.ok()?.strip_suffix(".npy")?.to_owned()))
            .collect();
        let known = |name: &&str| arrays.iter().any(|a| a == name);
        let usual = NAMES.iter().copied().find(known);
        let only = match arrays.as_slice() {
            [one] => Some(one.as_str()),
            _ => None,
        };
        let Some(chosen) = name.or(only).or(usual).filter(known) else {
            return Err(format!(
                "which array is meant? write FILE.npz:NAME; there are: {}",
                arrays.join(", ")
            ));
        };
        let entry = archive
            .by_name(&format!("{chosen}.npy"))
            .map_err(|e| e.to_string())?;
        let mut bytes = Vec::new();
        entry
            .take(MAX_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|e| e.to_string())?;
        Self::npy(bytes).map_err(|e| format!("array {chosen}: {e}"))
    }

    fn npy(bytes: Vec<u8>) -> std::result::Result<Self, String> {
        // Deeply nested brackets would exhaust the stack of the parser.
        let head = bytes.get(..HEADER.min(bytes.len())).unwrap_or(&[]);
        let end = head.iter().position(|&b| b == b'\n').unwrap_or(head.len());
        let brackets = head.iter().take(end).filter(|b| b"([{".contains(b));
        if end == HEADER || brackets.count() > BRACKETS {
            return Err("the header is not that of a plain array".to_owned());
        }
        let npy = NpyFile::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
        if npy.order() != Order::C {
            return Err("it must be in C order: numpy.ascontiguousarray".to_owned());
        }
        let (count, total) = (npy.shape().first().copied().unwrap_or(1), npy.len());
        let row = usize::try_from(total.checked_div(count).unwrap_or(0)).unwrap_or(0);
        let values = numbers(npy)?;
        if values.len() as u64 != total {
            return Err(format!(
                "{} of {total} values; it is cut short",
                values.len()
            ));
        }
        Ok(Self {
            rows: values.chunks(row.max(1)).map(<[f32]>::to_vec).collect(),
        })
    }
}

/// The values of an array of any plain type.
fn numbers(npy: NpyFile<Cursor<Vec<u8>>>) -> std::result::Result<Vec<f32>, String> {
    let kind = npy.dtype().descr();
    macro_rules! of {
        ($npy:ident, $($kind:ty),*) => {{
            let npy = $npy;
            $(let npy = match npy.try_data::<$kind>() {
                Ok(values) => {
                    return values
                        .map(|v| v.map(|v| v as f32))
                        .collect::<std::result::Result<_, _>>()
                        .map_err(|e: std::io::Error| e.to_string());
                }
                Err(npy) => npy,
            };)*
            drop(npy);
        }};
    }
    of!(npy, f32, f64, i8, u8, i16, u16, i32, u32, i64, u64);
    Err(format!("its type {kind} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_csv_may_have_names() {
        let rows = Rows::csv("a,b\n1, 2\n\n3,-4.5\n").unwrap();
        assert_eq!(rows.rows, [[1.0, 2.0], [3.0, -4.5]]);
        assert_eq!(rows.classes(), [1, 0]);
        assert!(Rows::csv("1,2\nx,3\n").unwrap_err().contains("line 2"));
    }

    #[test]
    fn arrays_are_read_with_their_rows_and_damaged_ones_refused() {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        let head = "{'descr': '|i1', 'fortran_order': False, 'shape': (2, 3), }";
        let head = format!("{head:<117}\n");
        bytes.extend((head.len() as u16).to_le_bytes());
        bytes.extend(head.bytes());
        bytes.extend([1, 2, 3, 0xff, 5, 6]);
        let rows = Rows::npy(bytes.clone()).unwrap();
        assert_eq!(rows.rows, [[1.0, 2.0, 3.0], [-1.0, 5.0, 6.0]]);
        assert_eq!(rows.classes(), [2, 2]);
        bytes.pop();
        assert!(Rows::npy(bytes).is_err());
        assert!(Rows::npy(vec![b'('; 40]).is_err());
        assert!(Rows::npy(Vec::new()).is_err());
    }
}
