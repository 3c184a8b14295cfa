//! A mixture of two normal distributions on the line.

use super::reference::numbers;
use super::{Posterior, Reference};

/// y_n ~ θ N(μ₁, σ₁) + (1 − θ) N(μ₂, σ₂), μ₁ < μ₂, μ and σ > 0 with N(0, 2), θ ~ Beta(5, 5); the coordinates are
/// μ₁, log(μ₂ − μ₁), log σ₁, log σ₂ and log θ/(1 − θ).
pub struct TwoNormals {
    y: Vec<f64>,
}

impl TwoNormals {
    /// With its data.
    pub fn read(reference: &Reference) -> Self {
        Self { y: numbers(&reference.data("low_dim_gauss_mix")["y"]) }
    }
}

impl Posterior for TwoNormals {
    fn name(&self) -> &'static str {
        "low_dim_gauss_mix-low_dim_gauss_mix"
    }

    fn dim(&self) -> usize {
        5
    }

    fn log_density(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let gap = x[1].exp();
        let means = [x[0], x[0] + gap];
        let deviations = [x[2].exp(), x[3].exp()];
        // log θ and log(1 − θ)
        let weights = [-softplus(-x[4]), -softplus(x[4])];
        let theta = [weights[0].exp(), weights[1].exp()];

        // derivatives in μ₁, μ₂, log σ₁, log σ₂ and of the first one's share
        let (mut value, mut of_means, mut of_scales, mut share) = (0.0, [0.0; 2], [0.0; 2], 0.0);
        for y in &self.y {
            let z = [0, 1].map(|k| (y - means[k]) / deviations[k]);
            let log = [0, 1].map(|k| weights[k] - x[2 + k] - 0.5 * z[k] * z[k]);
            let first = sigmoid(log[0] - log[1]);
            value += log[0] + softplus(log[1] - log[0]);
            share += first;
            for (k, r) in [first, 1.0 - first].into_iter().enumerate() {
                of_means[k] += r * z[k] / deviations[k];
                of_scales[k] += r * (z[k] * z[k] - 1.0);
            }
        }

        for k in 0..2 {
            value += 5.0 * weights[k] + x[2 + k] - (means[k].powi(2) + deviations[k].powi(2)) / 8.0;
            of_means[k] -= means[k] / 4.0;
            of_scales[k] += 1.0 - deviations[k].powi(2) / 4.0;
        }
        let n = self.y.len() as f64;
        gradient[0] = of_means[0] + of_means[1];
        gradient[1] = of_means[1] * gap + 1.0;
        gradient[2..4].copy_from_slice(&of_scales);
        gradient[4] = share - n * theta[0] + 5.0 * (theta[1] - theta[0]);
        value + x[1]
    }

    fn parameters(&self, x: &[f64]) -> Vec<f64> {
        vec![x[0], x[0] + x[1].exp(), x[2].exp(), x[3].exp(), sigmoid(x[4])]
    }
}

/// log(1 + eᵗ).
pub fn softplus(t: f64) -> f64 {
    t.max(0.0) + (-t.abs()).exp().ln_1p()
}

/// 1/(1 + e⁻ᵗ).
pub fn sigmoid(t: f64) -> f64 {
    1.0 / (1.0 + (-t).exp())
}
