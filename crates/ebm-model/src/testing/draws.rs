//! Checks of exact draws.

use burn::tensor::Tensor;

use crate::testing::numbers::rows;

/// The largest distance between the distribution of `draws`, which are sorted, and `cdf`.
fn largest_gap(draws: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    let n = draws.len() as f64;
    let gap = |(i, x): (usize, &f64)| {
        let p = cdf(*x);
        (p - i as f64 / n).max((i + 1) as f64 / n - p)
    };
    draws.iter().enumerate().map(gap).fold(0.0, f64::max)
}

/// Checks that independent `draws` have the distribution function `cdf`, and would not pass for `cdf` moved by `shift`.
///
/// # Panics
/// If they do not: exact draws fail once in a million.
///
/// # Reference
/// Massart (1990), *The tight constant in the Dvoretzky–Kiefer–Wolfowitz inequality*.
pub fn assert_distribution(mut draws: Vec<f64>, shift: f64, cdf: impl Fn(f64) -> f64) {
    draws.sort_by(f64::total_cmp);
    let band = (2e6f64.ln() / (2.0 * draws.len() as f64)).sqrt();
    let moved = largest_gap(&draws, |x| cdf(x - shift));
    let gap = largest_gap(&draws, cdf);
    assert!(gap < band, "{gap}, at most {band}");
    assert!(band < moved, "{moved}, more than {band}");
}

/// Checks mean and variance of each column of independent `draws`, `[n, dim]`, to five standard errors.
///
/// # Panics
/// If one of them is further off.
pub fn assert_moments(draws: &Tensor<2>, mean: &[f64], variances: &[f64]) {
    let rows = rows(draws.clone());
    let n = rows.len() as f64;
    for (i, (mean, variance)) in mean.iter().zip(variances).enumerate() {
        let moment = |k: i32| rows.iter().map(|x| (x[i] - mean).powi(k)).sum::<f64>() / n;
        let (first, second, fourth) = (moment(1), moment(2), moment(4));
        let error = (second / n).sqrt();
        assert!(first.abs() < 5.0 * error, "mean of {i}: {first} off, standard error {error}");
        let error = ((fourth - second * second) / n).sqrt();
        assert!(
            (second - variance).abs() < 5.0 * error,
            "variance of {i}: {second} against {variance}, standard error {error}"
        );
    }
}
