//! What makes a density of energies whose noise levels compare.

use burn::tensor::{Device, Tensor};
use ebm_eval::importance;
use ebm_model::{Gaussian, JointPotential};
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::error::{Result, ensure};
use crate::limits;

/// Draws by which log Z is estimated.
const DRAWS: usize = 4096;

/// The normaliser of a network that was trained by dual score matching: log p_σ(x) = −U(x, σ) − log Z, with one Z for all
/// noise levels.
///
/// Z is estimated at the highest level, where the density is nearly N(m, (σ² + σ_d²)I) and importance sampling from
/// that is nearly exact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// The lowest noise level that the network was trained at.
    pub bottom: f64,
    /// The highest, at which log Z was estimated.
    pub top: f64,
    /// log Z in nats, of rows in the units of the model.
    pub log_normalizer: f64,
    /// Its standard error by the draws; it does not know what the network has not learned.
    pub standard_error: f64,
    /// Effective sample size of the draws, of 4,096.
    pub effective_sample_size: f64,
}

impl Normalization {
    /// The normaliser of `network` in `dim` dimensions, which was trained at noise levels from `bottom` to `top` on data of
    /// standard deviation `sigma_data`; all randomness comes from `noise`.
    ///
    /// # Errors
    /// If an energy is not a number.
    pub fn estimate(
        network: &dyn JointPotential,
        [bottom, top]: [f64; 2],
        sigma_data: f64,
        dim: usize,
        noise: &Noise,
        device: &Device,
    ) -> Result<Self> {
        let variance = top * top + sigma_data * sigma_data;
        // of N(m, ρ²I) the score at 0 is m/ρ²
        let score = network.score_at(Tensor::zeros([1, dim], device), Tensor::full([1], top, device));
        let mean: Vec<f64> = (score * variance).into_data().iter::<f64>().collect();
        let mean = if mean.iter().all(|m| m.is_finite()) { mean } else { vec![0.0; dim] };
        let energy = |x: Tensor<2>| {
            let sigma = Tensor::full([x.dims()[0]], top, device);
            network.joint_energy_at(x, sigma)
        };
        let found = importance(energy, &Gaussian::isotropic(mean, variance)?, DRAWS, noise, device)?;
        Ok(Self {
            bottom,
            top,
            log_normalizer: found.estimate.value,
            standard_error: found.estimate.standard_error,
            effective_sample_size: found.effective_sample_size,
        })
    }

    /// Whether the draws were enough: an effective sample size of a hundred.
    pub fn is_reliable(&self) -> bool {
        100.0 <= self.effective_sample_size
    }

    /// Whether its numbers are ones that can be computed with.
    pub(crate) fn check(&self) -> Result<()> {
        limits::scale("normalization.bottom", self.bottom)?;
        limits::scale("normalization.top", self.top)?;
        ensure!(
            self.bottom <= self.top,
            "normalization.bottom = {:?}, expected at most normalization.top = {:?}",
            self.bottom,
            self.top
        );
        for (field, found) in [
            ("log_normalizer", self.log_normalizer.abs()),
            ("standard_error", self.standard_error),
            ("effective_sample_size", self.effective_sample_size),
        ] {
            limits::not_negative(&format!("normalization.{field}"), found)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_no_density_has_are_refused() {
        let right = Normalization {
            bottom: 0.1,
            top: 10.0,
            log_normalizer: -3.0,
            standard_error: 0.01,
            effective_sample_size: 4000.0,
        };
        right.check().unwrap();
        for wrong in [
            Normalization { bottom: 0.0, ..right.clone() },
            Normalization { top: 1e30, ..right.clone() },
            Normalization { bottom: 11.0, ..right.clone() },
            Normalization { log_normalizer: f64::NAN, ..right.clone() },
            Normalization { standard_error: -1.0, ..right.clone() },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
