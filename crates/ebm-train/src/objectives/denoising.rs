//! Denoising score matching.

use burn::tensor::Tensor;
use ebm_model::{Capabilities, NoisyScore};
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::objectives::bound::OnNoisyScore;
use crate::range::finite;
use crate::{
    Batch, BuildContext, Built, LABEL_DROPOUT, Memory, NamedObjective, NoiseLaw, NoiseSettings, Objective,
    OfAugmentations, OfClasses, Outcome, TrainError,
};

/// The weight of each noise level: the factor λ(σ) of |s + z/σ|².
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "weighting", rename_all = "kebab-case")]
pub enum Weighting {
    /// λ = σ^power; a power of 2 makes the levels comparable, as in Song and Ermon (2019), eq. 6.
    Power {
        /// The exponent.
        power: f64,
    },
    /// λ = σ² (σ² + σ_d²)/σ_d², which makes the levels comparable for an untrained network in EDM's form.
    ///
    /// Karras et al. (2022), table 1, where it is written (σ² + σ_d²)/(σ σ_d)² as a factor of |D − y|².
    Edm {
        /// σ_d, the standard deviation of the data.
        sigma_data: f64,
    },
}

impl Weighting {
    /// # Errors
    /// [`OutOfRange`] with the field.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        match *self {
            Self::Power { power } => finite("power", power).map(|_| ()),
            Self::Edm { sigma_data } => OutOfRange::positive("sigma_data", sigma_data).map(|_| ()),
        }
    }

    /// λ/σ² for each row: what multiplies (σ s + z)², `[batch, 1]`.
    pub(crate) fn over_variance(&self, sigma: Tensor<2>) -> Tensor<2> {
        match *self {
            Self::Power { power } => (sigma.log() * (power - 2.0)).exp(),
            Self::Edm { sigma_data } => sigma.square() / (sigma_data * sigma_data) + 1.0,
        }
    }
}

/// Denoising score matching on many noise levels: predict the noise that was added.
///
/// mean over rows and coordinates of λ(σ) (s(y + σz, σ) + z/σ)²,   z ~ N(0, I), σ from the [`NoiseLaw`].
///
/// The rows are `[batch, dim]`; one network pass. The minimiser is the score of the data blurred by σ, whose loss is
/// not zero: on N(μ, v) with λ = σ² it is v/(v + σ²) per coordinate.
///
/// # Reference
/// Vincent (2011), *A connection between score matching and denoising autoencoders*, §4.
#[derive(Clone, Debug, PartialEq)]
pub struct DenoisingScoreMatching {
    law: NoiseLaw,
    weighting: Weighting,
}

impl DenoisingScoreMatching {
    /// The objective with noise levels from `law`, weighted by `weighting`.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] with the field.
    pub fn new(law: NoiseLaw, weighting: Weighting) -> Result<Self, TrainError> {
        law.validate()?;
        weighting.validate()?;
        Ok(Self { law, weighting })
    }
}

impl<M: NoisyScore + ?Sized> Objective<M> for DenoisingScoreMatching {
    fn loss(&self, model: &M, batch: &Batch, _: Memory, noise: &mut Noise) -> Outcome {
        let data = batch.rows.clone();
        let sigma = self.law.sample(data.dims()[0], noise, &data.device()).cast(data.dtype());
        let z = noise.normal_like(&data);
        let column = sigma.clone().unsqueeze_dim::<2>(1);
        let s = model.score_in_training(data + z.clone() * column.clone(), sigma, noise);
        // √λ (s + z/σ), arranged so that autodiff records few operations.
        let root = self.weighting.over_variance(column.clone()).sqrt();
        Outcome::from((s * (column * root.clone()) + z * root).square().mean())
    }
}

/// The settings of [`DenoisingScoreMatching`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DenoisingSettings {
    /// The distribution of the noise level.
    pub noise: NoiseSettings,
    /// The weight of each level.
    #[serde(flatten)]
    pub weighting: Weighting,
    /// The share of labels that are left out for a network that is conditioned on classes; [`LABEL_DROPOUT`] if not
    /// set. Others have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_dropout: Option<f64>,
}

impl Default for DenoisingSettings {
    fn default() -> Self {
        let noise = NoiseLaw::LogUniform { top: 10.0, bottom: 0.01 };
        Self { noise: noise.into(), weighting: Weighting::Edm { sigma_data: 1.0 }, label_dropout: None }
    }
}

impl NamedObjective for DenoisingSettings {
    const NAME: &'static str = "denoising";
    const ABOUT: &'static str = "denoising score matching at many noise levels";
    const HAS_DROPOUT: bool = true;
    const GIVES_AUGMENTATIONS: bool = true;

    fn build<N: Capabilities + ?Sized + 'static>(&self, network: &N, _: &BuildContext<'_>) -> Built<N> {
        let law = self.noise.law().map_err(|error| error.within("noise"))?;
        let objective = DenoisingScoreMatching::new(law, self.weighting)?;
        if network.as_class_conditional().is_some() {
            let share = self.label_dropout.unwrap_or(LABEL_DROPOUT);
            return Ok(Box::new(OfClasses::new(objective, share)?));
        }
        if let Some(found) = self.label_dropout {
            let expected = "none for a network that is not conditioned on classes";
            return Err(OutOfRange::new("label_dropout", found, expected).into());
        }
        if network.as_augmentation_conditional().is_some() {
            return Ok(Box::new(OfAugmentations::new(objective)));
        }
        OnNoisyScore::build(objective, Self::NAME, network)
    }

    fn noise(&self) -> Option<&NoiseSettings> {
        Some(&self.noise)
    }

    fn noise_mut(&mut self) -> Option<&mut NoiseSettings> {
        Some(&mut self.noise)
    }

    fn label_dropout(&self) -> Option<f64> {
        Some(self.label_dropout.unwrap_or(LABEL_DROPOUT))
    }

    fn label_dropout_mut(&mut self) -> Option<&mut Option<f64>> {
        Some(&mut self.label_dropout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use ebm_model::Gaussian;

    const V: f64 = 0.49;

    fn loss(law: NoiseLaw, weighting: Weighting, model: &impl NoisyScore, n: usize) -> f64 {
        let data = Gaussian::isotropic(vec![1.0, -1.0], V).unwrap().sample(
            n,
            &mut Noise::seeded(1),
            &Device::flex(),
        );
        let objective = DenoisingScoreMatching::new(law, weighting).unwrap();
        let outcome = objective.loss(model, &data.into(), Memory::new(), &mut Noise::seeded(2));
        f64::from(outcome.loss.into_scalar::<f32>())
    }

    #[test]
    fn at_the_optimum_the_loss_is_the_known_minimum() {
        let model = Gaussian::isotropic(vec![1.0, -1.0], V).unwrap();
        let n = 200_000;
        for sigma in [0.1f64, 0.7, 3.0] {
            let law = NoiseLaw::LogNormal { mean: sigma.ln(), deviation: 0.0 };
            // σ s + z is normal with variance v/(v + σ²) in each coordinate
            let minimum = V / (V + sigma * sigma);
            let standard_error = minimum * (2.0 / (2 * n) as f64).sqrt();
            let checks = [
                (Weighting::Power { power: 2.0 }, 1.0),
                (Weighting::Power { power: 0.0 }, sigma.powi(-2)),
                (Weighting::Edm { sigma_data: 0.5 }, sigma * sigma / 0.25 + 1.0),
            ];
            for (weighting, weight) in checks {
                let found = loss(law.clone(), weighting, &model, n) / weight;
                assert!(
                    (found - minimum).abs() < 5.0 * standard_error,
                    "σ = {sigma}: {found} against {minimum}"
                );
            }
        }
    }

    #[test]
    fn a_reversed_or_scaled_score_has_a_larger_loss() {
        struct Times(f64, Gaussian);
        impl NoisyScore for Times {
            fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
                self.1.score_at(x, sigma) * self.0
            }
        }
        let model = |factor| Times(factor, Gaussian::isotropic(vec![1.0, -1.0], V).unwrap());
        let law = NoiseLaw::LogUniform { top: 3.0, bottom: 0.1 };
        let at = |factor| loss(law.clone(), Weighting::Power { power: 2.0 }, &model(factor), 50_000);
        assert!(at(1.0) < at(1.1) && at(1.0) < at(0.9) && at(1.0) < at(-1.0));
    }
}
