//! Rings.

use std::f32::consts::TAU;

use super::density::{Density, Moments, component, log_mean_normal};

/// Four concentric rings: ¾(k + 1) (cos 2πu, sin 2πu) + 0.24 z, k < 4.
///
/// Density ¼ Σₖ exp(−(r² + Rₖ²)/2s²) I₀(r Rₖ/s²)/(2πs²) with s = 0.24, r = |x|, Rₖ = ¾(k + 1). The label is k.
#[derive(Clone, Copy, Debug)]
pub struct Rings;

impl Density for Rings {
    const NAME: &'static str = "rings";
    const ABOUT: &'static str = "four concentric rings";

    fn place(u: [f32; 3], z: [f32; 2]) -> ([f32; 2], Option<u32>) {
        let k = component(u[0], 4);
        let (radius, (sin, cos)) = (0.75 * (k + 1) as f32, (TAU * u[1]).sin_cos());
        ([radius * cos + 0.24 * z[0], radius * sin + 0.24 * z[1]], Some(k))
    }

    fn moments() -> Moments {
        Moments::isotropic(9.0 / 16.0 * 7.5 / 2.0 + 0.24 * 0.24)
    }

    fn log_density([x, y]: [f64; 2]) -> f64 {
        // By symmetry the point may lie on the first axis, whichever the ring; four rings of 1,000 nodes in one sum.
        log_mean_normal([x.hypot(y), 0.0], 0.24, 4000, |u| {
            let (k, u) = ((4.0 * u).floor(), (4.0 * u).fract());
            let (sin, cos) = (std::f64::consts::TAU * u).sin_cos();
            [0.75 * (k + 1.0) * cos, 0.75 * (k + 1.0) * sin]
        })
    }
}
