//! Any function of one int8 value, as a table.

use super::expect_len;
use crate::Error;
use core::cell::Cell;

/// Words of a table: a byte per value.
pub const WORDS: usize = 64;

/// Computes `output`, which may be `input`: byte `x + 128` of `table` (little-endian words) for every `x`.
///
/// # Errors
/// When the lengths differ.
pub fn run(table: &[u32; WORDS], input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
    expect_len(output, input.len())?;
    for (x, y) in input.iter().zip(output) {
        let index = (x.get() as u8 ^ 0x80) as usize;
        let word = table.get(index / 4).copied().unwrap_or_default();
        y.set((word >> (8 * (index % 4))) as i8);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;

    #[test]
    fn every_value_has_its_byte() {
        // Negates.
        let table: [u32; WORDS] = core::array::from_fn(|w| {
            u32::from_le_bytes(core::array::from_fn(|b| {
                (128 - (4 * w + b) as i32).clamp(-128, 127) as u8
            }))
        });
        let mut x: [i8; 256] = core::array::from_fn(|i| (i as i32 - 128) as i8);
        let x = cells(&mut x);
        run(&table, x, x).unwrap();
        for (i, y) in x.iter().enumerate() {
            assert_eq!(i32::from(y.get()), (128 - i as i32).min(127));
        }
        assert_eq!(run(&table, x, &x[1..]), Err(Error::BufferLength));
    }
}
