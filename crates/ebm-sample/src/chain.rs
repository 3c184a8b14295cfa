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
        let state = Some(kernel.init(model, position));
        Self { model, kernel, state, noise }
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
