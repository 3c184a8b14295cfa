//! Energies whose noise levels compare.

use burn::tensor::Tensor;

use crate::NoisyPotential;

/// An energy U(x, σ) = −log p_σ(x) + const of p_σ = p ∗ N(0, σ²I), with one constant for all x **and all σ**.
///
/// Score matching leaves U at each level free up to a constant of its own. Its derivative along the level ties the
/// levels together, and has a target as the score has. With t = σ², p_t solves the heat equation ∂p/∂t = ½ Δp, and for
/// y = x + √t z, z ~ N(0, I),
///
/// > ∂/∂t log N(y; x, tI) = ‖y − x‖²/2t² − d/2t,
///
/// so that ∂p_t/∂t = E_x\[N(y; x, tI) (‖y − x‖²/2t² − d/2t)\], and division by −p_t(y) gives
///
/// > ∂U/∂t = E\[d/2t − ‖y − x‖²/2t² | y\],   or   **∂U/∂ln σ = 2t ∂U/∂t = E\[d − ‖z‖² | y\]**.
///
/// The constant is known as soon as it is known at one level, for instance at a high one, where p_σ is nearly normal:
/// see `ebm_eval::importance`.
///
/// # Reference
/// Guth, Kadkhodaie and Simoncelli (2025), *Learning normalized image densities via dual score matching*.
pub trait JointPotential: NoisyPotential {
    /// U(x, σ), row by row: `x` is `[batch, dim]`, `sigma` `[batch]` and positive; the result `[batch]`, in nats.
    ///
    /// [`energy_at`](NoisyPotential::energy_at) unless that has another constant at each level.
    fn joint_energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        self.energy_at(x, sigma)
    }

    /// The score and ∂U/∂ln σ at fixed x, `[batch, dim]` and `[batch]`; shapes as above.
    ///
    /// Both are ordinary tensor operations, so that one backward pass trains both.
    fn score_and_level_slope_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<2>, Tensor<1>);
}

impl<P: JointPotential + ?Sized> JointPotential for &P {
    fn joint_energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        (**self).joint_energy_at(x, sigma)
    }

    fn score_and_level_slope_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<2>, Tensor<1>) {
        (**self).score_and_level_slope_at(x, sigma)
    }
}
