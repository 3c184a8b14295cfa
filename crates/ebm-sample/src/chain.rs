//! A kernel, applied again and again.

use burn::tensor::Tensor;
use ebm_ops::Noise;

use crate::{Kernel, State};

/// What a chain yields.
#[derive(Clone, Debug)]
pub struct Draw<I> {
    /// One row a chain, `[chains, dim]`.
    pub position: Tensor<2>,
    /// What the kernel has to say about the step.
    pub info: I,
}

/// A batch of Markov chains as an endless iterator.
///
/// Burn-in is `skip`, thinning `step_by`, a budget `take`.
#[derive(Debug)]
pub struct Chain<'a, M: ?Sized, K: Kernel<M>> {
    model: &'a M,
    kernel: K,
    state: Option<State<K::Memo>>,
    noise: Noise,
}

impl<'a, M: ?Sized, K: Kernel<M>> Chain<'a, M, K> {
    /// Chains that start at `position`, `[chains, dim]`, and draw from `noise`.
    pub fn start(model: &'a M, kernel: K, position: Tensor<2>, noise: Noise) -> Self {
        let state = kernel.init(model, position);
        Self::resume(model, kernel, state, noise)
    }

    /// Chains that go on from `state`, as a [`WarmUp`](crate::WarmUp) leaves it.
    pub fn resume(model: &'a M, kernel: K, state: State<K::Memo>, noise: Noise) -> Self {
        Self { model, kernel, state: Some(state), noise }
    }

    /// The noise, to go on with elsewhere.
    pub fn into_noise(self) -> Noise {
        self.noise
    }
}

impl<M: ?Sized, K: Kernel<M>> Iterator for Chain<'_, M, K> {
    type Item = Draw<K::Info>;

    fn next(&mut self) -> Option<Self::Item> {
        let (state, info) = self.kernel.step(self.model, self.state.take()?, &mut self.noise);
        let position = state.position.clone();
        self.state = Some(state);
        Some(Draw { position, info })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mala;
    use burn::tensor::Device;
    use ebm_model::Gaussian;

    #[test]
    fn a_chain_that_is_resumed_goes_on_as_if_it_had_not_stopped() {
        let (target, kernel, mut noise) = (Gaussian::standard(2), Mala::new(0.4).unwrap(), Noise::seeded(2));
        let start = || Tensor::ones([5, 2], &Device::flex());
        let mut whole = Chain::start(&target, kernel.clone(), start(), noise.clone());
        let mut state = kernel.init(&target, start());
        for _ in 0..3 {
            state = kernel.step(&target, state, &mut noise).0;
        }
        let mut rest = Chain::resume(&target, kernel, state, noise);
        let (expected, found) = (whole.nth(5).unwrap(), rest.nth(2).unwrap());
        assert_eq!(found.position.into_data(), expected.position.into_data());
    }
}
