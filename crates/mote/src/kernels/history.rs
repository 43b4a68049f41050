//! The last steps of a stream in front of the new ones, so that a convolution reads one contiguous buffer.

use crate::Error;
use crate::simd;
use core::cell::Cell;

/// Moves the steps in `history` towards its beginning by the length of `input`, and puts `input` behind them.
///
/// Both are time-major with the same channels; `history` has `keep` steps more than `input`. It must be left
/// alone between two runs, and be all zeros before the first.
///
/// # Errors
/// When `input` is longer than `history`.
pub fn run_f32(input: &[Cell<f32>], history: &[Cell<f32>]) -> Result<(), Error> {
    run(input, history, |from, to| {
        for (to, from) in to.iter().zip(from) {
            to.set(from.get());
        }
    })
}

/// As [`run_f32`].
///
/// # Errors
/// When `input` is longer than `history`.
pub fn run_i8(input: &[Cell<i8>], history: &[Cell<i8>]) -> Result<(), Error> {
    run(input, history, |from, to| {
        let ((from, from_rest), (to, to_rest)) = (from.as_chunks(), to.as_chunks());
        for (from, to) in from.iter().zip(to) {
            simd::copy4(from, to);
        }
        for (to, from) in to_rest.iter().zip(from_rest) {
            to.set(from.get());
        }
    })
}

/// `copy` copies from its first to its second slice, of the same length, front to back.
#[inline(always)]
fn run<T>(
    input: &[Cell<T>],
    history: &[Cell<T>],
    copy: impl Fn(&[Cell<T>], &[Cell<T>]),
) -> Result<(), Error> {
    let newer = history.get(input.len()..).ok_or(Error::BufferLength)?;
    let (old, new) = history
        .split_at_checked(newer.len())
        .ok_or(Error::BufferLength)?;
    copy(newer, old);
    copy(input, new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    proptest! {
        /// After every run the history is the end of all that ever came, zeros before that.
        #[test]
        fn holds_the_end_of_the_stream(keep in 0usize..30, new in 1usize..20, ticks in 1usize..6) {
            let mut stream = vec![0i8; keep];
            let (mut ints, mut floats) = (vec![0i8; keep + new], vec![0.0f32; keep + new]);
            for tick in 0..ticks {
                let mut input: Vec<i8> = (0..new).map(|i| (1 + tick * new + i) as i8).collect();
                stream.extend_from_slice(&input);
                let mut input_f32: Vec<f32> = input.iter().map(|&x| f32::from(x)).collect();
                run_i8(cells(&mut input), cells(&mut ints)).unwrap();
                run_f32(cells(&mut input_f32), cells(&mut floats)).unwrap();
                let end = &stream[stream.len() - keep - new..];
                prop_assert_eq!(&ints, end);
                prop_assert!(floats.iter().zip(end).all(|(f, &i)| *f == f32::from(i)));
            }
        }
    }

    #[test]
    fn an_input_longer_than_the_history_is_refused() {
        let (mut input, mut history) = ([0i8; 3], [0i8; 2]);
        let result = run_i8(cells(&mut input), cells(&mut history));
        assert_eq!(result, Err(Error::BufferLength));
    }
}
