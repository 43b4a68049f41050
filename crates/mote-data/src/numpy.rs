//! Arrays as NumPy writes them, read with care: headers are checked before they are parsed, and memory is not reserved for
//! lengths that a header only claims.

use npyz::{Deserialize, NpyFile, Order};
use std::io::{Chain, Cursor, Read};

/// Longest header of an array in bytes. NumPy itself reads no more than 10,000.
const HEADER: u64 = 1 << 16;

/// Most opening brackets in a header: a plain array has two.
const BRACKETS: usize = 8;

/// An array: the beginning that was looked at, and the rest.
pub type Entry<R> = Chain<Cursor<Vec<u8>>, R>;

/// An array of any plain type, in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The values, the last axis fastest.
    pub values: Values,
}

/// Values of an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Of integers, floats or flags.
    Numbers(Vec<f64>),
    /// Of text.
    Text(Vec<String>),
}

impl Array {
    /// Reads the array in `reader`.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub fn read<R: Read>(reader: R) -> Result<Self, String> {
        let npy = open(reader)?;
        let (order, shape) = (npy.order(), shape(&npy)?);
        let count = length(&shape)?;
        let cut = |found: usize| format!("{found} of {count} values; it is cut short");
        let values = match npy.try_data::<String>() {
            Ok(values) => {
                let mut all = Vec::new();
                for value in values {
                    all.push(value.map_err(|_| cut(all.len()))?);
                }
                Values::Text(in_c_order(all, &shape, order))
            }
            Err(npy) => {
                let mut all = Vec::new();
                numbers(npy, |value| {
                    all.push(value);
                    Ok::<_, String>(true)
                })?;
                Values::Numbers(in_c_order(all, &shape, order))
            }
        };
        let found = match &values {
            Values::Numbers(n) => n.len(),
            Values::Text(t) => t.len(),
        };
        if found != count {
            return Err(cut(found));
        }
        Ok(Self { shape, values })
    }
}

/// Opens an array after a look at its header, which may claim anything.
///
/// # Errors
/// When the header is not that of a plain array.
pub fn open<R: Read>(mut reader: R) -> Result<NpyFile<Entry<R>>, String> {
    let mut start = Vec::new();
    let read = reader.by_ref().take(12).read_to_end(&mut start);
    read.map_err(|e| e.to_string())?;
    if !start.starts_with(b"\x93NUMPY") {
        return Err("is no array of NumPy".to_owned());
    }
    // Magic of six bytes, version of two; then the length, in two bytes before version 2 and in four since.
    let length = match *start {
        [_, _, _, _, _, _, 1, _, a, b, ..] => u64::from(u16::from_le_bytes([a, b])),
        [_, _, _, _, _, _, _, _, a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => 0,
    };
    if length > HEADER {
        return Err(format!("a header of {length} bytes, more than {HEADER}"));
    }
    let read = reader.by_ref().take(length).read_to_end(&mut start);
    read.map_err(|e| e.to_string())?;
    // The parser's time doubles with each opening bracket.
    let brackets = start.iter().filter(|b| b"{[(".contains(b)).count();
    if brackets > BRACKETS {
        return Err(format!(
            "a header with {brackets} brackets, more than {BRACKETS}"
        ));
    }
    if !is_sane(&start) {
        return Err("its shape is more than memory holds".to_owned());
    }
    NpyFile::new(Cursor::new(start).chain(reader)).map_err(|e| e.to_string())
}

/// Returns whether the numbers in a header, of which those of the shape are multiplied without a check, stay in range.
fn is_sane(header: &[u8]) -> bool {
    let at = memchr::memmem::find(header, b"shape").unwrap_or(0);
    let shape = header.get(at..).unwrap_or(&[]);
    let numbers = shape
        .split(|b| !b.is_ascii_digit())
        .filter(|n| !n.is_empty());
    let number = |n: &[u8]| std::str::from_utf8(n).ok()?.parse::<u64>().ok();
    let all = numbers
        .map(number)
        .try_fold(1u64, |all, n| all.checked_mul(n?.max(1)));
    all.is_some_and(|all| all < 1 << 48)
}

/// Returns the length of each axis.
///
/// # Errors
/// When a length does not fit this computer.
pub fn shape<R: Read>(npy: &NpyFile<R>) -> Result<Vec<usize>, String> {
    let axes = npy.shape().iter().map(|&n| usize::try_from(n));
    axes.collect::<Result<_, _>>().map_err(|e| e.to_string())
}

/// Multiplies the lengths of all axes.
fn length(shape: &[usize]) -> Result<usize, String> {
    let all = shape.iter().try_fold(1usize, |all, &n| all.checked_mul(n));
    all.ok_or_else(|| format!("{shape:?} is more than memory holds"))
}

/// Passes the values of an array of numbers to `each`, in the order of the file, until it returns `false`.
///
/// # Errors
/// When the type is no number, a value cannot be read, and what `each` returns.
pub fn numbers<R: Read, E: From<String>>(
    npy: NpyFile<R>,
    mut each: impl FnMut(f64) -> Result<bool, E>,
) -> Result<(), E> {
    fn pass<T: Deserialize, R: Read, E: From<String>>(
        npy: NpyFile<R>,
        to: fn(T) -> f64,
        each: &mut impl FnMut(f64) -> Result<bool, E>,
    ) -> Result<Result<(), E>, NpyFile<R>> {
        let values = npy.try_data::<T>()?;
        for (n, value) in values.enumerate() {
            let passed = match value {
                Ok(value) => each(to(value)),
                Err(e) => Err(E::from(format!("ends at value {n}: {e}"))),
            };
            match passed {
                Ok(true) => {}
                Ok(false) => break,
                Err(e) => return Ok(Err(e)),
            }
        }
        Ok(Ok(()))
    }
    let kind = npy.dtype().descr();
    let each = &mut each;
    let done = pass::<f32, _, E>(npy, f64::from, each)
        .or_else(|npy| pass::<f64, _, E>(npy, |v| v, each))
        .or_else(|npy| pass::<i64, _, E>(npy, |v| v as f64, each))
        .or_else(|npy| pass::<i32, _, E>(npy, f64::from, each))
        .or_else(|npy| pass::<i16, _, E>(npy, f64::from, each))
        .or_else(|npy| pass::<i8, _, E>(npy, f64::from, each))
        .or_else(|npy| pass::<u64, _, E>(npy, |v| v as f64, each))
        .or_else(|npy| pass::<u32, _, E>(npy, f64::from, each))
        .or_else(|npy| pass::<u16, _, E>(npy, f64::from, each))
        .or_else(|npy| pass::<u8, _, E>(npy, f64::from, each))
        .or_else(|npy| pass::<bool, _, E>(npy, |v| f64::from(u8::from(v)), each));
    done.unwrap_or_else(|_| {
        Err(E::from(format!(
            "its type {kind} is neither a number nor text; convert it, as in X.astype(\"float32\")"
        )))
    })
}

/// Brings values into C order. In Fortran order the first axis is the fastest.
pub(crate) fn in_c_order<T: Clone>(values: Vec<T>, shape: &[usize], order: Order) -> Vec<T> {
    if order == Order::C || shape.len() < 2 {
        return values;
    }
    let count: usize = shape.iter().product();
    let mut steps = Vec::with_capacity(shape.len());
    let mut step = 1;
    for &axis in shape {
        steps.push(step);
        step *= axis;
    }
    let place = |mut n: usize| -> usize {
        let axes = shape.iter().zip(&steps).rev();
        axes.map(|(&axis, &step)| {
            let at = n % axis;
            n /= axis;
            at * step
        })
        .sum()
    };
    (0..count)
        .filter_map(|n| values.get(place(n)).cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(kind: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}");
        let header = format!("{header:<117}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(data);
        bytes
    }

    fn read(bytes: Vec<u8>) -> Result<Array, String> {
        Array::read(Cursor::new(bytes))
    }

    #[test]
    fn orders_and_types() {
        // [[1, 2, 3], [4, 5, 6]] in both orders.
        let expected = Values::Numbers(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let c = read(npy("|i1", "False", "(2, 3)", &[1, 2, 3, 4, 5, 6])).unwrap();
        let fortran = read(npy("|i1", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6])).unwrap();
        assert_eq!((c.shape.as_slice(), &c.values), (&[2, 3][..], &expected));
        assert_eq!(fortran.values, expected);
        let flags = read(npy("|b1", "False", "(2,)", &[0, 1])).unwrap();
        assert_eq!(flags.values, Values::Numbers(vec![0.0, 1.0]));
        let text: Vec<u8> = "abc"
            .chars()
            .flat_map(|c| (c as u32).to_le_bytes())
            .chain([0; 12])
            .collect();
        let text = read(npy("<U3", "False", "(2,)", &text)).unwrap();
        assert_eq!(
            text.values,
            Values::Text(vec!["abc".to_owned(), String::new()])
        );
        let bytes = read(npy("|S2", "False", "(2,)", b"okno")).unwrap();
        assert_eq!(
            bytes.values,
            Values::Text(vec!["ok".to_owned(), "no".to_owned()])
        );
    }

    #[test]
    fn damage_is_named() {
        let short = read(npy("|i1", "False", "(2, 3)", &[1, 2])).unwrap_err();
        assert!(short.contains("ends at value 2"), "{short}");
        for bytes in [vec![], vec![b'('; 40], b"PK\x03\x04".to_vec()] {
            assert!(read(bytes).unwrap_err().contains("no array"));
        }
        let nested = read(npy(&"(".repeat(20), "False", "(2,)", &[])).unwrap_err();
        assert!(nested.contains("brackets"), "{nested}");
        let half = read(npy("<c16", "False", "(1,)", &[0; 16])).unwrap_err();
        assert!(half.contains("astype"), "{half}");
        let huge = read(npy("|i1", "False", "(9223372036854775807, 9)", &[])).unwrap_err();
        assert!(huge.contains("memory"), "{huge}");
    }
}
