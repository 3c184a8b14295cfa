//! Quantiles of the squared length of normal noise.

/// The number x with P(‖z‖² ≤ x) = `p` for z ~ N(0, I) in `dim` dimensions, 0 < p < 1: the quantile of χ², to about ten
/// digits.
///
/// Halley's method on the regularised incomplete gamma function, from the cube of a normal quantile.
///
/// # Reference
/// Wilson and Hilferty (1931), *The distribution of chi-square*, for the start.
pub(super) fn chi_square_quantile(p: f64, dim: usize) -> f64 {
    let a = 0.5 * dim as f64;
    let log_gamma = libm::lgamma(a);
    let mut x = start(p, a);
    for _ in 0..20 {
        let density = ((a - 1.0) * x.ln() - x - log_gamma).exp();
        let newton = (share_below(x, a, log_gamma) - p) / density;
        let step = newton / (1.0 - 0.5 * (newton * ((a - 1.0) / x - 1.0)).min(1.0));
        let next = x - step;
        // never across zero
        x = if 0.0 < next { next } else { 0.5 * x };
        if step.abs() < 1e-10 * x {
            break;
        }
    }
    2.0 * x
}

/// The quantile of N(0, 1) at `p`, 0 < p < 1.
pub(super) fn normal_quantile(p: f64) -> f64 {
    // z² is χ² with one degree of freedom
    let within = (2.0 * p - 1.0).abs().max(1e-12);
    chi_square_quantile(within, 1).sqrt().copysign(p - 0.5)
}

/// About where the quantile of a gamma distribution of shape `a` is.
fn start(p: f64, a: f64) -> f64 {
    if a < 1.0 {
        // x^a/Γ(a + 1) near 0, an exponential tail beyond
        let below_one = 1.0 - a * (0.253 + 0.12 * a);
        return match p < below_one {
            true => (p / below_one).powf(1.0 / a),
            false => 1.0 - ((1.0 - p) / (1.0 - below_one)).ln(),
        };
    }
    let tail = p.min(1.0 - p);
    let t = (-2.0 * tail.ln()).sqrt();
    // the normal quantile to three digits
    let z = t - (2.30753 + 0.27061 * t) / (1.0 + t * (0.99229 + 0.04481 * t));
    let z = if p < 0.5 { -z } else { z };
    let cube = 1.0 - 1.0 / (9.0 * a) + z / (3.0 * a.sqrt());
    (a * cube.powi(3)).max(1e-3)
}

/// The share P(a, x) of a gamma distribution of shape `a` below `x`: its series, or one less its continued fraction.
fn share_below(x: f64, a: f64, log_gamma: f64) -> f64 {
    let factor = (a * x.ln() - x - log_gamma).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while 1e-16 * sum < term {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return factor * sum;
    }
    // Lentz's method
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1e300, 1.0 / b);
    let mut fraction = d;
    for n in 1..10_000 {
        let n = f64::from(n);
        let an = n * (a - n);
        b += 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    1.0 - factor * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // to the digits of the table
        for (p, dim, exact) in [
            (0.05, 1, 0.003932),
            (0.95, 1, 3.841459),
            (0.99, 3, 11.344867),
            (0.01, 10, 2.558212),
            (0.5, 10, 9.341818),
            (0.975, 100, 129.561197),
        ] {
            let found = chi_square_quantile(p, dim);
            assert!((found - exact).abs() < 1e-6, "{p}, {dim}: {found} against {exact}");
        }
        for (p, exact) in [(0.5, 0.0), (0.975, 1.959964), (0.025, -1.959964), (0.0001, -3.719016)] {
            assert!((normal_quantile(p) - exact).abs() < 1e-6, "{p}: {}", normal_quantile(p));
        }
    }

    #[test]
    fn the_share_below_a_quantile_is_what_was_asked_for() {
        for dim in [1, 2, 3, 16, 784, 3072] {
            for p in [1e-7, 1e-3, 0.2, 0.5, 0.9, 0.999, 1.0 - 1e-7] {
                let x = chi_square_quantile(p, dim);
                let a = 0.5 * dim as f64;
                let found = share_below(0.5 * x, a, libm::lgamma(a));
                // lgamma(1500) is 9,500, whose last digit is 1e-12
                assert!((found - p).abs() < 1e-9, "{p}, {dim}: {found} at {x}");
                if dim == 2 {
                    assert!((x + 2.0 * (1.0 - p).ln()).abs() < 1e-7 * x, "{p}: {x}");
                }
            }
        }
    }
}
