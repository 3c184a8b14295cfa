//! The logarithm of an exponential variable.

use burn::tensor::{Device, Tensor};
use ebm_ops::{Noise, OutOfRange};

use super::numbers::{points, uniforms};
use crate::{Energy, ModelError, Potential, Score};

/// E(x) = Σ_i (e^(x_i) − x_i): each e^(x_i) is exponential with mean 1.
///
/// Steep on the right and nearly linear on the left, so it reveals a reversed direction, which a symmetric target
/// cannot.
///
/// # Reference
/// Gumbel (1958), *Statistics of extremes*: −x has his first asymptotic distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Skewed {
    dim: usize,
}

impl Skewed {
    /// The target in `dim` independent coordinates.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] if `dim` is zero.
    pub fn new(dim: usize) -> Result<Self, ModelError> {
        Ok(Self { dim: OutOfRange::at_least("dim", 1, dim)? })
    }

    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The mean, −γ for each coordinate; γ is Euler's constant.
    pub fn mean(&self) -> Vec<f64> {
        vec![-0.577_215_664_901_532_9; self.dim]
    }

    /// The variances, π²/6 for each coordinate.
    pub fn variances(&self) -> Vec<f64> {
        vec![std::f64::consts::PI.powi(2) / 6.0; self.dim]
    }

    /// log Z = 0.
    pub fn log_normalizer(&self) -> f64 {
        0.0
    }

    /// The distribution function of one coordinate, 1 − exp(−eˣ).
    pub fn cdf(&self, x: f64) -> f64 {
        -(-x.exp()).exp_m1()
    }

    /// `n` independent draws, `[n, dim]`.
    pub fn sample(&self, n: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        let draws = uniforms(n * self.dim, noise).into_iter().map(|u| (-(-u).ln_1p()).ln());
        points(draws.collect(), self.dim, device)
    }
}

impl Energy for Skewed {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        assert_eq!(x.dims()[1], self.dim, "an energy in {} dimensions was given {:?}", self.dim, x.dims());
        (x.clone().exp() - x).sum_dim(1).squeeze_dim::<1>(1)
    }
}

impl Score for Skewed {
    /// 1 − eˣ.
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        assert_eq!(x.dims()[1], self.dim, "an energy in {} dimensions was given {:?}", self.dim, x.dims());
        -x.exp() + 1.0
    }
}

impl Potential for Skewed {}
