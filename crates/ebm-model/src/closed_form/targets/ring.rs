//! A circle with a soft edge.

use burn::tensor::{Device, Tensor};
use ebm_ops::{Noise, OutOfRange};

use super::numbers::{points, uniforms};
use super::quadrature::Quadrature;
use crate::{Energy, ModelError, Potential, Score};

/// E(x) = (‖x‖ − r)²/(2 w²) in the plane: a circle of radius r and width w.
///
/// The score at the origin, where the energy has a kink, is 0.
/// The distribution of the radius is computed by quadrature, exact to rounding.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring {
    radius: f64,
    width: f64,
    /// The distribution of ‖x‖/w.
    law: Quadrature,
}

impl Ring {
    /// The ring with r = `radius` and w = `width`.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless both are positive and finite.
    pub fn new(radius: f64, width: f64) -> Result<Self, ModelError> {
        let (radius, width) =
            (OutOfRange::positive("radius", radius)?, OutOfRange::positive("width", width)?);
        let ratio = radius / width;
        let law = Quadrature::new(shell(ratio), (ratio - 9.5).max(0.0), ratio + 9.5);
        Ok(Self { radius, width, law })
    }

    /// Number of coordinates, 2.
    pub fn dim(&self) -> usize {
        2
    }

    /// The mean, 0.
    pub fn mean(&self) -> Vec<f64> {
        vec![0.0; 2]
    }

    /// The variances, ½ E‖x‖² for each coordinate.
    pub fn variances(&self) -> Vec<f64> {
        vec![0.5 * self.width.powi(2) * self.law.mean(self.shell(), |radius| radius.powi(2)); 2]
    }

    /// log Z, in nats.
    pub fn log_normalizer(&self) -> f64 {
        std::f64::consts::TAU.ln() + 2.0 * self.width.ln() + self.law.log_normalizer()
    }

    /// The distribution function of the radius ‖x‖.
    pub fn radius_cdf(&self, radius: f64) -> f64 {
        self.law.cdf(self.shell(), radius / self.width)
    }

    /// `n` independent draws, `[n, 2]`.
    pub fn sample(&self, n: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        let place = |pair: &[f64]| {
            let radius = self.width * self.law.quantile(self.shell(), pair[0]);
            let (sine, cosine) = (std::f64::consts::TAU * pair[1]).sin_cos();
            [radius * cosine, radius * sine]
        };
        points(uniforms(2 * n, noise).chunks_exact(2).flat_map(place).collect(), 2, device)
    }

    fn shell(&self) -> impl Fn(f64) -> f64 {
        shell(self.radius / self.width)
    }

    /// ‖x‖, `[batch, 1]`.
    fn distance(x: &Tensor<2>) -> Tensor<2> {
        assert_eq!(x.dims()[1], 2, "an energy in 2 dimensions was given {:?}", x.dims());
        x.clone().square().sum_dim(1).sqrt()
    }
}

/// The energy of ‖x‖/w, the length of the circle through x in it.
fn shell(ratio: f64) -> impl Fn(f64) -> f64 {
    move |radius| 0.5 * (radius - ratio).powi(2) - radius.ln()
}

impl Energy for Ring {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        (((Self::distance(&x) - self.radius) / self.width).square() * 0.5).squeeze_dim::<1>(1)
    }
}

impl Score for Ring {
    /// −(‖x‖ − r)/w² · x/‖x‖.
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let distance = Self::distance(&x);
        let center = distance.clone().equal_elem(0.0);
        let pull = (-distance.clone() + self.radius) / distance / self.width.powi(2);
        x * pull.mask_fill(center, 0.0)
    }
}

impl Potential for Ring {}
