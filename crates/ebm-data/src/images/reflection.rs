//! Images continued beyond their edges.

/// The place in 0 to `side` − 1 of pixel `at` of a row that is continued by reflection at its outermost pixels, again and
/// again: pixel −1 is pixel 1.
pub(crate) fn reflected(at: isize, side: usize) -> usize {
    let last = side as isize - 1;
    if last <= 0 {
        return 0;
    }
    let at = at.rem_euclid(2 * last);
    (if last < at { 2 * last - at } else { at }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_goes_back_and_forth() {
        let places: Vec<usize> = (-4..9).map(|at| reflected(at, 4)).collect();
        assert_eq!(places, [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]);
        assert_eq!([-3, 0, 7].map(|at| reflected(at, 1)), [0; 3]);
        assert_eq!([-3, 0, 7].map(|at| reflected(at, 2)), [1, 0, 1]);
    }
}
