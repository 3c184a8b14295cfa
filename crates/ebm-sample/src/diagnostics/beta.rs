//! The quantiles of the beta distribution.

/// Where the distribution function of Beta(a, b) is `p`, by bisection.
pub(super) fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if beta_cdf(middle, a, b) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The regularised incomplete beta function I_x(a, b).
///
/// # Reference
/// Didonato and Morris (1992), *Algorithm 708*, its continued fraction in the form of Abramowitz and Stegun
/// (1964), eq. 26.5.8, evaluated as Lentz does.
fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if 1.0 <= x {
        return 1.0;
    }
    // the fraction converges fast on the left of the mean
    if (a + 1.0) / (a + b + 2.0) < x {
        return 1.0 - beta_cdf(1.0 - x, b, a);
    }
    let front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * (-x).ln_1p();
    front.exp() * fraction(x, a, b) / a
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let away = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..100_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = value;
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            value *= c * d;
        }
        if (value / before - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_whole_numbers_it_is_a_sum_of_binomial_terms() {
        // I_x(a, b) = P(Binomial(a + b − 1, x) ≥ a)
        let binomial = |x: f64, a: i32, b: i32| {
            let n = a + b - 1;
            let choose = |k: i32| (0..k).map(|i| f64::from(n - i) / f64::from(i + 1)).product::<f64>();
            (a..=n).map(|k| choose(k) * x.powi(k) * (1.0 - x).powi(n - k)).sum::<f64>()
        };
        for (x, a, b) in [(0.3, 2, 5), (0.9, 7, 1), (0.5, 20, 21), (0.01, 1, 3), (0.62, 30, 11)] {
            let found = beta_cdf(x, f64::from(a), f64::from(b));
            assert!((found - binomial(x, a, b)).abs() < 1e-13, "({x}, {a}, {b}): {found}");
        }
    }

    #[test]
    fn a_quantile_is_where_the_distribution_function_is() {
        for (p, a, b) in [(0.158_655_3, 76.3, 1425.0), (0.5, 1.0, 1.0), (0.841_344_7, 3000.5, 9.2)] {
            assert!((beta_cdf(beta_quantile(p, a, b), a, b) - p).abs() < 1e-11, "({p}, {a}, {b})");
        }
        assert!((beta_quantile(0.25, 1.0, 1.0) - 0.25).abs() < 1e-15);
    }
}
