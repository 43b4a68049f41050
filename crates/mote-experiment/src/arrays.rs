//! Arrays that users name: `*.npy`, an array of an `*.npz`, or rows of a `*.csv`.

use crate::error::{Error, Result};
use mote_data::numpy::{Array, Values};
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

/// Most bytes of an array.
const MAX_BYTES: u64 = 1 << 28;

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

    /// Returns the class of each row: the number in its only column, or of several the place of the largest (one-hot rows,
    /// scores).
    ///
    /// # Errors
    /// The first row whose number is no class.
    pub fn classes(&self) -> std::result::Result<Vec<usize>, String> {
        let class = |(n, row): (usize, &Vec<f32>)| match row.as_slice() {
            &[class] if class >= 0.0 && class.fract() == 0.0 => Ok(class as usize),
            &[other] => Err(format!(
                "row {}: {other} is no class; classes are whole numbers from 0",
                n + 1
            )),
            many => Ok(mote::kernels::argmax(many)),
        };
        self.rows.iter().enumerate().map(class).collect()
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
        let array = Array::read(Cursor::new(bytes))?;
        let Values::Numbers(numbers) = array.values else {
            return Err("it is text; numbers are expected".to_owned());
        };
        let rows = array.shape.first().copied().unwrap_or(1);
        let row = numbers.len().checked_div(rows).unwrap_or(0).max(1);
        let numbers: Vec<f32> = numbers.into_iter().map(|v| v as f32).collect();
        Ok(Self {
            rows: numbers.chunks(row).map(<[f32]>::to_vec).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_csv_may_have_names() {
        let rows = Rows::csv("a,b\n1, 2\n\n3,-4.5\n").unwrap();
        assert_eq!(rows.rows, [[1.0, 2.0], [3.0, -4.5]]);
        assert_eq!(rows.classes().unwrap(), [1, 0]);
        let halves = Rows::csv("0\n1.5\n").unwrap().classes().unwrap_err();
        assert!(halves.contains("row 2: 1.5"), "{halves}");
        assert!(Rows::csv("-1\n").unwrap().classes().is_err());
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
        assert_eq!(rows.classes().unwrap(), [2, 2]);
        bytes.pop();
        assert!(Rows::npy(bytes).is_err());
        assert!(Rows::npy(vec![b'('; 40]).is_err());
        assert!(Rows::npy(Vec::new()).is_err());
    }
}
