//! How likely a measurement is.

use burn::tensor::Tensor;

/// p(y | x) for a measurement y that was made, as a function of what was measured, x.
///
/// Where x is known up to noise only, x₀ ~ N(x, vI), it is the likelihood of that: p(y | x) = ∫ p(y | x₀) N(x₀; x, vI)
/// dx₀. A variance is `[batch, 1]`, and 0 where x is known.
pub trait Likelihood {
    /// The number of coordinates of x.
    fn dim(&self) -> usize;

    /// ∇ₓ log p(y | x): `x` is `[batch, dim]`, and so is the result.
    fn score(&self, x: Tensor<2>, variance: Tensor<2>) -> Tensor<2>;

    /// −log p(y | x) up to a constant of the variance, `[batch]`, in nats.
    fn energy(&self, x: Tensor<2>, variance: Tensor<2>) -> Tensor<1>;

    /// The direction of diffusion posterior sampling at the noise level σ, `[batch, 1]`, as long as a score there.
    ///
    /// Of normal noise it is −(√m/σ) ∇‖y − A x‖ for m measurements; by default it is the score where x is known.
    ///
    /// # Reference
    /// Chung, Kim, McCann, Klasky and Ye (2023), *Diffusion posterior sampling for general noisy inverse problems*,
    /// §3.2, whose step ζ/‖y − A x‖ this is.
    fn normalized_score(&self, x: Tensor<2>, sigma: Tensor<2>) -> Tensor<2> {
        self.score(x, sigma.zeros_like())
    }
}

impl<L: Likelihood + ?Sized> Likelihood for &L {
    fn dim(&self) -> usize {
        (**self).dim()
    }

    fn score(&self, x: Tensor<2>, variance: Tensor<2>) -> Tensor<2> {
        (**self).score(x, variance)
    }

    fn energy(&self, x: Tensor<2>, variance: Tensor<2>) -> Tensor<1> {
        (**self).energy(x, variance)
    }

    fn normalized_score(&self, x: Tensor<2>, sigma: Tensor<2>) -> Tensor<2> {
        (**self).normalized_score(x, sigma)
    }
}
