//! Everything is measured.

use burn::tensor::Tensor;
use ebm_ops::OutOfRange;

use crate::SampleError;
use crate::restoring::operator::LinearOperator;

/// A = I: every coordinate is measured, so that with noise on the measurements this is denoising.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    dim: usize,
}

impl Identity {
    /// The identity of `dim` coordinates.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if `dim` is 0.
    pub fn new(dim: usize) -> Result<Self, SampleError> {
        Ok(Self { dim: OutOfRange::at_least("dim", 1, dim)? })
    }
}

impl LinearOperator for Identity {
    fn inputs(&self) -> usize {
        self.dim
    }

    fn outputs(&self) -> usize {
        self.dim
    }

    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        x
    }

    fn adjoint(&self, y: Tensor<2>) -> Tensor<2> {
        y
    }

    fn solve(&self, variance: &Tensor<2>, noise: f64, y: Tensor<2>) -> Tensor<2> {
        y / (variance.clone() + noise)
    }
}
