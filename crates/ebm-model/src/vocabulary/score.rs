//! Scores.

use burn::tensor::Tensor;

/// A score s(x) = ∇ₓ log p(x) = −∇E(x).
///
/// Implementations use ordinary tensor operations, so that a loss on `s` can be differentiated in the parameters.
pub trait Score {
    /// The score of each row: `[batch, dim]` → `[batch, dim]`.
    fn score(&self, x: Tensor<2>) -> Tensor<2>;
}

impl<S: Score + ?Sized> Score for &S {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        (**self).score(x)
    }
}
