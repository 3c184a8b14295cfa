//! An energy made deeper or shallower.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::{Along, Directional, Energy, Potential, Score};

/// β E(x), whose density is p^β: at β above one its modes are sharper, below one flatter, at zero it is flat.
///
/// β is an inverse temperature. Exact, unlike [`Tempered`](crate::Tempered), which scales the score of a
/// blurred law and then is the score of none.
#[derive(Module, Debug)]
pub struct Scaled<E> {
    inner: E,
    beta: f64,
}

impl<E> Scaled<E> {
    /// β times `inner`.
    ///
    /// # Panics
    /// If `beta` is not finite.
    pub fn new(inner: E, beta: f64) -> Self {
        assert!(beta.is_finite(), "an inverse temperature is finite, found {beta}");
        Self { inner, beta }
    }

    /// β.
    pub fn beta(&self) -> f64 {
        self.beta
    }
}

impl<E: Energy> Energy for Scaled<E> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.inner.energy(x) * self.beta
    }
}

impl<E: Score> Score for Scaled<E> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.inner.score(x) * self.beta
    }
}

impl<E: Potential> Potential for Scaled<E> {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let (energy, score) = self.inner.energy_and_score(x);
        (energy * self.beta, score * self.beta)
    }
}

impl<E: Directional> Directional for Scaled<E> {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let Along { slope, curvature } = self.inner.along(x, v);
        Along { slope: slope * self.beta, curvature: curvature * self.beta }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gaussian, laws};

    #[test]
    fn a_scaled_energy_keeps_the_laws_and_a_normal_laws_variance_is_divided() {
        let law = Gaussian::isotropic(vec![1.0, -1.0], 0.5).unwrap();
        let scaled = Scaled::new(&law, 2.5);
        laws::potential(&scaled, 2, 22);
        let exact = Gaussian::isotropic(vec![1.0, -1.0], 0.2).unwrap();
        let x = laws::points(6, 2, 23);
        laws::assert_close(scaled.energy(x.clone()), exact.energy(x), 1e-13, "an energy");
    }
}
