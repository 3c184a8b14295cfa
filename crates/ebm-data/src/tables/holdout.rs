//! Rows of a table that are held out from training.

use ebm_ops::{Noise, OutOfRange};

/// A share of rows that are held out: each row for itself, by the seed and its number in the file.
pub(crate) struct Holdout {
    share: f64,
    noise: Noise,
}

impl Holdout {
    /// # Errors
    /// Unless the share is between 0 and 1.
    pub(crate) fn new(share: f64, noise: &Noise) -> Result<Self, OutOfRange> {
        match 0.0 < share && share < 1.0 {
            true => Ok(Self { share, noise: noise.derive("holdout") }),
            false => Err(OutOfRange::new("data.holdout", share, "a share between 0 and 1, such as 0.1")),
        }
    }

    /// Whether each of the first `n` rows of the file is held out.
    pub(crate) fn flags(&self, n: usize) -> Vec<bool> {
        self.noise.clone().uniforms(n).into_iter().map(|u| f64::from(u) < self.share).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_held_out_by_its_number_and_the_seed_alone() {
        let holdout = |seed| Holdout::new(0.2, &Noise::seeded(seed)).unwrap();
        let many = holdout(3).flags(10_000);
        assert_eq!(many[..500], holdout(3).flags(500));
        assert_ne!(many, holdout(4).flags(10_000));
        let n = many.iter().filter(|flag| **flag).count() as f64;
        // five standard errors of a binomial share
        assert!((n - 2000.0).abs() < 5.0 * (10_000.0f64 * 0.2 * 0.8).sqrt(), "{n}");
        for bad in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(Holdout::new(bad, &Noise::seeded(0)).is_err(), "{bad}");
        }
    }
}
