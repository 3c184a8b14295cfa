//! A bent normal distribution.

use burn::tensor::{Device, Tensor};
use ebm_ops::{Noise, OutOfRange};

use super::numbers::{coordinate, finite, normal_cdf};
use crate::{Energy, ModelError, Potential, Score};

/// x₁ ~ N(0, τ²) and x₂ = z + c (x₁² − τ²), z ~ N(0, 1): a ridge along a parabola.
///
/// # Reference
/// Haario, Saksman and Tamminen (1999), *Adaptive proposal distribution for random walk Metropolis
/// algorithm*, with τ = 10 and c = 0.03.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Banana {
    deviation: f64,
    bend: f64,
}

impl Banana {
    /// The banana of length τ = `deviation` and curvature c = `bend`.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless `0 < deviation < ∞` and the bend is finite.
    pub fn new(deviation: f64, bend: f64) -> Result<Self, ModelError> {
        Ok(Self { deviation: OutOfRange::positive("deviation", deviation)?, bend: finite("bend", bend)? })
    }

    /// Number of coordinates, 2.
    pub fn dim(&self) -> usize {
        2
    }

    /// The mean, 0.
    pub fn mean(&self) -> Vec<f64> {
        vec![0.0; 2]
    }

    /// The variances, τ² and 1 + 2 c² τ⁴; the two coordinates are uncorrelated.
    pub fn variances(&self) -> Vec<f64> {
        let square = self.deviation.powi(2);
        vec![square, 1.0 + 2.0 * (self.bend * square).powi(2)]
    }

    /// log Z = log 2π + log τ, in nats.
    pub fn log_normalizer(&self) -> f64 {
        std::f64::consts::TAU.ln() + self.deviation.ln()
    }

    /// The distribution function of x₁.
    pub fn cdf(&self, x: f64) -> f64 {
        normal_cdf(x / self.deviation)
    }

    /// `n` independent draws, `[n, 2]`.
    pub fn sample(&self, n: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        let z = noise.normal([n, 2], device);
        let first = z.clone().narrow(1, 0, 1) * self.deviation;
        let ridge = self.ridge(first.clone());
        Tensor::cat(vec![first, z.narrow(1, 1, 1) + ridge], 1)
    }

    /// c (x₁² − τ²).
    fn ridge(&self, first: Tensor<2>) -> Tensor<2> {
        (first.square() - self.deviation.powi(2)) * self.bend
    }

    /// x₁ and the distance x₂ − c (x₁² − τ²) from the ridge, each `[batch, 1]`.
    fn parts(&self, x: &Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let first = coordinate(x, 0, 2);
        let off = coordinate(x, 1, 2) - self.ridge(first.clone());
        (first, off)
    }
}

impl Energy for Banana {
    /// x₁²/(2τ²) + ½ (x₂ − c (x₁² − τ²))².
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let (first, off) = self.parts(&x);
        ((first / self.deviation).square() * 0.5 + off.square() * 0.5).squeeze_dim::<1>(1)
    }
}

impl Score for Banana {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let (first, off) = self.parts(&x);
        let along = first.clone() * off.clone() * (2.0 * self.bend) - first / self.deviation.powi(2);
        Tensor::cat(vec![along, -off], 1)
    }
}

impl Potential for Banana {}
