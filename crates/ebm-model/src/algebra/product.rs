//! Sums of energies.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::{Along, Directional, Energy, Potential, Score};

/// E₁(x) + E₂(x): the product of the densities, large only where both are.
///
/// Its normalizer is not known from those of its factors.
/// A product with a [`Confinement`](crate::Confinement) or a [`Gaussian`](crate::Gaussian) makes the density of a
/// network integrable; draws from the Gaussian are then a good start for chains.
///
/// # Reference
/// Hinton (2002), *Training products of experts by minimizing contrastive divergence*, eq. 1.
#[derive(Module, Debug)]
pub struct Product<A, B> {
    first: A,
    second: B,
}

impl<A, B> Product<A, B> {
    /// The product of `first` and `second`, which have one dimension.
    pub fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A: Energy, B: Energy> Energy for Product<A, B> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.first.energy(x.clone()) + self.second.energy(x)
    }
}

impl<A: Score, B: Score> Score for Product<A, B> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.first.score(x.clone()) + self.second.score(x)
    }
}

impl<A: Potential, B: Potential> Potential for Product<A, B> {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let (first, second) = (self.first.energy_and_score(x.clone()), self.second.energy_and_score(x));
        (first.0 + second.0, first.1 + second.1)
    }
}

impl<A: Directional, B: Directional> Directional for Product<A, B> {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let (first, second) = (self.first.along(x.clone(), v.clone()), self.second.along(x, v));
        Along { slope: first.slope + second.slope, curvature: first.curvature + second.curvature }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Activation, Hidden};
    use crate::{Confinement, Gaussian, MlpEnergy, MlpEnergyConfig, testing};

    #[test]
    fn a_network_in_a_bowl_keeps_the_laws_of_a_potential_and_is_trained_exactly() {
        let network = Hidden::new(vec![5], Activation::Silu);
        let config = MlpEnergyConfig { dim: 2, network, confinement: 0.0 };
        let network = testing::in_double(|init| MlpEnergy::new(&config, init).unwrap());
        let model = Product::new(network, Confinement::new(0.3).unwrap());
        testing::assert_potential(&model, 2, 20);
        testing::assert_trainable(&model, 2, 20, testing::losses_and_energy);
    }

    #[test]
    fn two_normal_laws_make_one_whose_precision_is_the_sum() {
        let (first, second) = (
            Gaussian::isotropic(vec![1.0, 0.0], 0.5).unwrap(),
            Gaussian::isotropic(vec![-2.0, 3.0], 2.0).unwrap(),
        );
        // Λ = 2 + ½, μ = (2 · (1, 0) + ½ · (−2, 3))/Λ
        let exact = Gaussian::isotropic(vec![0.4, 0.6], 0.4).unwrap();
        let x = testing::points(6, 2, 21);
        testing::assert_close(
            Product::new(&first, &second).score(x.clone()),
            exact.score(x),
            1e-13,
            "a score",
        );
    }
}
