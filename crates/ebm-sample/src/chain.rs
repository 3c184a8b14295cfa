//! A kernel, applied again and again.

use burn::tensor::Tensor;
use ebm_ops::Noise;

use crate::{Kernel, State};

/// One item of a chain.
#[derive(Clone, Debug)]
pub struct Draw<I> {
    /// One row per chain, `[chains, dim]`.
    pub position: Tensor<2>,
    /// What the kernel reports about the step.
    pub info: I,
}

/// A batch of Markov chains as an endless iterator.
///
/// Burn-in is `skip`, thinning `step_by`, a budget `take`.
/// [`into_parts`](Self::into_parts) gives the state back, and [`resume`](Self::resume) continues from it.
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

    /// Chains that continue from `state`, of a [`WarmUp`](crate::WarmUp) or of another chain.
    pub fn resume(model: &'a M, kernel: K, state: State<K::Memo>, noise: Noise) -> Self {
        Self { model, kernel, state: Some(state), noise }
    }

    /// The state and the noise, from which [`resume`](Self::resume) continues as if the chain had not stopped.
    ///
    /// # Panics
    /// If a step has panicked before.
    pub fn into_parts(self) -> (State<K::Memo>, Noise) {
        (self.state.expect("no step of this chain has panicked"), self.noise)
    }

    /// The noise, for use elsewhere.
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
    fn a_resumed_chain_continues_as_if_it_had_not_stopped() {
        let (target, kernel, noise) = (Gaussian::standard(2), Mala::new(0.4).unwrap(), Noise::seeded(2));
        let start = || Tensor::ones([5, 2], &Device::flex());
        let mut whole = Chain::start(&target, kernel.clone(), start(), noise.clone());
        let mut first = Chain::start(&target, kernel.clone(), start(), noise);
        first.nth(2);
        let (state, noise) = first.into_parts();
        let mut rest = Chain::resume(&target, kernel, state, noise);
        let (expected, found) = (whole.nth(5).unwrap(), rest.nth(2).unwrap());
        assert_eq!(found.position.into_data(), expected.position.into_data());
    }
}
