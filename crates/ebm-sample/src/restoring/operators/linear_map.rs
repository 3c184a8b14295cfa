//! A linear operator of one's own.

use std::fmt;

use burn::tensor::Tensor;
use ebm_ops::OutOfRange;

use crate::SampleError;
use crate::restoring::operator::LinearOperator;

/// A linear operator as two functions: x ↦ A x and y ↦ Aᵀ y, row by row.
#[derive(Clone, Copy)]
pub struct LinearMap<F, G> {
    inputs: usize,
    outputs: usize,
    apply: F,
    adjoint: G,
}

impl<F: Fn(Tensor<2>) -> Tensor<2>, G: Fn(Tensor<2>) -> Tensor<2>> LinearMap<F, G> {
    /// `apply` maps `[batch, inputs]` to `[batch, outputs]`, `adjoint` the other way round.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if there are no inputs or no outputs.
    pub fn new([inputs, outputs]: [usize; 2], apply: F, adjoint: G) -> Result<Self, SampleError> {
        OutOfRange::at_least("inputs", 1, inputs)?;
        OutOfRange::at_least("outputs", 1, outputs)?;
        Ok(Self { inputs, outputs, apply, adjoint })
    }
}

impl<F, G> fmt::Debug for LinearMap<F, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinearMap").field("inputs", &self.inputs).field("outputs", &self.outputs).finish()
    }
}

impl<F: Fn(Tensor<2>) -> Tensor<2>, G: Fn(Tensor<2>) -> Tensor<2>> LinearOperator for LinearMap<F, G> {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        (self.apply)(x)
    }

    fn adjoint(&self, y: Tensor<2>) -> Tensor<2> {
        (self.adjoint)(y)
    }
}
