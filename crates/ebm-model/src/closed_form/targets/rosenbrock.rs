//! Rosenbrock's valley as an energy.

use burn::tensor::{Device, Tensor};
use ebm_ops::{Noise, OutOfRange};

use super::numbers::{coordinate, finite, normal_cdf};
use crate::{Energy, ModelError, Potential, Score};

/// E(x) = a (x₁ − μ)² + b (x₂ − x₁²)²: x₁ ~ N(μ, 1/(2a)), and x₂ ~ N(x₁², 1/(2b)) given it.
///
/// # Reference
/// Pagani, Wiegand and Nadarajah (2022), *An n-dimensional Rosenbrock distribution for Markov chain Monte
/// Carlo testing*, with μ = 1, a = 1/20 and b = 5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rosenbrock {
    center: f64,
    along: f64,
    across: f64,
}

impl Rosenbrock {
    /// The target with μ = `center`, a = `along` and b = `across`.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless the center is finite and the other two positive and finite.
    pub fn new(center: f64, along: f64, across: f64) -> Result<Self, ModelError> {
        let (along, across) =
            (OutOfRange::positive("along", along)?, OutOfRange::positive("across", across)?);
        Ok(Self { center: finite("center", center)?, along, across })
    }

    /// Number of coordinates, 2.
    pub fn dim(&self) -> usize {
        2
    }

    /// The means, μ and μ² + 1/(2a).
    pub fn mean(&self) -> Vec<f64> {
        vec![self.center, self.center.powi(2) + self.variance()]
    }

    /// The variances: v = 1/(2a), and 1/(2b) + 2v² + 4μ²v.
    pub fn variances(&self) -> Vec<f64> {
        let v = self.variance();
        vec![v, 0.5 / self.across + 2.0 * v * v + 4.0 * self.center.powi(2) * v]
    }

    /// log Z = log π − ½ log ab, in nats.
    pub fn log_normalizer(&self) -> f64 {
        std::f64::consts::PI.ln() - 0.5 * (self.along * self.across).ln()
    }

    /// The distribution function of x₁.
    pub fn cdf(&self, x: f64) -> f64 {
        normal_cdf((x - self.center) / self.variance().sqrt())
    }

    /// `n` independent draws, `[n, 2]`.
    pub fn sample(&self, n: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        let z = noise.normal([n, 2], device);
        let first = z.clone().narrow(1, 0, 1) * self.variance().sqrt() + self.center;
        let second = z.narrow(1, 1, 1) * (0.5 / self.across).sqrt() + first.clone().square();
        Tensor::cat(vec![first, second], 1)
    }

    fn variance(&self) -> f64 {
        0.5 / self.along
    }

    /// x₁ and x₂ − x₁², each `[batch, 1]`.
    fn parts(x: &Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let first = coordinate(x, 0, 2);
        let off = coordinate(x, 1, 2) - first.clone().square();
        (first, off)
    }
}

impl Energy for Rosenbrock {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let (first, off) = Self::parts(&x);
        ((first - self.center).square() * self.along + off.square() * self.across).squeeze_dim::<1>(1)
    }
}

impl Score for Rosenbrock {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let (first, off) = Self::parts(&x);
        let across = off * (2.0 * self.across);
        let along = first.clone() * across.clone() * 2.0 - (first - self.center) * (2.0 * self.along);
        Tensor::cat(vec![along, -across], 1)
    }
}

impl Potential for Rosenbrock {}
