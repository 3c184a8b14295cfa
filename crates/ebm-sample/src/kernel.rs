//! One step of a Markov chain.

use burn::tensor::Tensor;
use ebm_ops::Noise;

/// The state of a batch of chains.
#[derive(Clone, Debug)]
pub struct State<C> {
    /// One row per chain, `[chains, dim]`.
    pub position: Tensor<2>,
    /// What the next step would otherwise compute again.
    pub memo: C,
}

/// One transition of a Markov chain, for a whole batch of chains.
///
/// A kernel is immutable: everything that changes is in the [`State`] or in the [`Noise`].
/// Its bound on `M` says what it needs to know about the target.
pub trait Kernel<M: ?Sized> {
    /// What one step keeps for the next.
    type Memo;
    /// What the step reports, on the device; see [`StepReport`](crate::StepReport).
    type Info;

    /// The state of chains that start at `position`, `[chains, dim]`.
    fn init(&self, model: &M, position: Tensor<2>) -> State<Self::Memo>;

    /// The state after one step.
    fn step(&self, model: &M, state: State<Self::Memo>, noise: &mut Noise)
    -> (State<Self::Memo>, Self::Info);
}
