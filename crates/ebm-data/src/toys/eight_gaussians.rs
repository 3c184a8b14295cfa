//! Eight Gaussians.

use std::f32::consts::TAU;

use super::density::{Density, Moments, component, log_mean_normal};

/// Eight Gaussians on a circle: 2√2 (cos kπ/4, sin kπ/4) + z/√8, k < 8.
///
/// Density ⅛ Σₖ N(x; mₖ, I/8). The label is k.
#[derive(Clone, Copy, Debug)]
pub struct EightGaussians;

impl Density for EightGaussians {
    const NAME: &'static str = "eight-gaussians";
    const ABOUT: &'static str = "eight Gaussians on a circle";

    fn place(u: [f32; 3], z: [f32; 2]) -> ([f32; 2], Option<u32>) {
        let k = component(u[0], 8);
        let (sin, cos) = (TAU * k as f32 / 8.0).sin_cos();
        let (radius, scale) = (8f32.sqrt(), 1.0 / 8f32.sqrt());
        ([radius * cos + scale * z[0], radius * sin + scale * z[1]], Some(k))
    }

    fn moments() -> Moments {
        Moments::isotropic(4.0 + 0.125)
    }

    fn log_density(x: [f64; 2]) -> f64 {
        log_mean_normal(x, 0.125f64.sqrt(), 8, |u| {
            let (sin, cos) = (std::f64::consts::TAU * (8.0 * u).floor() / 8.0).sin_cos();
            [8f64.sqrt() * cos, 8f64.sqrt() * sin]
        })
    }
}
