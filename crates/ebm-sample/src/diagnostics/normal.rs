//! The quantiles of N(0, 1).

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// Φ⁻¹(p) for p in (0, 1), right to rounding.
///
/// Hastings' rational start (Abramowitz and Stegun 1964, eq. 26.2.23) is right to 4.5e-4; each of Halley's
/// steps cubes the error.
pub(super) fn normal_quantile(p: f64) -> f64 {
    if 0.5 < p {
        return -normal_quantile(1.0 - p);
    }
    let t = (-2.0 * p.ln()).sqrt();
    let above = 2.515517 + t * (0.802853 + t * 0.010328);
    let below = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308));
    let mut x = above / below - t;
    for _ in 0..3 {
        let excess = 0.5 * libm::erfc(-x * FRAC_1_SQRT_2) - p;
        let step = excess * TAU.sqrt() * (0.5 * x * x).exp();
        x -= step / (1.0 + 0.5 * x * step);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, exact) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.001, -3.090_232_306_167_813_5),
            (1e-10, -6.361_340_902_404_056),
            (0.841_344_746_068_542_9, 1.0),
        ] {
            let found = normal_quantile(p);
            assert!((found - exact).abs() < 1e-14 * (1.0 + f64::abs(exact)), "{p}: {found}");
        }
    }
}
