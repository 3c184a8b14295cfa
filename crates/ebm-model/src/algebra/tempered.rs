//! Models at a temperature.

use burn::tensor::Tensor;

use crate::{
    Along, Directional, Energy, NoisyDirectional, NoisyPotential, NoisyScore, Potential, Score, ScorePullback,
};

/// E(x)/T, s(x)/T and s(x, σ)/T: at a temperature T below one, samples concentrate on likely points and vary less.
///
/// Without noise the density is p^(1/T), exactly: below one its modes are sharper, above one flatter.
/// With noise, s(·, σ)/T is not the score of any blurred distribution, so the distribution of samples at T ≠ 1 has no
/// closed form; for images, a few per cent below one trades variety for clarity.
#[derive(Clone, Copy, Debug)]
pub struct Tempered<M> {
    model: M,
    temperature: f64,
}

impl<M> Tempered<M> {
    /// `model` at this temperature; 1 leaves it as it is.
    ///
    /// # Panics
    /// Unless `0 < temperature < ∞`.
    pub fn new(model: M, temperature: f64) -> Self {
        assert!(
            temperature.is_finite() && 0.0 < temperature,
            "temperature: expected a positive, finite number, found {temperature}"
        );
        Self { model, temperature }
    }

    /// The temperature T.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }
}

impl<M: NoisyScore> NoisyScore for Tempered<M> {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.model.score_at(x, sigma) / self.temperature
    }

    /// The model's own: samples at this temperature have noise of variance Tσ², so the mean of the clean point is
    /// x + Tσ² s(x, σ)/T. With σ² in place of Tσ², (1/T − 1) of the noise would be left, with its sign turned below one.
    fn denoise_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.model.denoise_at(x, sigma)
    }

    fn score_and_pullback_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<2>, ScorePullback<'_>) {
        let (score, pullback) = self.model.score_and_pullback_at(x, sigma);
        (score / self.temperature, Box::new(move |v| pullback(v) / self.temperature))
    }
}

impl<M: NoisyPotential> NoisyPotential for Tempered<M> {
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        self.model.energy_at(x, sigma) / self.temperature
    }

    fn energy_and_score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<1>, Tensor<2>) {
        let (energy, score) = self.model.energy_and_score_at(x, sigma);
        (energy / self.temperature, score / self.temperature)
    }
}

impl<M: Energy> Energy for Tempered<M> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.model.energy(x) / self.temperature
    }
}

impl<M: Score> Score for Tempered<M> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.model.score(x) / self.temperature
    }
}

impl<M: Potential> Potential for Tempered<M> {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let (energy, score) = self.model.energy_and_score(x);
        (energy / self.temperature, score / self.temperature)
    }
}

impl<M: Directional> Directional for Tempered<M> {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let Along { slope, curvature } = self.model.along(x, v);
        Along { slope: slope / self.temperature, curvature: curvature / self.temperature }
    }
}

impl<M: NoisyDirectional> NoisyDirectional for Tempered<M> {
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let Along { slope, curvature } = self.model.along_at(x, v, sigma);
        Along { slope: slope / self.temperature, curvature: curvature / self.temperature }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_score_is_minus_gradient;
    use crate::{Gaussian, testing};
    use burn::tensor::Device;

    #[test]
    fn the_score_is_minus_the_gradient_of_the_energy() {
        let law = Gaussian::isotropic(vec![1.0, -1.0], 0.3).unwrap();
        assert_score_is_minus_gradient(&Tempered::new(&law, 2.5), &[[0.3, 2.0], [-4.0, 0.0]]);
    }

    #[test]
    fn a_tempered_energy_passes_the_tests_and_a_normal_variance_is_multiplied() {
        let base = Gaussian::isotropic(vec![1.0, -1.0], 0.5).unwrap();
        let tempered = Tempered::new(&base, 0.4);
        testing::assert_potential(&tempered, 2, 22);
        testing::assert_potential(&tempered.at(0.6), 2, 22);
        let exact = Gaussian::isotropic(vec![1.0, -1.0], 0.2).unwrap();
        let x = testing::points(6, 2, 23);
        testing::assert_close(tempered.energy(x.clone()), exact.energy(x), 1e-13, "an energy");
    }

    #[test]
    fn half_the_temperature_is_twice_the_score() {
        let x = Tensor::from_data([[0.3, -2.0]], &Device::flex());
        let law = Gaussian::standard(2);
        let (cold, plain) = (Tempered::new(&law, 0.5).at(0.7).score(x.clone()), law.at(0.7).score(x));
        assert_eq!(cold.into_data(), (plain * 2.0).into_data());
    }

    #[test]
    fn noise_at_a_temperature_is_taken_off_whole() {
        // a point that is known: what Langevin dynamics at T = 0.8 and σ = 0.5 leaves is noise of the variance Tσ²
        let (variance, sigma, temperature) = (1e-8, 0.5, 0.8f64);
        let law = Gaussian::isotropic(vec![1.0, -1.0], variance).unwrap();
        let noise = testing::points(6, 2, 24) * (temperature.sqrt() * sigma);
        let mean = Tensor::from_data([[1.0, -1.0]], (&noise.device(), noise.dtype()));
        let found = Tempered::new(&law, temperature).at(sigma).denoise(noise.clone() + mean.clone());
        testing::assert_close(found, noise * 0.0 + mean, 1e-6, "a denoised point");
    }
}
