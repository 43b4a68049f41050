//! Pareto dominance between points whose values are all to be small.

use std::cmp::Ordering;

/// Returns whether `a` dominates `b`: it is nowhere larger and somewhere smaller. Negate what is to be large.
///
/// # Panics
/// When the points differ in length.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    assert_eq!(a.len(), b.len(), "points of one space");
    let pairs = || a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
    pairs().all(|o| o != Ordering::Greater) && pairs().any(|o| o == Ordering::Less)
}

/// Returns the positions of the points that no other point dominates, in their order. Of equal points the first counts.
///
/// # Panics
/// When the points differ in length.
pub fn pareto_front<P: AsRef<[f64]>>(points: &[P]) -> Vec<usize> {
    let on_front = |&i: &usize| {
        let point = points[i].as_ref();
        let beaten = points.iter().any(|other| dominates(other.as_ref(), point));
        let twin = |other: &P| other.as_ref() == point;
        !beaten && !points[..i].iter().any(twin)
    };
    (0..points.len()).filter(on_front).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_dominates_when_it_is_nowhere_worse_and_somewhere_better() {
        assert!(dominates(&[1.0, 2.0], &[1.0, 3.0]));
        assert!(!dominates(&[1.0, 2.0], &[1.0, 2.0]), "equal");
        assert!(!dominates(&[0.0, 3.0], &[1.0, 2.0]), "each better in one");
        assert!(!dominates(&[1.0, 3.0], &[1.0, 2.0]));
    }

    #[test]
    fn the_front_holds_each_point_that_nothing_dominates_once() {
        let points = [[1.0, 9.0], [2.0, 9.0], [3.0, 1.0], [1.0, 9.0], [2.0, 5.0]];
        assert_eq!(pareto_front(&points), [0, 2, 4]);
        assert_eq!(pareto_front::<[f64; 2]>(&[]), [0usize; 0]);
    }
}
