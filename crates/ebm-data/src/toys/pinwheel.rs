//! A pinwheel.

use std::f32::consts::TAU;

use super::density::{Density, Moments, component, log_sum_exp};

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

    /// The map from (a, b) to the point is x = 2 R(−2πk/5 − ¼eᵃ) (a, b), with Jacobian 4 |1 + ¼eᵃ b|. Turned back by
    /// its own angle, x/2 = r (cos ψ, sin ψ) has to be (a, b) = r (cos φ, sin φ), φ = ψ + 2πk/5 + ¼ exp(r cos φ): the
    /// roots of that are bracketed on a grid and found by bisection.
    fn log_density([x, y]: [f64; 2]) -> f64 {
        use std::f64::consts::TAU;
        const GRID: usize = 720;
        let (r, psi) = (x.hypot(y) / 2.0, y.atan2(x));
        let terms = (0..5).flat_map(|k| {
            let turn = move |phi: f64| phi - psi - TAU * f64::from(k) / 5.0 - 0.25 * (r * phi.cos()).exp();
            // Multiples of a turn are roots too.
            let lift = move |phi: f64| (turn(phi) / TAU + 0.5).rem_euclid(1.0) - 0.5;
            (0..GRID).filter_map(move |i| {
                let [mut low, mut high] = [i, i + 1].map(|i| i as f64 / GRID as f64 * TAU);
                let (from, to) = (lift(low), lift(high));
                // Where the lift jumps by a turn there is no root.
                if 0.0 < from * to || 0.5 < (from - to).abs() {
                    return None;
                }
                for _ in 0..50 {
                    let middle = (low + high) / 2.0;
                    if 0.0 < lift(middle) * from { low = middle } else { high = middle }
                }
                let (sin, cos) = low.sin_cos();
                let (a, b) = (r * cos, r * sin);
                let z = [(a - 1.0) / 0.3, b / 0.1];
                let jacobian = 4.0 * (1.0 + 0.25 * a.exp() * b).abs();
                Some(-(z[0] * z[0] + z[1] * z[1]) / 2.0 - (TAU * 0.03 * jacobian).ln())
            })
        });
        log_sum_exp(&terms.collect::<Vec<_>>()) - 5f64.ln()
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
