//! Draws against a distribution function.

/// The largest distance between the distribution function of `draws` and `cdf`: Kolmogorov and Smirnov's
/// statistic, two-sided. NaN for no draws or one that is NaN.
pub fn largest_gap(draws: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    if draws.is_empty() || draws.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    let mut sorted = draws.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let gap = |(i, x): (usize, &f64)| {
        let p = cdf(*x);
        (p - i as f64 / n).max((i + 1) as f64 / n - p)
    };
    sorted.iter().enumerate().map(gap).fold(0.0, f64::max)
}

/// The bound that the [`largest_gap`] of `n` independent draws of the distribution itself exceeds with a probability
/// of at most `false_alarm`: √(ln(2/false_alarm)/(2n)), for any continuous distribution.
///
/// # Reference
/// Massart (1990), *The tight constant in the Dvoretzky–Kiefer–Wolfowitz inequality*, corollary 1.
pub fn dkw_band(n: usize, false_alarm: f64) -> f64 {
    ((2.0 / false_alarm).ln() / (2.0 * n as f64)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_of_a_few_draws_is_that_of_the_step_function() {
        let uniform = |x: f64| x.clamp(0.0, 1.0);
        // the stairs are at 0 until 0.5, at ½ until 0.6, at 1 from there
        assert_eq!(largest_gap(&[0.6, 0.5], uniform), 0.5);
        assert!((largest_gap(&[0.9, 0.95], uniform) - 0.9).abs() < 1e-15);
        assert!((largest_gap(&[0.1], uniform) - 0.9).abs() < 1e-15);
        assert!(largest_gap(&[], uniform).is_nan() && largest_gap(&[f64::NAN], uniform).is_nan());
    }

    #[test]
    fn even_points_have_the_least_gap_and_the_band_is_the_known_one() {
        let n = 50_000;
        let even: Vec<f64> = (0..n).map(|i| (f64::from(i) + 0.5) / f64::from(n)).collect();
        assert!((largest_gap(&even, |x| x) - 0.5 / f64::from(n)).abs() < 1e-12);
        assert!((dkw_band(50_000, 1e-6) - 0.012_045).abs() < 1e-6);
    }
}
