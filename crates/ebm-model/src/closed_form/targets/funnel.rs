//! Neal's funnel.

use burn::tensor::{Device, Tensor};
use ebm_ops::{Noise, OutOfRange};

use super::numbers::{coordinate, normal_cdf};
use crate::{Energy, ModelError, Potential, Score};

/// x₀ ~ N(0, τ²) and x_i ~ N(0, e^(x₀)) given it: the neck is as narrow as the mouth is wide.
///
/// No one step size suits both. Test the distribution of x₀: the others' tails are too heavy for their moments.
///
/// # Reference
/// Neal (2003), *Slice sampling*, §8, with τ = 3 and ten coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Funnel {
    dim: usize,
    deviation: f64,
}

impl Funnel {
    /// The funnel in `dim` coordinates; `deviation`, τ, is the standard deviation of the first.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless `dim` is at least 2 and `0 < deviation < ∞`.
    pub fn new(dim: usize, deviation: f64) -> Result<Self, ModelError> {
        let dim = OutOfRange::at_least("dim", 2, dim)?;
        Ok(Self { dim, deviation: OutOfRange::positive("deviation", deviation)? })
    }

    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The mean, 0.
    pub fn mean(&self) -> Vec<f64> {
        vec![0.0; self.dim]
    }

    /// The variances: τ², then e^(τ²/2) for each other coordinate.
    pub fn variances(&self) -> Vec<f64> {
        let square = self.deviation.powi(2);
        let mut variances = vec![(0.5 * square).exp(); self.dim];
        variances[0] = square;
        variances
    }

    /// log Z = (d/2) log 2π + log τ, in nats.
    pub fn log_normalizer(&self) -> f64 {
        0.5 * self.dim as f64 * std::f64::consts::TAU.ln() + self.deviation.ln()
    }

    /// The distribution function of x₀.
    pub fn cdf(&self, x: f64) -> f64 {
        normal_cdf(x / self.deviation)
    }

    /// `n` independent draws, `[n, dim]`.
    pub fn sample(&self, n: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        let z = noise.normal([n, self.dim], device);
        let first = z.clone().narrow(1, 0, 1) * self.deviation;
        let scale = (first.clone() * 0.5).exp();
        Tensor::cat(vec![first, z.narrow(1, 1, self.dim - 1) * scale], 1)
    }

    fn rest(&self, x: Tensor<2>) -> Tensor<2> {
        x.narrow(1, 1, self.dim - 1)
    }
}

impl Energy for Funnel {
    /// x₀²/(2τ²) + ½ Σ x_i² e^(−x₀) + ½ (d − 1) x₀.
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let first = coordinate(&x, 0, self.dim);
        let squares = self.rest(x).square().sum_dim(1) * (-first.clone()).exp();
        let own = first.clone().square() / self.deviation.powi(2);
        ((own + squares + first * (self.dim - 1) as f64) * 0.5).squeeze_dim::<1>(1)
    }
}

impl Score for Funnel {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let first = coordinate(&x, 0, self.dim);
        let rest = self.rest(x);
        let precision = (-first.clone()).exp();
        let pull = rest.clone().square().sum_dim(1) * precision.clone() * 0.5;
        let along = pull - first / self.deviation.powi(2) - 0.5 * (self.dim - 1) as f64;
        Tensor::cat(vec![along, -rest * precision], 1)
    }
}

impl Potential for Funnel {}
