//! What a toy is.

/// A density in the plane with a name.
pub trait Density {
    /// The name in a configuration, in kebab case.
    const NAME: &'static str;

    /// One line about its form.
    const ABOUT: &'static str;

    /// A point and its label, as a function of three numbers uniform on [0, 1) and two standard normal ones.
    fn place(u: [f32; 3], z: [f32; 2]) -> ([f32; 2], Option<u32>);

    /// Its exact mean and covariance.
    fn moments() -> Moments;

    /// Its log density at a point in nats, to about 1e-6; −∞ where the density is 0.
    fn log_density(x: [f64; 2]) -> f64;
}

/// ln of the mean of N(x; c(u), s² I) over u uniform on [0, 1), by the midpoint rule with `n` nodes.
pub(crate) fn log_mean_normal([x, y]: [f64; 2], s: f64, n: usize, center: impl Fn(f64) -> [f64; 2]) -> f64 {
    let exponents: Vec<f64> = (0..n)
        .map(|i| {
            let [a, b] = center((i as f64 + 0.5) / n as f64);
            -((x - a).powi(2) + (y - b).powi(2)) / (2.0 * s * s)
        })
        .collect();
    log_sum_exp(&exponents) - (n as f64).ln() - (std::f64::consts::TAU * s * s).ln()
}

/// ln Σ exp, without overflow.
pub(crate) fn log_sum_exp(exponents: &[f64]) -> f64 {
    let top = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        top
    } else {
        top + exponents.iter().map(|e| (e - top).exp()).sum::<f64>().ln()
    }
}

/// Mean and covariance of a distribution in the plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean of each coordinate.
    pub mean: [f64; 2],
    /// Variance of each coordinate.
    pub variance: [f64; 2],
    /// Covariance of the two coordinates.
    pub covariance: f64,
}

impl Moments {
    /// Mean 0, the same variance in every direction.
    pub(crate) fn isotropic(variance: f64) -> Self {
        Self { mean: [0.0; 2], variance: [variance; 2], covariance: 0.0 }
    }
}

/// The component out of `n` that a number uniform on [0, 1) chooses.
pub(crate) fn component(u: f32, n: u32) -> u32 {
    ((u * n as f32) as u32).min(n - 1)
}
