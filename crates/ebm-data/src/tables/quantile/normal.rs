//! The quantiles of N(0, 1).

/// Φ⁻¹(p) for p in (0, 1), with relative error below 1.2e-9.
///
/// # Reference
/// Acklam (2003), *An algorithm for computing the inverse normal cumulative distribution function*.
pub(super) fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 6] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 5] =
        [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0];
    let polynomial = |x: f64, coefficients: &[f64]| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    if 0.5 < p {
        return -normal_quantile(1.0 - p);
    }
    if p < 0.02425 {
        let t = (-2.0 * p.ln()).sqrt();
        return polynomial(t, &C) / polynomial(t, &D);
    }
    let t = p - 0.5;
    t * polynomial(t * t, &A) / polynomial(t * t, &B)
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
            assert!((found - exact).abs() <= 1.2e-9 * f64::abs(exact), "{p}: {found}");
        }
    }
}
