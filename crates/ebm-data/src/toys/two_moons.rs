//! Two moons.

use std::f32::consts::PI;

use super::density::{Density, Moments, component, log_mean_normal};

/// Two interlocking half circles: (cos t, sin t) or (1 − cos t, ½ − sin t), t = πu, less the mean (½, ¼), plus 0.1 z.
///
/// scikit-learn's `make_moons(noise=0.1)` centred, with t random instead of evenly spaced.
/// The density is an integral over t. The label is the moon.
#[derive(Clone, Copy, Debug)]
pub struct TwoMoons;

impl Density for TwoMoons {
    const NAME: &'static str = "two-moons";
    const ABOUT: &'static str = "two interlocking half circles";

    fn place(u: [f32; 3], z: [f32; 2]) -> ([f32; 2], Option<u32>) {
        let (moon, (sin, cos)) = (component(u[0], 2), (PI * u[1]).sin_cos());
        let [x, y] = if moon == 0 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] };
        ([x - 0.5 + 0.1 * z[0], y - 0.25 + 0.1 * z[1]], Some(moon))
    }

    fn moments() -> Moments {
        use std::f64::consts::PI;
        let (dx, dy) = (1.0, 0.5 - 4.0 / PI); // from the upper moon's mean to the lower's
        let x = 0.5 + dx * dx / 4.0 + 0.01;
        let y = 0.5 - 4.0 / (PI * PI) + dy * dy / 4.0 + 0.01;
        Moments { mean: [0.0; 2], variance: [x, y], covariance: dx * dy / 4.0 }
    }

    fn log_density(x: [f64; 2]) -> f64 {
        // Both moons in turn, so that one sum is over both.
        log_mean_normal(x, 0.1, 2000, |u| {
            let (upper, u) = (u < 0.5, (2.0 * u).fract());
            let (sin, cos) = (std::f64::consts::PI * u).sin_cos();
            if upper { [cos - 0.5, sin - 0.25] } else { [0.5 - cos, 0.25 - sin] }
        })
    }
}
