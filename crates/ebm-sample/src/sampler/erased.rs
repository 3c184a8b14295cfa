//! Kernels whose memo and info have no type.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use burn::tensor::Tensor;
use ebm_model::{Potential, Score};
use ebm_ops::Noise;

use crate::{Kernel, State, StepReport};

/// What a kernel of any type reports about a step.
pub type AnyInfo = Box<dyn StepReport>;

/// The memo of a kernel of any type.
pub struct AnyMemo(Box<dyn Memo>);

trait Memo: Send {
    fn duplicate(&self) -> Box<dyn Memo>;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<C: Clone + Send + 'static> Memo for C {
    fn duplicate(&self) -> Box<dyn Memo> {
        Box::new(self.clone())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl AnyMemo {
    fn new<C: Clone + Send + 'static>(memo: C) -> Self {
        Self(Box::new(memo))
    }

    /// # Panics
    /// If the memo is of another kernel.
    fn downcast<C: 'static>(self) -> C {
        *self.0.into_any().downcast().expect("a kernel is given the states that it made")
    }
}

impl Clone for AnyMemo {
    fn clone(&self) -> Self {
        Self((*self.0).duplicate())
    }
}

impl fmt::Debug for AnyMemo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyMemo")
    }
}

/// `state` without the type of its memo.
pub(crate) fn erase<C: Clone + Send + 'static>(state: State<C>) -> State<AnyMemo> {
    State { position: state.position, memo: AnyMemo::new(state.memo) }
}

/// A kernel as a trait object.
pub(crate) trait DynKernel<M: ?Sized>: Send + Sync {
    fn init_any(&self, model: &M, position: Tensor<2>) -> State<AnyMemo>;

    fn step_any(&self, model: &M, state: State<AnyMemo>, noise: &mut Noise) -> (State<AnyMemo>, AnyInfo);
}

impl<M: ?Sized, K> DynKernel<M> for K
where
    K: Kernel<M> + Send + Sync,
    K::Memo: Clone + Send + 'static,
    K::Info: StepReport + 'static,
{
    fn init_any(&self, model: &M, position: Tensor<2>) -> State<AnyMemo> {
        erase(self.init(model, position))
    }

    fn step_any(&self, model: &M, state: State<AnyMemo>, noise: &mut Noise) -> (State<AnyMemo>, AnyInfo) {
        let state = State { position: state.position, memo: state.memo.downcast() };
        let (state, info) = self.step(model, state, noise);
        (erase(state), Box::new(info))
    }
}

/// A kernel of any type on scores.
#[derive(Clone)]
pub(crate) struct OnScores(pub(crate) Arc<dyn for<'m> DynKernel<dyn Score + 'm>>);

impl<'m> Kernel<dyn Score + 'm> for OnScores {
    type Memo = AnyMemo;
    type Info = AnyInfo;

    fn init(&self, model: &(dyn Score + 'm), position: Tensor<2>) -> State<AnyMemo> {
        self.0.init_any(model, position)
    }

    fn step(
        &self,
        model: &(dyn Score + 'm),
        state: State<AnyMemo>,
        noise: &mut Noise,
    ) -> (State<AnyMemo>, AnyInfo) {
        self.0.step_any(model, state, noise)
    }
}

/// A kernel of any type on energies.
#[derive(Clone)]
pub(crate) struct OnEnergies(pub(crate) Arc<dyn for<'m> DynKernel<dyn Potential + 'm>>);

impl<'m> Kernel<dyn Potential + 'm> for OnEnergies {
    type Memo = AnyMemo;
    type Info = AnyInfo;

    fn init(&self, model: &(dyn Potential + 'm), position: Tensor<2>) -> State<AnyMemo> {
        self.0.init_any(model, position)
    }

    fn step(
        &self,
        model: &(dyn Potential + 'm),
        state: State<AnyMemo>,
        noise: &mut Noise,
    ) -> (State<AnyMemo>, AnyInfo) {
        self.0.step_any(model, state, noise)
    }
}
