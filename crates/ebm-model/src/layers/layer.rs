//! A function that carries its own rules of differentiation.

use burn::tensor::Tensor;

use crate::Jet;

/// A layer with its reverse and its forward rule, both in ordinary tensor operations.
///
/// Burn differentiates once. A score −∇E made by [`pullback`](Self::pullback) and a curvature vᵀ∇²E v made by
/// [`push`](Self::push) are plain forward graphs, so one backward pass through them gives the gradient in
/// the parameters of a loss on either.
pub trait Layer<const I: usize, const O: usize = I> {
    /// What the reverse rule wants to know about the forward pass.
    type Trace;

    /// f(x), and what [`pullback`](Self::pullback) needs.
    fn trace(&self, x: Tensor<I>) -> (Tensor<O>, Self::Trace);

    /// vᵀ ∂f/∂x for the cotangent v, which has the shape of f(x); the result has the shape of x.
    fn pullback(&self, trace: Self::Trace, cotangent: Tensor<O>) -> Tensor<I>;

    /// f along the curve that `jet` is: the chain rule to second order.
    fn push(&self, jet: Jet<I>) -> Jet<O>;

    /// f(x).
    fn forward(&self, x: Tensor<I>) -> Tensor<O> {
        self.trace(x).0
    }
}
