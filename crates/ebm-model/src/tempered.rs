//! A model made steeper or flatter.

use burn::tensor::Tensor;

use crate::{Energy, NoisyPotential, NoisyScore, Potential, Score};

/// E(x)/T, s(x)/T and s(x, σ)/T: at a temperature T below one, samples keep closer to the likely and vary
/// less.
///
/// Without noise it is the score of p^(1/T). With noise it is not the score of any blurred law, so samples at
/// T ≠ 1 are of no law that can be named; for pictures, a few per cent below one trades variety for clarity.
#[derive(Clone, Copy, Debug)]
pub struct Tempered<M> {
    model: M,
    temperature: f64,
}

impl<M> Tempered<M> {
    /// The model at this temperature.
    ///
    /// # Panics
    /// Unless `0 < temperature < ∞`.
    pub fn new(model: M, temperature: f64) -> Self {
        assert!(
            temperature.is_finite() && 0.0 < temperature,
            "a temperature is positive and finite, found {temperature}"
        );
        Self { model, temperature }
    }
}

impl<M: NoisyScore> NoisyScore for Tempered<M> {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.model.score_at(x, sigma) / self.temperature
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Gaussian;
    use crate::closed_form::tests::assert_score_is_minus_gradient;
    use burn::tensor::Device;

    #[test]
    fn the_score_is_minus_the_gradient_of_the_energy() {
        let law = Gaussian::isotropic(vec![1.0, -1.0], 0.3).unwrap();
        assert_score_is_minus_gradient(&Tempered::new(&law, 2.5), &[[0.3, 2.0], [-4.0, 0.0]]);
    }

    #[test]
    fn half_the_temperature_is_twice_the_score() {
        let x = Tensor::from_data([[0.3, -2.0]], &Device::flex());
        let law = Gaussian::standard(2);
        let (cold, plain) = (Tempered::new(&law, 0.5).at(0.7).score(x.clone()), law.at(0.7).score(x));
        assert_eq!(cold.into_data(), (plain * 2.0).into_data());
    }
}
