//! Permutations of more items than one would list.

use ebm_ops::Noise;

/// Most items whose order is listed, at eight bytes an item.
const LISTED: usize = 1 << 24;

/// Rounds of the network of Feistel; four suffice for a pseudorandom permutation.
const ROUNDS: usize = 6;

/// A random order of n items.
///
/// Up to 2²⁴ of them are listed. The order of more is computed place by place, and takes no memory.
#[derive(Clone, Debug)]
pub(crate) enum Permutation {
    Listed(Vec<usize>),
    Computed(Computed),
}

/// A permutation of 0 to n − 1 by a network of Feistel on the numbers of 2b bits, the fewest that hold n: one that is n or
/// more is permuted again, until it is less.
///
/// # Reference
/// Luby and Rackoff (1988), *How to construct pseudorandom permutations from pseudorandom functions*; Black and Rogaway
/// (2002), *Ciphers with arbitrary finite domains*, §3, for the walk along the cycle.
#[derive(Clone, Debug)]
pub(crate) struct Computed {
    n: u64,
    /// Bits of a half.
    half: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The order of `n` items that `noise` draws.
    pub(crate) fn of(n: usize, noise: &mut Noise) -> Self {
        if n <= LISTED { Self::Listed(noise.permutation(n)) } else { Self::Computed(Computed::new(n, noise)) }
    }

    /// The item at a place, which is less than the number of items.
    pub(crate) fn at(&self, place: usize) -> usize {
        match self {
            Self::Listed(order) => order[place],
            Self::Computed(computed) => computed.at(place),
        }
    }
}

impl Computed {
    fn new(n: usize, noise: &mut Noise) -> Self {
        let bits = u64::BITS - (n as u64).saturating_sub(1).leading_zeros();
        let words = noise.words(2 * ROUNDS);
        let keys = std::array::from_fn(|i| u64::from(words[2 * i]) << 32 | u64::from(words[2 * i + 1]));
        Self { n: n as u64, half: bits.div_ceil(2).max(1), keys }
    }

    fn at(&self, place: usize) -> usize {
        assert!((place as u64) < self.n, "place {place} of {} items", self.n);
        let mut at = self.permuted(place as u64);
        while self.n <= at {
            at = self.permuted(at);
        }
        at as usize
    }

    /// A permutation of the numbers of 2·`half` bits.
    fn permuted(&self, number: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (number >> self.half, number & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mixed(right ^ key) & mask));
        }
        left << self.half | right
    }
}

/// The finaliser of SplitMix64, each of whose bits depends on every bit of `x`.
///
/// # Reference
/// Steele, Lea and Flood (2014), *Fast splittable pseudorandom number generators*.
fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn computed(n: usize, seed: u64) -> Vec<usize> {
        let computed = Computed::new(n, &mut Noise::seeded(seed));
        (0..n).map(|place| computed.at(place)).collect()
    }

    #[test]
    fn every_item_has_one_place() {
        for n in [1, 2, 3, 4, 5, 16, 17, 1000, 65_536, 70_001] {
            let mut order = computed(n, n as u64);
            order.sort_unstable();
            assert!(order.into_iter().eq(0..n), "{n}");
        }
        assert_ne!(computed(1000, 1), computed(1000, 2));
    }

    #[test]
    fn the_item_at_a_place_is_uniform_and_so_is_the_difference_to_the_next() {
        // Over seeds: the first place, and the difference between two places side by side, in 20 bins each.
        const N: usize = 1000;
        let (n_seeds, bins) = (20_000, 20);
        let [mut first, mut difference] = [0, 1].map(|_| vec![0.0f64; bins]);
        for seed in 0..n_seeds {
            let order = Computed::new(N, &mut Noise::seeded(seed));
            let [a, b] = [order.at(0), order.at(1)];
            first[a * bins / N] += 1.0;
            difference[(b + N - a) % N * bins / N] += 1.0;
        }
        let expected = n_seeds as f64 / bins as f64;
        for counts in [first, difference] {
            let chi_square: f64 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
            assert!(chi_square < 57.0, "{chi_square}"); // P = 1e-5 with 19 degrees of freedom
        }
    }

    #[test]
    fn many_items_are_not_listed_and_few_are_those_of_the_noise() {
        let few = Permutation::of(100, &mut Noise::seeded(3));
        let listed = Noise::seeded(3).permutation(100);
        assert!((0..100).all(|place| few.at(place) == listed[place]));
        let many = Permutation::of(LISTED + 1, &mut Noise::seeded(3));
        assert!(matches!(many, Permutation::Computed(_)));
        assert!((0..1000).all(|place| many.at(place) <= LISTED));
    }
}
