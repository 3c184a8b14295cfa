//! Logistic regression in double precision.

use rayon::prelude::*;

use super::matrix::{cholesky, solve};

/// Largest number of Newton steps; about six are usual.
const STEPS: usize = 50;

/// The weights w that minimise mean log(1 + exp(−t wᵀφ)) + (λ/2)‖w‖², where t = ±1.
#[derive(Clone, Debug)]
pub(crate) struct Logistic {
    weights: Vec<f64>,
}

impl Logistic {
    /// Fits the weights to `features`, rows of `width` numbers, and `labels`, true for t = 1.
    ///
    /// Newton's method; a step is halved until it lowers the loss, which is strictly convex for
    /// λ = `penalty` > 0.
    /// Cost: rows · width² / 2 multiplications per step on all threads.
    ///
    /// # Reference
    /// Bishop (2006), *Pattern recognition and machine learning*, §4.3.3.
    pub fn fit(features: &[f64], width: usize, labels: &[bool], penalty: f64) -> Self {
        let mut weights = vec![0.0; width];
        let mut loss = loss(features, labels, &weights, penalty);
        for _ in 0..STEPS {
            let step = newton(features, labels, &weights, penalty);
            let moved = |scale: f64| -> Vec<f64> {
                weights.iter().zip(&step).map(|(weight, step)| weight - scale * step).collect()
            };
            let tries = (0..30).map(|halvings| moved(0.5f64.powi(halvings)));
            let mut better = tries.map(|weights| (self::loss(features, labels, &weights, penalty), weights));
            let Some((lower, found)) = better.find(|(found, _)| *found < loss) else { break };
            let gain = loss - lower;
            (loss, weights) = (lower, found);
            if gain < 1e-12 * loss {
                break;
            }
        }
        Self { weights }
    }

    /// The logit wᵀφ; a positive one predicts the label true.
    pub fn logit(&self, features: &[f64]) -> f64 {
        dot(&self.weights, features)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn loss(features: &[f64], labels: &[bool], weights: &[f64], penalty: f64) -> f64 {
    let rows = features.chunks_exact(weights.len()).zip(labels);
    let terms = rows.map(|(row, label)| {
        let margin = if *label { dot(row, weights) } else { -dot(row, weights) };
        (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
    });
    terms.sum::<f64>() / labels.len() as f64 + 0.5 * penalty * dot(weights, weights)
}

/// The Newton step H⁻¹g at these weights, with g the gradient and H the Hessian of the loss.
fn newton(features: &[f64], labels: &[bool], weights: &[f64], penalty: f64) -> Vec<f64> {
    let (width, n) = (weights.len(), labels.len() as f64);
    let mut step: Vec<f64> = weights.iter().map(|weight| penalty * weight).collect();
    let mut variances = Vec::with_capacity(labels.len());
    for (row, label) in features.chunks_exact(width).zip(labels) {
        let p = 1.0 / (1.0 + (-dot(row, weights)).exp());
        let error = (p - f64::from(u8::from(*label))) / n;
        step.iter_mut().zip(row).for_each(|(g, f)| *g += error * f);
        variances.push(p * (1.0 - p) / n);
    }
    let mut hessian = vec![0.0; width * width];
    hessian.par_chunks_mut(width).enumerate().for_each(|(i, out)| {
        for (row, variance) in features.chunks_exact(width).zip(&variances) {
            let scale = variance * row[i];
            out[..=i].iter_mut().zip(row).for_each(|(out, f)| *out += scale * f);
        }
        out[i] += penalty;
    });
    // `cholesky` reads only the lower triangle
    let root = cholesky(&hessian, width).expect("a positive penalty makes the Hessian positive definite");
    solve(&root, &mut step);
    step
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    #[test]
    fn the_gradient_at_the_minimum_is_zero() {
        let (n, width, penalty) = (200, 3, 0.05);
        let mut noise = Noise::seeded(97);
        let features = noise.normals_f64(n * width);
        let labels: Vec<bool> = features
            .chunks_exact(width)
            .zip(noise.normals_f64(n))
            .map(|(row, z)| 0.0 < row[0] + 0.5 * z)
            .collect();
        let Logistic { weights } = Logistic::fit(&features, width, &labels, penalty);
        for i in 0..width {
            let h = 1e-5;
            let moved = |by: f64| {
                let mut weights = weights.clone();
                weights[i] += by;
                loss(&features, &labels, &weights, penalty)
            };
            let slope = (moved(h) - moved(-h)) / (2.0 * h);
            // rounding contributes 1e-16/h
            assert!(slope.abs() < 1e-9, "{i}: {slope}");
        }
        assert!(weights[0] > 5.0 * weights[1].abs(), "{weights:?}");
    }

    #[test]
    fn linearly_separable_classes_have_finite_weights() {
        let labels = [false, false, true, true];
        let fit = Logistic::fit(&[-2.0, -1.0, 1.0, 2.0], 1, &labels, 1e-3);
        assert!(fit.weights[0].is_finite() && 0.0 < fit.weights[0]);
    }
}
