//! Likelihoods as functions.

use std::fmt;

use burn::tensor::Tensor;
use ebm_ops::OutOfRange;

use super::likelihood::Likelihood;
use crate::SampleError;

/// A likelihood as a function x ↦ (log p(y | x), ∇ₓ log p(y | x)), row by row, with y in it.
///
/// It is taken where x is thought to be, however uncertain that is, so a [`Posterior`](super::Posterior) by the
/// pseudoinverse is the approximation of diffusion posterior sampling.
#[derive(Clone, Copy)]
pub struct Nonlinear<F> {
    dim: usize,
    function: F,
}

impl<F: Fn(Tensor<2>) -> (Tensor<1>, Tensor<2>)> Nonlinear<F> {
    /// `function` maps `[batch, dim]` to the log-likelihoods, `[batch]`, and their gradients, `[batch, dim]`.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if `dim` is 0.
    pub fn new(dim: usize, function: F) -> Result<Self, SampleError> {
        Ok(Self { dim: OutOfRange::at_least("dim", 1, dim)?, function })
    }
}

impl<F> fmt::Debug for Nonlinear<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonlinear").field("dim", &self.dim).finish()
    }
}

impl<F: Fn(Tensor<2>) -> (Tensor<1>, Tensor<2>)> Likelihood for Nonlinear<F> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn score(&self, x: Tensor<2>, _: Tensor<2>) -> Tensor<2> {
        (self.function)(x).1
    }

    fn energy(&self, x: Tensor<2>, _: Tensor<2>) -> Tensor<1> {
        (self.function)(x).0.neg()
    }
}
