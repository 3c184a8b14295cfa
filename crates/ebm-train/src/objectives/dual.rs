//! Dual score matching.

use burn::tensor::Tensor;
use ebm_model::{Capabilities, JointPotential};
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use super::noisy_batch::NoisyBatch;
use crate::objectives::bound::OnJointEnergy;
use crate::range::non_negative;
use crate::{
    Batch, BuildContext, Built, Memory, NamedObjective, NoiseLaw, NoiseSettings, Objective, Outcome,
    TrainError, Weighting,
};

/// Dual score matching: predict the noise that was added, and how long it is.
///
/// With y = x + σz, z ~ N(0, I), σ from the [`NoiseLaw`], and U the energy,
///
/// > mean over rows and coordinates of λ(σ) (s(y, σ) + z/σ)²
/// > \+ ω · mean over rows of μ(σ) (t/d)² (∂U/∂t − (d/2t − ‖σz‖²/2t²))²,   t = σ².
///
/// The first term is [`DenoisingScoreMatching`](crate::DenoisingScoreMatching). The second gives the derivative of the
/// energy along the level its target, derived at [`JointPotential`]; in ln σ it is ω μ ((∂U/∂ln σ − d + ‖z‖²)/2d)².
/// Together they fix the energy at all levels up to one constant. Both come from one pass of the network forward and
/// one back.
///
/// The rows of a batch share out the quantiles of σ and of ‖z‖ among them, which changes no expectation and takes most
/// of the chance out of the second term.
///
/// The minimiser is −log p_σ(y) + const, whose loss is not zero. On N(m, vI), with q = σ²/(v + σ²), the minimum is
/// (1 − q) λ/σ² of the first term, and ω μ (1 − q²)/2d of the second.
/// For [`Weighting::Edm`], μ = 1/(1 − q²) with q = σ²/(σ² + σ_d²), so that levels are comparable, as they are by λ in
/// the first term; for [`Weighting::Power`], μ = 1.
///
/// # Reference
/// Guth, Kadkhodaie and Simoncelli (2025), *Learning normalized image densities via dual score matching*, for the two
/// terms and their weights t/d and (t/d)²; the first term is Vincent (2011).
#[derive(Clone, Debug, PartialEq)]
pub struct DualScoreMatching {
    law: NoiseLaw,
    weighting: Weighting,
    slope_weight: f64,
}

impl DualScoreMatching {
    /// The objective with noise levels from `law`, weighted by `weighting`; `slope_weight`, ω, is the weight of the
    /// derivative along the level.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] with the field.
    pub fn new(law: NoiseLaw, weighting: Weighting, slope_weight: f64) -> Result<Self, TrainError> {
        law.validate()?;
        weighting.validate()?;
        let slope_weight = non_negative("slope_weight", slope_weight)?;
        Ok(Self { law, weighting, slope_weight })
    }

    /// √μ of each row, `[batch]`.
    ///
    /// 1/(1 − q²) = (σ² + σ_d²)²/(σ_d² (2σ² + σ_d²)), without a difference.
    fn slope_root(&self, sigma: Tensor<1>) -> Tensor<1> {
        match self.weighting {
            Weighting::Power { .. } => sigma.ones_like(),
            Weighting::Edm { sigma_data } => {
                let ratio = (sigma * (1.0 / sigma_data)).square();
                (ratio.clone() + 1.0) / (ratio * 2.0 + 1.0).sqrt()
            }
        }
    }
}

impl<M: JointPotential + ?Sized> Objective<M> for DualScoreMatching {
    fn loss(&self, model: &M, batch: &Batch, _: Memory, noise: &mut Noise) -> Outcome {
        let data = batch.rows.clone();
        let dim = data.dims()[1];
        let NoisyBatch { sigma, z, square } = NoisyBatch::draw(&self.law, &data, noise);
        let column = sigma.clone().unsqueeze_dim::<2>(1);
        let noisy = data + z.clone() * column.clone();
        let (s, slope) = model.score_and_level_slope_at(noisy, sigma.clone());
        // √λ (s + z/σ), arranged so that autodiff records few operations.
        let root = self.weighting.over_variance(column.clone()).sqrt();
        let of_score = (s * (column * root.clone()) + z * root).square().mean();
        let target = square.neg() + dim as f64;
        let root = self.slope_root(sigma) * (0.5 / dim as f64);
        let of_slope = ((slope - target) * root).square().mean();
        Outcome::from(of_score + of_slope * self.slope_weight)
    }
}

/// The settings of [`DualScoreMatching`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DualSettings {
    /// The distribution of the noise level.
    pub noise: NoiseSettings,
    /// The weight ω of the derivative along the level; 0 leaves it out.
    pub slope_weight: f64,
    /// The weight of each level.
    #[serde(flatten)]
    pub weighting: Weighting,
}

impl Default for DualSettings {
    fn default() -> Self {
        let noise = NoiseLaw::LogUniform { top: 10.0, bottom: 0.01 };
        Self { noise: noise.into(), slope_weight: 1.0, weighting: Weighting::Edm { sigma_data: 1.0 } }
    }
}

impl NamedObjective for DualSettings {
    const NAME: &'static str = "dual";
    const ABOUT: &'static str =
        "denoising score matching, and the same along the noise level: a normalised energy";

    fn build<N: Capabilities + ?Sized + 'static>(&self, network: &N, _: &BuildContext<'_>) -> Built<N> {
        let law = self.noise.law().map_err(|error| error.within("noise"))?;
        let objective = DualScoreMatching::new(law, self.weighting, self.slope_weight)?;
        OnJointEnergy::build(objective, Self::NAME, network)
    }

    fn noise(&self) -> Option<&NoiseSettings> {
        Some(&self.noise)
    }

    fn noise_mut(&mut self) -> Option<&mut NoiseSettings> {
        Some(&mut self.noise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use ebm_model::{Gaussian, NoisyPotential, NoisyScore};

    const V: f64 = 0.49;
    const MEAN: [f64; 3] = [1.0, -1.0, 0.5];

    fn truth() -> Gaussian {
        Gaussian::isotropic(MEAN.to_vec(), V).unwrap()
    }

    /// The mean of the loss over many batches and its standard error.
    fn loss(objective: &DualScoreMatching, model: &impl JointPotential, batches: u64) -> (f64, f64) {
        let (rows, noise) = (Noise::seeded(1), Noise::seeded(2));
        let losses = (0..batches).map(|i| {
            let data = truth().sample(1000, &mut rows.child(i), &Device::flex());
            let outcome = objective.loss(model, &data.into(), Memory::new(), &mut noise.child(i));
            f64::from(outcome.loss.into_scalar::<f32>())
        });
        let losses: Vec<f64> = losses.collect();
        let n = losses.len() as f64;
        let mean = losses.iter().sum::<f64>() / n;
        let variance = losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, (variance / n).sqrt())
    }

    #[test]
    fn at_the_truth_the_loss_is_the_known_minimum_of_both_terms() {
        let dim = MEAN.len() as f64;
        for sigma in [0.1f64, 0.7, 3.0] {
            let law = NoiseLaw::LogNormal { mean: sigma.ln(), deviation: 0.0 };
            let q = sigma * sigma / (V + sigma * sigma);
            let of = |s: f64| s * s / (s * s + 0.25);
            let edm = (sigma * sigma / 0.25 + 1.0, 1.0 / (1.0 - of(sigma).powi(2)));
            let weights =
                [(Weighting::Power { power: 2.0 }, (1.0, 1.0)), (Weighting::Edm { sigma_data: 0.5 }, edm)];
            for (weighting, (of_score, of_slope)) in weights {
                for omega in [0.0, 1.0, 20.0] {
                    let objective = DualScoreMatching::new(law.clone(), weighting, omega).unwrap();
                    let (found, error) = loss(&objective, &truth(), 100);
                    let minimum = of_score * (1.0 - q) + omega * of_slope * (1.0 - q * q) / (2.0 * dim);
                    assert!(
                        (found - minimum).abs() < 5.0 * error,
                        "σ = {sigma}: {found} against {minimum} ± {error}"
                    );
                }
            }
        }
    }

    /// The truth with its derivative along the level off by a factor or a term, or its score by a factor.
    struct Off {
        slope: f64,
        lift: f64,
        score: f64,
    }

    impl NoisyScore for Off {
        fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
            truth().score_at(x, sigma) * self.score
        }
    }

    impl NoisyPotential for Off {
        fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
            truth().energy_at(x, sigma)
        }
    }

    impl JointPotential for Off {
        fn score_and_level_slope_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<2>, Tensor<1>) {
            let (score, slope) = truth().score_and_level_slope_at(x, sigma);
            (score * self.score, slope * self.slope + self.lift)
        }
    }

    #[test]
    fn a_wrong_derivative_along_the_level_or_a_wrong_score_has_a_larger_loss() {
        let law = NoiseLaw::LogUniform { top: 3.0, bottom: 0.1 };
        let objective = DualScoreMatching::new(law, Weighting::Power { power: 2.0 }, 5.0).unwrap();
        let at = |slope, lift, score| loss(&objective, &Off { slope, lift, score }, 40).0;
        let least = at(1.0, 0.0, 1.0);
        // the same draws each time, so that differences are not of chance
        for (slope, lift, score) in [
            (1.2, 0.0, 1.0),
            (0.8, 0.0, 1.0),
            (-1.0, 0.0, 1.0),
            (1.0, 0.2, 1.0),
            (1.0, -0.2, 1.0),
            (1.0, 0.0, 1.1),
            (1.0, 0.0, 0.9),
        ] {
            let found = at(slope, lift, score);
            assert!(
                least < found,
                "slope × {slope} + {lift}, score × {score}: {found}, at the truth {least}"
            );
        }
    }

    #[test]
    fn a_weight_that_is_negative_or_no_number_is_refused() {
        let law = || NoiseLaw::LogUniform { top: 3.0, bottom: 0.1 };
        for weight in [-1.0, f64::NAN, f64::INFINITY] {
            let error = DualScoreMatching::new(law(), Weighting::Power { power: 2.0 }, weight).unwrap_err();
            assert!(error.to_string().starts_with("slope_weight: expected"), "{error}");
        }
        assert!(DualScoreMatching::new(law(), Weighting::Edm { sigma_data: 0.0 }, 1.0).is_err());
    }
}
