//! The score of an energy by autodiff.

use burn::tensor::Tensor;

use crate::{Energy, Potential, Score};

/// An energy with the score that Burn's autodiff finds: −∇ of the sum of the batch's energies.
///
/// For sampling, not for training: the score is a plain tensor that does not depend on the parameters any more,
/// since Burn differentiates once. Pass a model that autodiff does not track (`valid()`), or every step also computes
/// gradients of parameters that are never read.
///
/// The energy of a row must not depend on other rows, or the gradient of the sum is not each row's.
#[derive(Clone, Copy, Debug)]
pub struct Autograd<E>(pub E);

impl<E: Energy> Energy for Autograd<E> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.0.energy(x)
    }
}

impl<E: Energy> Score for Autograd<E> {
    /// # Panics
    /// If the energy is not a differentiable function of `x`.
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.energy_and_score(x).1
    }
}

impl<E: Energy> Potential for Autograd<E> {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let x = x.inner().autodiff().require_grad();
        let energy = self.0.energy(x.clone());
        assert!(energy.is_tracked(), "the energy was not computed from the positions it was given");
        let mut gradients = energy.backward();
        let gradient = x.grad_remove(&mut gradients).expect("a tracked energy has a gradient");
        (energy.inner(), gradient.neg())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Activation, Hidden};
    use crate::{Custom, MlpEnergy, MlpEnergyConfig, testing};

    #[test]
    fn autodiff_and_the_layers_rules_give_one_score() {
        let network = Hidden::new(vec![6, 5], Activation::Softplus);
        let config = MlpEnergyConfig { dim: 3, network, confinement: 0.2 };
        let model = testing::in_double(|init| MlpEnergy::new(&config, init).unwrap());
        let x = testing::points(7, 3, 31);
        let (energy, score) = Autograd(&model).energy_and_score(x.clone());
        assert!(!score.is_autodiff() && !energy.is_autodiff());
        testing::assert_close(energy, model.energy(x.clone()), 1e-14, "an energy");
        testing::assert_close(score, model.score(x), 1e-12, "a score");
    }

    #[test]
    #[should_panic(expected = "was not computed from the positions")]
    fn an_energy_that_autodiff_does_not_track_is_refused() {
        let plain = Custom(|x: Tensor<2>| x.inner().sum_dim(1).squeeze_dim::<1>(1));
        let _ = Autograd(plain).score(testing::points(2, 2, 32));
    }
}
