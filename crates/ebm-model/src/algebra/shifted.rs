//! Translated energies.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::rows::constants;
use crate::{Along, Directional, Energy, Potential, Score};

/// E(x − c): the density translated by c.
#[derive(Module, Debug)]
pub struct Shifted<E> {
    inner: E,
    #[module(skip)]
    center: Vec<f64>,
}

impl<E> Shifted<E> {
    /// `inner` moved by c = `center`, one number for each coordinate.
    pub fn new(inner: E, center: Vec<f64>) -> Self {
        Self { inner, center }
    }

    /// The translation c.
    pub fn center(&self) -> &[f64] {
        &self.center
    }

    fn back(&self, x: Tensor<2>) -> Tensor<2> {
        assert_eq!(x.dims()[1], self.center.len(), "a shift {:?} of points {:?}", self.center, x.dims());
        let center = constants(&self.center, [1, self.center.len()], &x);
        x - center
    }
}

impl<E: Energy> Energy for Shifted<E> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.inner.energy(self.back(x))
    }
}

impl<E: Score> Score for Shifted<E> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.inner.score(self.back(x))
    }
}

impl<E: Potential> Potential for Shifted<E> {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        self.inner.energy_and_score(self.back(x))
    }
}

impl<E: Directional> Directional for Shifted<E> {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        self.inner.along(self.back(x), v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gaussian, testing};

    #[test]
    fn a_shifted_energy_keeps_the_laws_and_a_normal_laws_mean_is_moved() {
        let law = Gaussian::isotropic(vec![1.0, -1.0], 0.5).unwrap();
        let shifted = Shifted::new(&law, vec![0.5, 2.0]);
        testing::assert_potential(&shifted, 2, 24);
        let exact = Gaussian::isotropic(vec![1.5, 1.0], 0.5).unwrap();
        let x = testing::points(6, 2, 25);
        testing::assert_close(shifted.energy(x.clone()), exact.energy(x), 1e-13, "an energy");
    }
}
