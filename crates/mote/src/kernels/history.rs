//! The last steps of a stream in front of the new ones, so that a convolution reads one contiguous buffer.

use crate::Error;
use core::cell::Cell;

/// Moves the steps in `history` towards its beginning by the length of `input`, and puts `input` behind them.
///
/// Both are time-major with the same channels; `history` has `keep` steps more than `input`. It must be left
/// alone between two runs, and be all zeros before the first.
///
/// # Errors
/// When `input` is longer than `history`.
pub fn run<T: Copy>(input: &[Cell<T>], history: &[Cell<T>]) -> Result<(), Error> {
    let newer = history.get(input.len()..).ok_or(Error::BufferLength)?;
    for (slot, x) in history.iter().zip(newer.iter().chain(input)) {
        slot.set(x.get());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;

    #[test]
    fn old_steps_come_first() {
        let mut history = [0i8; 5];
        let history = cells(&mut history);
        let mut seen = [0; 5];
        for (tick, expected) in [
            ([1, 2], [0, 0, 0, 1, 2]),
            ([3, 4], [0, 1, 2, 3, 4]),
            ([5, 6], [2, 3, 4, 5, 6]),
        ] {
            let mut tick = tick;
            run(cells(&mut tick), history).unwrap();
            for (slot, x) in seen.iter_mut().zip(history) {
                *slot = x.get();
            }
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn more_new_steps_than_old_ones() {
        let (mut input, mut history) = ([7.0f32, 8.0, 9.0], [1.0, 2.0, 3.0, 4.0]);
        run(cells(&mut input), cells(&mut history)).unwrap();
        assert_eq!(history, [4.0, 7.0, 8.0, 9.0]);
        let short = &mut history[..2];
        assert_eq!(
            run(cells(&mut input), cells(short)),
            Err(Error::BufferLength)
        );
    }
}
