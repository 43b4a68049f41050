//! Least squares with coefficients that are not negative.

use nalgebra::{DMatrix, DVector};

/// Returns the coefficients with the least squared relative error, none negative if `positive`.
pub(crate) fn relative(rows: &[(Vec<f64>, f64)], positive: bool) -> Vec<f64> {
    let scaled: Vec<_> = rows
        .iter()
        .map(|(amounts, target)| {
            let scale = 1.0 / target.abs().max(1.0);
            (amounts.iter().map(|a| a * scale).collect(), target * scale)
        })
        .collect();
    absolute(&scaled, positive)
}

/// Returns the coefficients with the least squared error. If they must not be negative, because a layer that does more
/// never costs less, the most negative one is left out until none is.
pub(crate) fn absolute(rows: &[(Vec<f64>, f64)], positive: bool) -> Vec<f64> {
    let width = rows.first().map_or(0, |(amounts, _)| amounts.len());
    let used = |column: &usize| {
        rows.iter()
            .any(|(a, _)| a.get(*column).is_some_and(|&v| v != 0.0))
    };
    let mut columns: Vec<usize> = (0..width).filter(used).collect();
    loop {
        let found = solve(rows, &columns);
        let negative = found
            .iter()
            .zip(&columns)
            .filter(|(c, _)| positive && **c < 0.0)
            .min_by(|a, b| a.0.total_cmp(b.0));
        let Some((_, &worst)) = negative else {
            let mut all = vec![0.0; width];
            for (&column, value) in columns.iter().zip(found) {
                if let Some(slot) = all.get_mut(column) {
                    *slot = value;
                }
            }
            return all;
        };
        columns.retain(|&c| c != worst);
    }
}

/// Solves for some columns; of many solutions it takes the shortest.
fn solve(rows: &[(Vec<f64>, f64)], columns: &[usize]) -> Vec<f64> {
    // Columns are scaled to the same size, so that the tolerance for zero means the same in each.
    let size = |column: usize| {
        let squares = rows.iter().filter_map(|(a, _)| a.get(column));
        squares
            .map(|v| v * v)
            .sum::<f64>()
            .sqrt()
            .max(f64::MIN_POSITIVE)
    };
    let sizes: Vec<f64> = columns.iter().map(|&c| size(c)).collect();
    let matrix = DMatrix::from_fn(rows.len(), columns.len(), |r, c| {
        let value = rows.get(r).and_then(|(a, _)| a.get(*columns.get(c)?));
        value.zip(sizes.get(c)).map_or(0.0, |(v, s)| v / s)
    });
    let targets = DVector::from_iterator(rows.len(), rows.iter().map(|(_, t)| *t));
    // It fails only for a negative tolerance.
    let found = matrix.svd(true, true).solve(&targets, 1e-9);
    match found {
        Ok(found) => found.iter().zip(&sizes).map(|(v, s)| v / s).collect(),
        Err(_) => vec![0.0; columns.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_found_again_and_never_negative() {
        let row = |a: f64, b: f64| (vec![1.0, a, b], 30.0 + 2.0 * a);
        let rows: Vec<_> = (0..9)
            .map(|i| row(f64::from(i * 7 % 5), f64::from(i)))
            .collect();
        let found = relative(&rows, true);
        for (found, wanted) in found.iter().zip([30.0, 2.0, 0.0]) {
            assert!((found - wanted).abs() < 1e-6, "{found} instead of {wanted}");
        }
        // The second column lowers the target, so it may not be used.
        let falling: Vec<_> = (0..9)
            .map(|i| (vec![1.0, f64::from(i)], 100.0 - f64::from(i)))
            .collect();
        let found = absolute(&falling, true);
        assert_eq!(found[1], 0.0);
        assert!((found[0] - 96.0).abs() < 1e-6);
    }
}
