//! Two wells with a barrier between them.

use burn::tensor::{Device, Tensor};
use ebm_ops::{Noise, OutOfRange};

use super::numbers::{coordinate, finite, points, uniforms};
use super::quadrature::Quadrature;
use crate::{Energy, ModelError, Potential, Score};

/// E(x) = h (u² − 1)² + t u with u = x/w, on the line: wells near ±w, a barrier of about h between them, and
/// a difference of about 2t in their depths.
///
/// Moments, distribution function and draws are computed by quadrature, exact to rounding.
///
/// # Reference
/// Kramers (1940), *Brownian motion in a field of force*: the time to cross grows like exp(h).
#[derive(Clone, Debug, PartialEq)]
pub struct DoubleWell {
    barrier: f64,
    half_distance: f64,
    tilt: f64,
    /// The distribution of u.
    law: Quadrature,
}

impl DoubleWell {
    /// The target with h = `barrier`, w = `half_distance` and t = `tilt`.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless the first two are positive and finite and the tilt finite.
    pub fn new(barrier: f64, half_distance: f64, tilt: f64) -> Result<Self, ModelError> {
        let (barrier, half_distance) = (
            OutOfRange::positive("barrier", barrier)?,
            OutOfRange::positive("half_distance", half_distance)?,
        );
        let energy = well(barrier, finite("tilt", tilt)?);
        // beyond `reach` the energy is 45 above that of a well on either side
        let floor = energy(1.0).min(energy(-1.0));
        let mut reach = 1.0;
        while energy(reach).min(energy(-reach)) < floor + 45.0 {
            reach *= 1.05;
        }
        Ok(Self { barrier, half_distance, tilt, law: Quadrature::new(energy, -reach, reach) })
    }

    /// Number of coordinates, 1.
    pub fn dim(&self) -> usize {
        1
    }

    /// The mean.
    pub fn mean(&self) -> Vec<f64> {
        vec![self.half_distance * self.law.mean(self.energy_of(), |u| u)]
    }

    /// The variance.
    pub fn variances(&self) -> Vec<f64> {
        let mean = self.law.mean(self.energy_of(), |u| u);
        vec![self.half_distance.powi(2) * self.law.mean(self.energy_of(), |u| (u - mean).powi(2))]
    }

    /// log Z, in nats.
    pub fn log_normalizer(&self) -> f64 {
        self.law.log_normalizer() + self.half_distance.ln()
    }

    /// The distribution function.
    pub fn cdf(&self, x: f64) -> f64 {
        self.law.cdf(self.energy_of(), x / self.half_distance)
    }

    /// `n` independent draws, `[n, 1]`.
    pub fn sample(&self, n: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        let draw = |p: f64| self.half_distance * self.law.quantile(self.energy_of(), p);
        points(uniforms(n, noise).into_iter().map(draw).collect(), 1, device)
    }

    fn energy_of(&self) -> impl Fn(f64) -> f64 {
        well(self.barrier, self.tilt)
    }
}

/// The energy as a function of u.
fn well(barrier: f64, tilt: f64) -> impl Fn(f64) -> f64 {
    move |u| barrier * (u * u - 1.0).powi(2) + tilt * u
}

impl Energy for DoubleWell {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let u = coordinate(&x, 0, 1) / self.half_distance;
        ((u.clone().square() - 1.0).square() * self.barrier + u * self.tilt).squeeze_dim::<1>(1)
    }
}

impl Score for DoubleWell {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let u = coordinate(&x, 0, 1) / self.half_distance;
        let slope = u.clone() * (u.square() - 1.0) * (4.0 * self.barrier) + self.tilt;
        -slope / self.half_distance
    }
}

impl Potential for DoubleWell {}
