//! A pinwheel.

use std::f32::consts::TAU;

use super::density::{Density, Moments, component};

/// Five blades: 2(1 + 0.3 z₁, 0.1 z₂) turned clockwise by 2πk/5 + ¼ exp(1 + 0.3 z₁), k < 5.
///
/// The density has no closed form. The label is the blade.
///
/// # Reference
/// Johnson, Duvenaud, Wiltschko, Datta and Adams (2016), *Composing graphical models with neural networks for
/// structured representations and fast inference*.
#[derive(Clone, Copy, Debug)]
pub struct Pinwheel;

impl Density for Pinwheel {
    const NAME: &'static str = "pinwheel";
    const ABOUT: &'static str = "five curved blades";

    fn place(u: [f32; 3], z: [f32; 2]) -> ([f32; 2], Option<u32>) {
        let k = component(u[0], 5);
        let (along, across) = (1.0 + 0.3 * z[0], 0.1 * z[1]);
        let (sin, cos) = (TAU * k as f32 / 5.0 + 0.25 * along.exp()).sin_cos();
        ([2.0 * (along * cos + across * sin), 2.0 * (across * cos - along * sin)], Some(k))
    }

    fn moments() -> Moments {
        Moments::isotropic(2.0 * (1.0 + 0.09 + 0.01))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blades_trail_clockwise() {
        // Turned back by its blade's angle, a point without noise lies at angle −¼ e.
        let ([x, y], _) = Pinwheel::place([0.0; 3], [0.0; 2]);
        let angle = -0.25 * 1f32.exp();
        assert!((x - 2.0 * angle.cos()).abs() < 1e-5 && (y - 2.0 * angle.sin()).abs() < 1e-5, "{x}, {y}");
    }
}
