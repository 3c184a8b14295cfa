//! The loss at single noise levels, as training goes.

use std::num::NonZeroUsize;

use burn::tensor::Tensor;
use ebm_model::Capabilities;
use ebm_ops::Noise;
use ebm_train::{NoiseLaw, ObjectiveConfig};

use crate::error::Result;

/// How many levels.
const LEVELS: usize = 8;

/// Numbers in the rows of one level, and the fewest and the most rows.
const NUMBERS: usize = 8192;
const ROWS: [usize; 2] = [16, 256];

/// The denoising loss at a few noise levels, on the same rows with the same noise each time.
///
/// mean over rows and coordinates of (σ s(y + σz, σ) + z)²: 1 for a score of zero, whatever the level; of N(μ, v) at best
/// v/(v + σ²).
#[derive(Clone, Debug)]
pub struct LevelLosses {
    sigmas: Vec<f64>,
    rows: Tensor<2>,
    noise: Noise,
}

impl LevelLosses {
    /// For an objective that trains at many noise levels, or none for another; `rows` gives so many of the data.
    ///
    /// # Errors
    /// If the rows cannot be read.
    pub fn of(
        objective: &ObjectiveConfig,
        dim: usize,
        rows: impl FnOnce(NonZeroUsize) -> Result<Tensor<2>>,
        noise: Noise,
    ) -> Result<Option<Self>> {
        let ObjectiveConfig::Denoising(settings) = objective else { return Ok(None) };
        let [bottom, top] = match settings.noise.law()? {
            NoiseLaw::Geometric { top, bottom, .. } | NoiseLaw::LogUniform { top, bottom } => [bottom, top],
            // Where nearly all of them are.
            NoiseLaw::LogNormal { mean, deviation } => {
                [mean - 2.0 * deviation, mean + 2.0 * deviation].map(f64::exp)
            }
        };
        let share = |i: usize| i as f64 / (LEVELS - 1) as f64;
        let mut sigmas: Vec<f64> = (0..LEVELS).map(|i| bottom * (top / bottom).powf(share(i))).collect();
        sigmas.dedup();
        if sigmas.iter().any(|sigma| !(1e-6..=1e6).contains(sigma)) {
            return Ok(None);
        }
        let n = (NUMBERS / dim.max(1)).clamp(ROWS[0], ROWS[1]);
        let n = NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN);
        Ok(Some(Self { sigmas, rows: rows(n)?, noise }))
    }

    /// The levels, the lowest first.
    pub fn sigmas(&self) -> &[f64] {
        &self.sigmas
    }

    /// The loss at each level; none of a network that has no score there. Waits for the device.
    pub fn at(&self, network: &dyn Capabilities) -> Option<Vec<f64>> {
        let network = network.as_noisy_score()?;
        let (n, device) = (self.rows.dims()[0], self.rows.device());
        let z = self.noise.clone().normal_like(&self.rows);
        let loss = |sigma: &f64| {
            let level = Tensor::<1>::full([n], *sigma, &device);
            let s = network.score_at(self.rows.clone() + z.clone() * *sigma, level);
            (s * *sigma + z.clone()).square().mean()
        };
        let losses: Vec<Tensor<1>> = self.sigmas.iter().map(loss).collect();
        Some(Tensor::cat(losses, 0).into_data().iter::<f64>().collect())
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;
    use ebm_model::{Gaussian, NoisyDirectionalScore};
    use ebm_train::DenoisingSettings;

    use super::*;

    struct Known(Gaussian);

    impl Capabilities for Known {
        fn as_noisy_score(&self) -> Option<&dyn NoisyDirectionalScore> {
            Some(&self.0)
        }
    }

    #[test]
    fn at_the_true_score_the_loss_of_each_level_is_the_known_minimum() {
        const V: f64 = 0.49;
        let law = Gaussian::isotropic(vec![1.0, -1.0], V).unwrap();
        let objective = ObjectiveConfig::Denoising(DenoisingSettings::default());
        let rows = |n: NonZeroUsize| Ok(law.sample(n.get(), &mut Noise::seeded(1), &Device::flex()));
        let losses = LevelLosses::of(&objective, 2, rows, Noise::seeded(2)).unwrap().unwrap();
        assert_eq!(losses.sigmas().len(), LEVELS);
        let n = 2.0 * losses.rows.dims()[0] as f64;
        let found = losses.at(&Known(law.clone())).unwrap();
        for (sigma, loss) in losses.sigmas().iter().zip(&found) {
            let minimum = V / (V + sigma * sigma);
            let standard_error = minimum * (2.0 / n).sqrt();
            assert!((loss - minimum).abs() < 5.0 * standard_error, "σ = {sigma}: {loss} against {minimum}");
        }
        assert_eq!(losses.at(&Known(law)).unwrap(), found, "the same rows and noise each time");
    }

    #[test]
    fn objectives_without_noise_levels_have_none() {
        let objective = ObjectiveConfig::named("sliced").unwrap();
        let rows = |_: NonZeroUsize| -> Result<Tensor<2>> { unreachable!("no rows are read") };
        assert!(LevelLosses::of(&objective, 2, rows, Noise::seeded(2)).unwrap().is_none());
    }
}
