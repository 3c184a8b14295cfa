//! Mixtures of normal distributions.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use ebm_ops::{Noise, OutOfRange};

use crate::algebra::mixed;
use crate::rows::{constants, one_hot};
use crate::{
    Along, ClassConditional, ClassConditionalPotential, Directional, Energy, Gaussian, JointPotential,
    ModelError, NoisyDirectional, NoisyDirectionalScore, NoisyPotential, NoisyScore, Potential, Score,
};

/// Σ_k w_k N(μ_k, Σ_k), normalised: E(x) = −log p(x) and Z = 1.
///
/// As a [`NoisyScore`] it is blurred exactly: every Σ_k becomes Σ_k + σ²I.
/// As a [`ClassConditional`] model its classes are its components.
#[derive(Module, Debug)]
pub struct GaussianMixture {
    #[module(skip)]
    weights: Vec<f64>,
    #[module(skip)]
    components: Vec<Gaussian>,
}

impl GaussianMixture {
    /// The mixture with these weights, which are scaled to sum to one.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless there is one positive, finite weight for each component, one component
    /// or more, all of one dimension.
    pub fn new(weights: Vec<f64>, components: Vec<Gaussian>) -> Result<Self, ModelError> {
        if weights.len() != components.len() || weights.is_empty() {
            let expected = format!("a weight for each of {} components", components.len());
            return Err(OutOfRange::new("mixture", weights.len(), expected).into());
        }
        for weight in &weights {
            OutOfRange::positive("mixture weight", *weight)?;
        }
        let dim = components[0].dim();
        if let Some(other) = components.iter().find(|component| component.dim() != dim) {
            let expected = format!("dimension {dim}");
            return Err(OutOfRange::new("mixture component", other.dim(), expected).into());
        }
        let total: f64 = weights.iter().sum();
        Ok(Self { weights: weights.iter().map(|weight| weight / total).collect(), components })
    }

    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        self.components[0].dim()
    }

    /// The weights, which sum to one.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The components.
    pub fn components(&self) -> &[Gaussian] {
        &self.components
    }

    /// The distribution of a draw with noise N(0, σ²I) added.
    pub fn smoothed(&self, sigma: f64) -> Self {
        let components = self.components.iter().map(|component| component.smoothed(sigma)).collect();
        Self { weights: self.weights.clone(), components }
    }

    /// `n` independent draws, `[n, dim]`.
    pub fn sample(&self, n: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        let choices = noise.uniform([n, 1], device);
        let z = noise.normal([n, self.dim()], device);
        let mut below = 0.0;
        let mut draws = self.components[0].place(z.clone());
        for (weight, component) in self.weights.iter().zip(&self.components) {
            let chosen = choices.clone().greater_equal_elem(below);
            draws = draws.mask_where(chosen.expand([n, self.dim()]), component.place(z.clone()));
            below += weight;
        }
        draws
    }

    /// log p_σ(x), `[batch]`; `sigma` is `[batch]`.
    pub fn log_density_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        log_sum(self.log_terms(x, sigma))
    }

    /// log w_k + log N(x; μ_k, Σ_k + σ²I), `[batch, components]`.
    fn log_terms(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let logs: Vec<f64> = self.weights.iter().map(|weight| weight.ln()).collect();
        let weights = constants(&logs, [1, logs.len()], &x);
        let density =
            |component: &Gaussian| component.log_density_at(x.clone(), sigma.clone()).unsqueeze_dim::<2>(1);
        Tensor::cat(self.components.iter().map(density).collect(), 1) + weights
    }

    /// The score with these responsibilities of the components, `[batch, components]`.
    fn score_by(&self, responsibilities: &Tensor<2>, x: &Tensor<2>, sigma: &Tensor<1>) -> Tensor<2> {
        let parts = self.components.iter().enumerate().map(|(k, component)| {
            component.score_at(x.clone(), sigma.clone()) * responsibilities.clone().narrow(1, k, 1)
        });
        parts.reduce(|sum, part| sum + part).expect("a mixture has a component")
    }

    /// Slope Σ r Ė, curvature Σ r Ë less the variance of Ė under r, with E of the components.
    fn along_by(
        &self,
        responsibilities: Tensor<2>,
        x: &Tensor<2>,
        v: &Tensor<2>,
        sigma: &Tensor<1>,
    ) -> Along {
        let along = |component: &Gaussian| component.along_at(x.clone(), v.clone(), sigma.clone());
        let (slopes, curvatures): (Vec<_>, Vec<_>) =
            self.components.iter().map(along).map(|along| (along.slope, along.curvature)).unzip();
        mixed(responsibilities, Tensor::stack::<2>(slopes, 1), Tensor::stack::<2>(curvatures, 1))
    }

    fn no_noise(x: &Tensor<2>) -> Tensor<1> {
        Tensor::zeros([x.dims()[0]], (&x.device(), x.dtype()))
    }
}

impl Energy for GaussianMixture {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let sigma = Self::no_noise(&x);
        self.log_density_at(x, sigma).neg()
    }
}

impl Score for GaussianMixture {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let sigma = Self::no_noise(&x);
        self.score_at(x, sigma)
    }
}

impl Potential for GaussianMixture {}

impl NoisyScore for GaussianMixture {
    /// Σ_k r_k (Σ_k + σ²I)⁻¹ (μ_k − x), r the responsibilities of the components for x.
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let responsibilities = shares(self.log_terms(x.clone(), sigma.clone()));
        self.score_by(&responsibilities, &x, &sigma)
    }
}

impl Directional for GaussianMixture {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let sigma = Self::no_noise(&x);
        self.along_at(x, v, sigma)
    }
}

impl NoisyPotential for GaussianMixture {
    /// −log p_σ(x), normalised: Z is 1 at every level.
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        self.log_density_at(x, sigma).neg()
    }
}

impl JointPotential for GaussianMixture {
    /// Σ_k r_k of the components' scores and slopes, r the responsibilities of the components for x.
    fn score_and_level_slope_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<2>, Tensor<1>) {
        let shares = shares(self.log_terms(x.clone(), sigma.clone()));
        let parts = self.components.iter().enumerate().map(|(k, component)| {
            let share = shares.clone().narrow(1, k, 1);
            let (score, slope) = component.score_and_level_slope_at(x.clone(), sigma.clone());
            (score * share.clone(), slope * share.squeeze_dim::<1>(1))
        });
        parts
            .reduce(|(score, slope), (one, its)| (score + one, slope + its))
            .expect("a mixture has a component")
    }
}

impl NoisyDirectional for GaussianMixture {
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let responsibilities = shares(self.log_terms(x.clone(), sigma.clone()));
        self.along_by(responsibilities, &x, &v, &sigma)
    }
}

/// log Σ exp of each row, `[batch, components]` → `[batch]`.
fn log_sum(terms: Tensor<2>) -> Tensor<1> {
    let largest = terms.clone().max_dim(1);
    ((terms - largest.clone()).exp().sum_dim(1).log() + largest).squeeze_dim::<1>(1)
}

/// exp of each row as shares of its sum: which component x is from, `[batch, components]`.
fn shares(terms: Tensor<2>) -> Tensor<2> {
    let shifted = (terms.clone() - terms.max_dim(1)).exp();
    shifted.clone() / shifted.sum_dim(1)
}

impl ClassConditional for GaussianMixture {
    fn n_classes(&self) -> usize {
        self.components.len()
    }

    fn score_of<'a>(&'a self, class: Tensor<1, Int>) -> Box<dyn NoisyDirectionalScore + 'a> {
        Box::new(OfComponent { mixture: self, class })
    }
}

impl ClassConditionalPotential for GaussianMixture {
    fn energy_of<'a>(&'a self, class: Tensor<1, Int>) -> Box<dyn NoisyPotential + 'a> {
        Box::new(OfComponent { mixture: self, class })
    }
}

/// The component of each row, or the mixture for a row without a class; normalised.
struct OfComponent<'a> {
    mixture: &'a GaussianMixture,
    /// `[batch]`.
    class: Tensor<1, Int>,
}

impl OfComponent<'_> {
    /// The log terms of the mixture; of a row with a class, that of its component alone, without its weight.
    fn log_terms(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let n = self.mixture.components.len();
        assert_eq!(self.class.dims(), sigma.dims(), "classes of rows and noise levels");
        let chosen = one_hot(self.class.clone(), n + 1, &x);
        let (of_class, of_none) = (chosen.clone().narrow(1, 0, n), chosen.narrow(1, n, 1));
        let left_out = (of_class.clone() + of_none).equal_elem(0.0);
        let logs: Vec<f64> = self.mixture.weights.iter().map(|weight| weight.ln()).collect();
        let weights = constants(&logs, [1, n], &x);
        (self.mixture.log_terms(x, sigma) - of_class * weights).mask_fill(left_out, f64::NEG_INFINITY)
    }
}

impl NoisyScore for OfComponent<'_> {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let responsibilities = shares(self.log_terms(x.clone(), sigma.clone()));
        self.mixture.score_by(&responsibilities, &x, &sigma)
    }
}

impl NoisyDirectional for OfComponent<'_> {
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let responsibilities = shares(self.log_terms(x.clone(), sigma.clone()));
        self.mixture.along_by(responsibilities, &x, &v, &sigma)
    }
}

impl NoisyPotential for OfComponent<'_> {
    /// −log p_σ(x | class).
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        log_sum(self.log_terms(x, sigma)).neg()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use crate::testing::{assert_noisy_score_is_the_gradient_of, assert_score_is_minus_gradient, rows};

    fn two_modes() -> GaussianMixture {
        let left = Gaussian::new(vec![-2.0, 0.0], &[vec![0.5, 0.2], vec![0.2, 0.4]]).unwrap();
        let right = Gaussian::isotropic(vec![3.0, 1.0], 0.25).unwrap();
        GaussianMixture::new(vec![1.0, 3.0], vec![left, right]).unwrap()
    }

    const POINTS: [[f64; 2]; 4] = [[-2.0, 0.3], [0.4, 0.5], [3.1, 0.2], [8.0, -9.0]];

    #[test]
    fn the_score_is_minus_the_gradient_of_the_energy() {
        assert_score_is_minus_gradient(&two_modes(), &POINTS);
    }

    #[test]
    fn with_and_without_noise_it_keeps_the_laws_of_a_potential() {
        let law = two_modes();
        testing::assert_potential(&law, 2, 72);
        testing::assert_potential(&law.at(0.6), 2, 73);
        testing::assert_precision(&law.at(0.6), &law.at(0.6), 2, 73);
        testing::assert_joint_potential(&law, 2, 73);
    }

    #[test]
    fn the_blurred_score_is_the_gradient_of_the_blurred_log_density() {
        assert_noisy_score_is_the_gradient_of(&two_modes(), |x, s| two_modes().log_density_at(x, s), &POINTS);
    }

    #[test]
    fn the_density_integrates_to_one() {
        let (n, half) = (400, 12.0);
        let step = 2.0 * half / n as f64;
        let grid: Vec<[f64; 2]> =
            (0..n * n).map(|i| [i / n, i % n].map(|k| (k as f64 + 0.5) * step - half)).collect();
        let energies = rows(two_modes().energy(crate::testing::doubles(&grid)).unsqueeze_dim::<2>(1));
        let total: f64 = energies.iter().map(|energy| (-energy[0]).exp()).sum::<f64>() * step * step;
        assert!((total - 1.0).abs() < 1e-9, "{total}");
    }

    #[test]
    fn draws_fall_to_the_modes_by_their_weights() {
        let n = 40_000;
        let draws = rows(two_modes().sample(n, &mut Noise::seeded(8), &Device::flex()));
        let right = draws.iter().filter(|draw| 0.5 < draw[0]).count() as f64 / n as f64;
        // less than 1e-3 of the left mode's mass lies beyond 0.5: 3.5 deviations
        let standard_error = (0.75f64 * 0.25 / n as f64).sqrt();
        assert!((right - 0.75).abs() < 5.0 * standard_error, "{right}");
        let variance = draws.iter().filter(|d| 0.5 < d[0]).map(|d| (d[1] - 1.0).powi(2)).sum::<f64>()
            / (right * n as f64);
        assert!((variance - 0.25).abs() < 5.0 * 0.25 * (2.0 / (0.75 * n as f64)).sqrt(), "{variance}");
    }

    #[test]
    fn unfit_parts_are_refused() {
        assert!(GaussianMixture::new(vec![1.0], vec![]).is_err());
        assert!(GaussianMixture::new(vec![-1.0], vec![Gaussian::standard(1)]).is_err());
        assert!(
            GaussianMixture::new(vec![1.0; 2], vec![Gaussian::standard(1), Gaussian::standard(2)]).is_err()
        );
    }
}
