//! A score by going back through an energy.

use burn::tensor::Tensor;

use crate::{Energy, Potential, Score};

/// An energy with the score that Burn's autodiff finds: −∇ of the sum of the batch's energies.
///
/// For sampling, not for training: the score is a plain tensor in which no parameter is left to
/// differentiate, since Burn differentiates once. Give it a model that is not tracked (`valid()`), or every
/// step also computes gradients of parameters that nobody reads.
///
/// Rows must not see each other, or the gradient of the sum is not each row's.
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
    use crate::{Custom, MlpEnergy, MlpEnergyConfig, laws};

    #[test]
    fn the_tape_finds_the_score_that_the_layers_know() {
        let network = Hidden::new(vec![6, 5], Activation::Softplus);
        let config = MlpEnergyConfig { dim: 3, network, confinement: 0.2 };
        let model = laws::in_double(|init| MlpEnergy::new(&config, init).unwrap());
        let x = laws::points(7, 3, 31);
        let (energy, score) = Autograd(&model).energy_and_score(x.clone());
        assert!(!score.is_autodiff() && !energy.is_autodiff());
        laws::assert_close(energy, model.energy(x.clone()), 1e-14, "an energy");
        laws::assert_close(score, model.score(x), 1e-12, "a score");
    }

    #[test]
    #[should_panic(expected = "was not computed from the positions")]
    fn an_energy_that_leaves_the_tape_is_refused() {
        let plain = Custom(|x: Tensor<2>| x.inner().sum_dim(1).squeeze_dim::<1>(1));
        let _ = Autograd(plain).score(laws::points(2, 2, 32));
    }
}
