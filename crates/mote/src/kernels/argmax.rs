/// Index of the largest score; the first of equals, 0 when there is none.
pub fn argmax<T: PartialOrd>(scores: &[T]) -> usize {
    let mut best: Option<(usize, &T)> = None;
    for (i, score) in scores.iter().enumerate() {
        if best.is_none_or(|(_, b)| score > b) {
            best = Some((i, score));
        }
    }
    best.map_or(0, |(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::argmax;

    #[test]
    fn first_of_the_largest() {
        assert_eq!(argmax(&[1i8, 3, 2, 3]), 1);
        assert_eq!(argmax(&[-0.5f32, -1.0]), 0);
        assert_eq!(argmax::<i8>(&[]), 0);
    }
}
