//! Intermediate distributions between a Gaussian and a target.

use burn::tensor::Tensor;
use ebm_model::{Energy, Gaussian, Potential, Score};

/// The energy E_β = (1 − β) E₀ + β E₁ between a Gaussian E₀ and a target E₁.
///
/// It is a [`Potential`], so every kernel runs on it.
/// At β = 0 and β = 1 only that end is evaluated.
#[derive(Debug)]
pub struct Bridge<'a, P: ?Sized> {
    start: &'a Gaussian,
    target: &'a P,
    beta: f64,
}

impl<'a, P: ?Sized> Bridge<'a, P> {
    /// The distribution at inverse temperature `beta`.
    ///
    /// # Panics
    /// Unless `0 ≤ beta ≤ 1`.
    pub fn new(start: &'a Gaussian, target: &'a P, beta: f64) -> Self {
        assert!((0.0..=1.0).contains(&beta), "beta: expected a number between 0 and 1, found {beta}");
        Self { start, target, beta }
    }

    /// The inverse temperature β, between 0 and 1.
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// (1 − β) a + β b; an end with weight zero is not evaluated, because its energy may be infinite.
    fn mix<const D: usize>(
        &self,
        start: impl FnOnce() -> Tensor<D>,
        target: impl FnOnce() -> Tensor<D>,
    ) -> Tensor<D> {
        match self.beta {
            0.0 => start(),
            1.0 => target(),
            beta => start() * (1.0 - beta) + target() * beta,
        }
    }
}

impl<P: Energy + ?Sized> Energy for Bridge<'_, P> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.mix(|| self.start.energy(x.clone()), || self.target.energy(x.clone()))
    }
}

impl<P: Score + ?Sized> Score for Bridge<'_, P> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.mix(|| self.start.score(x.clone()), || self.target.score(x.clone()))
    }
}

impl<P: Potential + ?Sized> Potential for Bridge<'_, P> {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let beta = self.beta;
        if beta == 0.0 {
            return self.start.energy_and_score(x);
        }
        let (target_energy, target_score) = self.target.energy_and_score(x.clone());
        if beta == 1.0 {
            return (target_energy, target_score);
        }
        let (energy, score) = self.start.energy_and_score(x);
        (energy * (1.0 - beta) + target_energy * beta, score * (1.0 - beta) + target_score * beta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::numbers;
    use burn::tensor::{DType, Device};

    #[test]
    fn a_bridge_between_gaussians_is_the_gaussian_of_the_mixed_precision() {
        let (wide, narrow) = (
            Gaussian::isotropic(vec![1.0, 1.0], 4.0).unwrap(),
            Gaussian::isotropic(vec![1.0, 1.0], 1.0 / 3.0).unwrap(),
        );
        let x = Tensor::<2>::from_data([[0.3, -2.0], [1.0, 5.0]], (&Device::flex(), DType::F64));
        for beta in [0.0, 0.3, 1.0] {
            let exact = Gaussian::isotropic(vec![1.0, 1.0], 1.0 / (0.25 + beta * 2.75)).unwrap();
            let bridge = Bridge::new(&wide, &narrow, beta);
            let (energy, score) = bridge.energy_and_score(x.clone());
            let pairs = [
                (numbers(energy), numbers(exact.energy(x.clone()))),
                (numbers(score), numbers(exact.score(x.clone()))),
                (numbers(bridge.energy(x.clone())), numbers(exact.energy(x.clone()))),
                (numbers(bridge.score(x.clone())), numbers(exact.score(x.clone()))),
            ];
            for (found, exact) in pairs {
                assert!(found.iter().zip(&exact).all(|(f, e)| (f - e).abs() < 1e-12), "{found:?}, {exact:?}");
            }
        }
    }
}
