//! The Swiss roll.

use std::f32::consts::PI;

use super::density::{Density, Moments, log_mean_normal};

/// A spiral of one arm: (t cos t + z₁, t sin t + z₂)/5, t = 1.5π(1 + 2u).
///
/// Two coordinates of scikit-learn's `make_swiss_roll(noise=1)`. The density is an integral over t. No label.
#[derive(Clone, Copy, Debug)]
pub struct SwissRoll;

impl Density for SwissRoll {
    const NAME: &'static str = "swiss-roll";
    const ABOUT: &'static str = "a spiral of one arm";

    fn place(u: [f32; 3], z: [f32; 2]) -> ([f32; 2], Option<u32>) {
        let t = 1.5 * PI * (1.0 + 2.0 * u[0]);
        let (sin, cos) = t.sin_cos();
        ([(t * cos + z[0]) / 5.0, (t * sin + z[1]) / 5.0], None)
    }

    fn moments() -> Moments {
        use std::f64::consts::PI;
        let (a, b) = (1.5 * PI, 4.5 * PI);
        let mean = [2.0 / 5.0, 2.0 / (3.0 * PI) / 5.0];
        let square = (b.powi(3) - a.powi(3)) / (6.0 * (b - a));
        let x = (square - 0.25 + 1.0) / 25.0 - mean[0] * mean[0];
        let y = (square + 0.25 + 1.0) / 25.0 - mean[1] * mean[1];
        Moments { mean, variance: [x, y], covariance: (a + b) / 4.0 / 25.0 - mean[0] * mean[1] }
    }

    fn log_density(x: [f64; 2]) -> f64 {
        log_mean_normal(x, 0.2, 2000, |u| {
            let t = 1.5 * std::f64::consts::PI * (1.0 + 2.0 * u);
            let (sin, cos) = t.sin_cos();
            [t * cos / 5.0, t * sin / 5.0]
        })
    }
}
