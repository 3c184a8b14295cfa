//! A score made steeper or flatter.

use burn::tensor::Tensor;

use crate::NoisyScore;

/// s(x, σ)/T: at a temperature T below one, samples keep closer to the likely and vary less.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gaussian, Score};
    use burn::tensor::Device;

    #[test]
    fn half_the_temperature_is_twice_the_score() {
        let x = Tensor::from_data([[0.3, -2.0]], &Device::flex());
        let law = Gaussian::standard(2);
        let (cold, plain) = (Tempered::new(&law, 0.5).at(0.7).score(x.clone()), law.at(0.7).score(x));
        assert_eq!(cold.into_data(), (plain * 2.0).into_data());
    }
}
