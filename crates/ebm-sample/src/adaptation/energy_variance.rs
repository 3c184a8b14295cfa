//! A step size that converges to a target variance of the energy error.

use ebm_ops::OutOfRange;
use serde::{Deserialize, Serialize};

use crate::SampleError;

/// How many of the last energy errors count.
const MEMORY: f64 = 150.0;

/// The fewest steps that count, however many chains there are.
const STEPS: f64 = 20.0;

/// How far, in powers of e of the step size, an estimate may be off before it counts little.
const TRUST: f64 = 1.5;

/// What keeps a step without any error from asking for an endless one.
const FLOOR: f64 = 1e-8;

/// The largest ratio to the target that counts, so that a chain that starts far out does not stop the others for long.
const MOST: f64 = 1e4;

/// How much shorter the step should have been where it was not finite.
const SHORTER: f64 = 0.8;

/// In the first few updates a ratio below this one is of a step that is far too short.
const LEAST: f64 = 1e-4;

/// How many updates these are, and by how much such a step is made longer.
const FIRST: u32 = 10;
const LONGER: f64 = 4.0;

/// The shortest step, of an energy that is never finite, and the longest, of one that does not change at all.
const SHORTEST: f64 = 1e-12;
const LONGEST: f64 = 1e12;

/// The step size at which the energy error of a step has a given variance per dimension.
///
/// The error is of third order, so that with ξ = ΔE²/(d · target) the step should have been h ξ^(−1/6). Of the ratios
/// ξ/h⁶ an average is kept in which old ones are forgotten and those far from 1, from far away, count little.
/// The errors of all chains at one step are one ξ.
///
/// # Reference
/// Robnik, De Luca, Silverstein and Seljak (2023), *Microcanonical Hamiltonian Monte Carlo*, §4, with 5 · 10⁻⁴ as
/// Robnik and Seljak (2023) have it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnergyVariance {
    target: f64,
    step_size: f64,
    ratios: f64,
    weights: f64,
    n_updates: u32,
}

impl EnergyVariance {
    /// Starts at `step_size` and adapts it to the `target` variance of the energy error per dimension.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless both are positive and finite.
    pub fn new(step_size: f64, target: f64) -> Result<Self, SampleError> {
        let step_size = OutOfRange::positive("step_size", step_size)?;
        Ok(Self { target: energy_variance(target)?, step_size, ratios: 0.0, weights: 0.0, n_updates: 0 })
    }

    /// The step size to try next, and to keep.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// Updates with the energy errors of all chains in one step of this size, in `dim` coordinates; one that is not finite
    /// counts as that of a step that was too long.
    pub fn update(&mut self, errors: &[f64], dim: usize) {
        if errors.is_empty() {
            return;
        }
        let ratio = |error: &f64| {
            if error.is_finite() {
                (error * error / (dim as f64 * self.target)).min(MOST)
            } else {
                SHORTER.powi(-6)
            }
        };
        let n = errors.len() as f64;
        let ratio = errors.iter().map(ratio).sum::<f64>() / n + FLOOR;
        self.n_updates = self.n_updates.saturating_add(1);
        if self.n_updates <= FIRST && ratio < LEAST {
            // Averaged with others, what it asks for would count for long.
            (self.ratios, self.weights) = (0.0, 0.0);
            self.step_size = (LONGER * self.step_size).min(LONGEST);
            return;
        }
        let weight = (-0.5 * (ratio.ln() / (6.0 * TRUST)).powi(2)).exp();
        let memory = (MEMORY / n).max(STEPS);
        let keep = (memory - 1.0) / (memory + 1.0);
        self.ratios = keep * self.ratios + weight * ratio * self.step_size.powi(-6);
        self.weights = keep * self.weights + weight;
        self.step_size = (self.ratios / self.weights).powf(-1.0 / 6.0).clamp(SHORTEST, LONGEST);
    }

    /// The same step size and target, with nothing remembered.
    #[must_use]
    pub fn restarted(self) -> Self {
        Self { ratios: 0.0, weights: 0.0, n_updates: 0, ..self }
    }
}

/// `target` if it is positive and finite.
pub(super) fn energy_variance(target: f64) -> Result<f64, OutOfRange> {
    OutOfRange::positive("energy_variance", target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    #[test]
    fn it_finds_the_step_of_an_error_of_third_order_from_far_away() {
        let (dim, target) = (10, 5e-4);
        for chains in [1, 4, 50] {
            for first in [1e-3, 0.5, 100.0] {
                let mut found = EnergyVariance::new(first, target).unwrap();
                let mut noise = Noise::seeded(331);
                for _ in 0..600 {
                    // ΔE = 0.3 h³ z
                    let h = found.step_size();
                    let errors: Vec<f64> =
                        noise.normals_f64(chains).iter().map(|z| 0.3 * h.powi(3) * z).collect();
                    found.update(&errors, dim);
                }
                let exact = ((dim as f64 * target).sqrt() / 0.3).cbrt();
                let off = (found.step_size() / exact).ln();
                assert!(off.abs() < 0.15, "{chains} chains from {first}: {} of {exact}", found.step_size());
            }
        }
    }

    #[test]
    fn errors_that_are_not_finite_shorten_the_step_and_do_not_end_it() {
        let mut found = EnergyVariance::new(1.0, 5e-4).unwrap();
        found.update(&[f64::NAN, f64::INFINITY], 2);
        assert!((found.step_size() - 0.8).abs() < 1e-6, "{}", found.step_size());
        let mut mixed = EnergyVariance::new(1.0, 5e-4).unwrap();
        (0..1000).for_each(|_| mixed.update(&[1e9, 0.0, f64::NAN], 2));
        assert!(mixed.step_size().is_finite() && 0.0 < mixed.step_size());
        let before = found;
        found.update(&[], 2);
        assert_eq!(found, before);
        // an energy that does not change asks for steps as long as they may be
        let mut flat = EnergyVariance::new(1.0, 5e-4).unwrap();
        (0..1000).for_each(|_| flat.update(&[0.0], 2));
        assert!(1e6 < flat.step_size() && flat.step_size() <= 1e12);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let error = EnergyVariance::new(0.1, 0.0).unwrap_err().to_string();
        assert_eq!(error, "energy_variance: expected a positive, finite number, found 0");
        assert!(EnergyVariance::new(f64::NAN, 5e-4).is_err());
    }
}
