//! Early exit: decides whether scores are clear enough to stop at.
//!
//! After BranchyNet (Teerapittayanon et al. 2016, arXiv 1709.01686), with the lead of the best score over the
//! second in place of entropy, which would take logarithms.

use super::expect_len;
use crate::Error;
use core::cell::Cell;

/// Copies `scores` to `output` and returns true when the largest leads every other by `margin` steps of their
/// grid or more; otherwise leaves `output` alone and returns false. Scores of one class lead by infinity.
///
/// # Errors
/// [`Error::BufferLength`] when the lengths differ.
pub fn run_i8(margin: i32, scores: &[Cell<i8>], output: &[Cell<i8>]) -> Result<bool, Error> {
    let (mut best, mut second) = (i32::MIN, i32::MIN);
    for score in scores {
        let score = i32::from(score.get());
        if score > best {
            (best, second) = (score, best);
        } else {
            second = second.max(score);
        }
    }
    take(best.saturating_sub(second) >= margin, scores, output)
}

/// [`run_i8`] with `margin` in units of the scores.
///
/// # Errors
/// [`Error::BufferLength`] when the lengths differ.
pub fn run_f32(margin: f32, scores: &[Cell<f32>], output: &[Cell<f32>]) -> Result<bool, Error> {
    let (mut best, mut second) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
    for score in scores {
        let score = score.get();
        if score > best {
            (best, second) = (score, best);
        } else {
            second = second.max(score);
        }
    }
    take(best - second >= margin, scores, output)
}

fn take<T: Copy>(clear: bool, scores: &[Cell<T>], output: &[Cell<T>]) -> Result<bool, Error> {
    expect_len(output, scores.len())?;
    if clear {
        for (y, score) in output.iter().zip(scores) {
            y.set(score.get());
        }
    }
    Ok(clear)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cells;

    fn int8(margin: i32, mut scores: [i8; 3]) -> (bool, [i8; 3]) {
        let mut output = [7; 3];
        let stopped = run_i8(margin, cells(&mut scores), cells(&mut output)).unwrap();
        (stopped, output)
    }

    #[test]
    fn it_stops_when_the_lead_is_the_margin() {
        assert_eq!(int8(4, [-3, 5, 1]), (true, [-3, 5, 1]));
        assert_eq!(int8(5, [-3, 5, 1]), (false, [7; 3]));
        // The largest first, and two of them.
        assert_eq!(int8(255, [127, -128, -128]), (true, [127, -128, -128]));
        assert_eq!(int8(1, [9, 2, 9]), (false, [7; 3]));
    }

    #[test]
    fn floats_too() {
        let mut output = [7.0; 2];
        let mut scores = [0.5, 2.0];
        assert_eq!(
            run_f32(1.75, cells(&mut scores), cells(&mut output)),
            Ok(false)
        );
        assert_eq!(
            run_f32(1.5, cells(&mut scores), cells(&mut output)),
            Ok(true)
        );
        assert_eq!(output, scores);
        let nothing = run_f32(f32::INFINITY, cells(&mut scores), cells(&mut output));
        assert_eq!(nothing, Ok(false));
    }

    #[test]
    fn a_wrong_length_is_refused() {
        let (mut scores, mut output) = ([0i8; 3], [0i8; 2]);
        let result = run_i8(0, cells(&mut scores), cells(&mut output));
        assert_eq!(result, Err(Error::BufferLength));
    }
}
