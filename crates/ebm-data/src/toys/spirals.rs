//! Two spirals.

use std::f32::consts::PI;

use super::density::{Density, Moments};

/// Two spiral arms: ±((−t cos t + u₁/2)/3, (t sin t + u₂/2)/3) + 0.1 z, t = 3π√u₃.
///
/// The density is an integral. The label is the arm.
#[derive(Clone, Copy, Debug)]
pub struct Spirals;

impl Density for Spirals {
    const NAME: &'static str = "spirals";
    const ABOUT: &'static str = "two spiral arms";

    fn place(u: [f32; 3], z: [f32; 2]) -> ([f32; 2], Option<u32>) {
        let (arm, sign) = if u[1] < 0.5 { (0, 1.0) } else { (1, -1.0) };
        let (t, v) = (3.0 * PI * u[0].sqrt(), if arm == 0 { 2.0 * u[1] } else { 2.0 * u[1] - 1.0 });
        let (sin, cos) = t.sin_cos();
        let (x, y) = ((0.5 * v - t * cos) / 3.0, (0.5 * u[2] + t * sin) / 3.0);
        ([sign * x + 0.1 * z[0], sign * y + 0.1 * z[1]], Some(arm))
    }

    fn moments() -> Moments {
        let t = 3.0 * std::f64::consts::PI; // the density of the angle is 2t/(3π)²
        let (tc, ts) = (-4.0 / t, 2.0 - 8.0 / (t * t)); // E[t cos t], E[t sin t]
        let (cc, ss) = (t * t / 4.0 + 0.75, t * t / 4.0 - 0.75);
        let cs = -t / 2.0 + 0.75 / t;
        let x = (cc - 0.5 * tc + 1.0 / 12.0) / 9.0 + 0.01;
        let y = (ss + 0.5 * ts + 1.0 / 12.0) / 9.0 + 0.01;
        let covariance = (-cs - tc / 4.0 + ts / 4.0 + 1.0 / 16.0) / 9.0;
        Moments { mean: [0.0; 2], variance: [x, y], covariance }
    }

    fn log_density(x: [f64; 2]) -> f64 {
        // Given t, each coordinate is uniform on an interval of length 1/6, plus 0.1 z: a difference of two normal
        // distribution functions.
        const N: usize = 4000;
        let smeared = |x: f64, from: f64| {
            let z = |end: f64| (x - end) / (0.1 * std::f64::consts::SQRT_2);
            3.0 * (libm::erf(z(from)) - libm::erf(z(from + 1.0 / 6.0)))
        };
        let density = |sign: f64| {
            let [x, y] = x.map(|x| sign * x);
            let node = |i: usize| {
                let t = 3.0 * std::f64::consts::PI * ((i as f64 + 0.5) / N as f64).sqrt();
                let (sin, cos) = t.sin_cos();
                smeared(x, -t * cos / 3.0) * smeared(y, t * sin / 3.0)
            };
            (0..N).map(node).sum::<f64>() / N as f64
        };
        ((density(1.0) + density(-1.0)) / 2.0).ln()
    }
}
