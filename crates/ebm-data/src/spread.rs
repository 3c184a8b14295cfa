//! Numbers spread evenly over a range.

/// At most so many numbers from 0 to `n` − 1, evenly spread and the first among them.
pub(crate) fn spread(n: usize, most: usize) -> impl ExactSizeIterator<Item = usize> {
    let k = n.min(most);
    (0..k).map(move |i| (i as u128 * n as u128 / k as u128) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_evenly_from_the_first() {
        assert!(spread(10, 5).eq([0, 2, 4, 6, 8]));
        assert!(spread(3, 5).eq([0, 1, 2]) && spread(0, 5).len() == 0);
        assert_eq!(spread(usize::MAX, 2).nth(1), Some(usize::MAX / 2));
    }
}
