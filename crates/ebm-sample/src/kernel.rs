//! What every sampler is: a way to begin and a way to go on.

use burn::tensor::Tensor;
use ebm_ops::Noise;

/// Where a batch of chains is.
#[derive(Clone, Debug)]
pub struct State<C> {
    /// One row a chain, `[chains, dim]`.
    pub position: Tensor<2>,
    /// What the next step would otherwise compute again.
    pub memo: C,
}

/// One transition of a Markov chain, for a whole batch of chains.
///
/// A kernel is immutable: what changes is in the [`State`] or in the [`Noise`].
/// Its bound on `M` says what it has to know about the target.
pub trait Kernel<M: ?Sized> {
    /// What it keeps from one step for the next.
    type Memo;
    /// What a person may want to look at; it stays on the device.
    type Info;

    /// The state of chains that start at `position`, `[chains, dim]`.
    fn init(&self, model: &M, position: Tensor<2>) -> State<Self::Memo>;

    /// The next state.
    fn step(&self, model: &M, state: State<Self::Memo>, noise: &mut Noise)
    -> (State<Self::Memo>, Self::Info);
}
