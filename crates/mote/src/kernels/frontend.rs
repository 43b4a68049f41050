//! Raw sensor counts to the network's input: `(count - offset) * scale`, per channel.

use super::expect_len;
use crate::Error;
use crate::format::FRONTEND_WORDS;
use crate::quant::{Multiplier, Output};
use core::cell::Cell;

/// The conversion; parameters are [`FRONTEND_WORDS`] words per channel, see [`format`](crate::format).
#[derive(Debug, Clone, Copy)]
pub struct Frontend<'a> {
    parameters: &'a [[u32; FRONTEND_WORDS]],
}

impl<'a> Frontend<'a> {
    /// The conversion with the given parameters, one entry per channel.
    pub const fn new(parameters: &'a [[u32; FRONTEND_WORDS]]) -> Self {
        Self { parameters }
    }

    /// Converts time-major `counts` into an f32 `input`.
    ///
    /// # Errors
    /// When the lengths differ.
    pub fn run_f32(&self, counts: &[i16], input: &[Cell<f32>]) -> Result<(), Error> {
        self.run(counts, input, |count, [_, scale, _]| {
            count as f32 * f32::from_bits(scale)
        })
    }

    /// Converts time-major `counts` into an int8 `input` with zero point `zero_point`.
    ///
    /// # Errors
    /// When the lengths differ.
    pub fn run_i8(&self, counts: &[i16], zero_point: i8, input: &[Cell<i8>]) -> Result<(), Error> {
        let output = Output {
            zero_point,
            low: i8::MIN,
            high: i8::MAX,
        };
        self.run(counts, input, |count, [_, value, exponent]| {
            let factor = Multiplier {
                value: value as i32,
                exponent: exponent as i32,
            };
            output.store(factor.apply(count))
        })
    }

    fn run<T>(
        &self,
        counts: &[i16],
        input: &[Cell<T>],
        convert: impl Fn(i32, [u32; FRONTEND_WORDS]) -> T,
    ) -> Result<(), Error> {
        expect_len(input, counts.len())?;
        let channels = self.parameters.iter().cycle();
        for ((&count, x), &channel) in counts.iter().zip(input).zip(channels) {
            let [offset, ..] = channel;
            x.set(convert(
                i32::from(count).wrapping_sub(offset as i32),
                channel,
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;

    #[test]
    fn both_types_agree() {
        let scale = 1.0 / 1000.0f64;
        let step = 0.02;
        let m = Multiplier::from_real(scale / step);
        let f32_words = [
            [5, (scale as f32).to_bits(), 0],
            [(-7i32) as u32, (scale as f32).to_bits(), 0],
        ];
        let i8_words = [
            [5, m.value as u32, m.exponent as u32],
            [(-7i32) as u32, m.value as u32, m.exponent as u32],
        ];
        let counts = [5i16, -7, 1005, 993, i16::MAX, i16::MIN];
        let mut x = [0.0f32; 6];
        Frontend::new(&f32_words)
            .run_f32(&counts, cells(&mut x))
            .unwrap();
        assert_eq!(&x[..4], [0.0, 0.0, 1.0, 1.0]);
        let mut q = [0i8; 6];
        Frontend::new(&i8_words)
            .run_i8(&counts, -3, cells(&mut q))
            .unwrap();
        assert_eq!(q, [-3, -3, 47, 47, 127, -128]);
        let error = Frontend::new(&i8_words).run_i8(&counts[..4], -3, cells(&mut q));
        assert_eq!(error, Err(Error::BufferLength));
    }
}
