//! A checkerboard.

use super::density::{Density, Moments};

/// Uniform on the eight squares of side 2 of [−4, 4)² where ⌊x/2⌋ + ⌊y/2⌋ is even.
///
/// Density 1/32 there, 0 elsewhere. No label.
#[derive(Clone, Copy, Debug)]
pub struct Checkerboard;

impl Density for Checkerboard {
    const NAME: &'static str = "checkerboard";
    const ABOUT: &'static str = "uniform on eight squares of a board";

    fn place(u: [f32; 3], _z: [f32; 2]) -> ([f32; 2], Option<u32>) {
        // Columns and rows in squares of side 2; the fractions of u and v are the place inside the square.
        let (u, v) = (4.0 * u[0], 2.0 * u[1]);
        let row = 2.0 * v.floor() + u.floor() % 2.0;
        ([2.0 * u - 4.0, 2.0 * (row + v.fract()) - 4.0], None)
    }

    fn moments() -> Moments {
        Moments { mean: [0.0; 2], variance: [16.0 / 3.0; 2], covariance: 1.0 }
    }

    fn log_density(x: [f64; 2]) -> f64 {
        let inside = x.iter().all(|x| (-4.0..4.0).contains(x));
        let dark = x.iter().map(|x| (x / 2.0).floor()).sum::<f64>() % 2.0 == 0.0;
        if inside && dark { -32f64.ln() } else { f64::NEG_INFINITY }
    }
}
