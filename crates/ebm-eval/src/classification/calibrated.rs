//! Probabilities of classes from the evidence of several noise levels.

use ebm_ops::OutOfRange;

use crate::distances::matrix::{cholesky, solve};
use crate::{Estimate, EvalError, Evidence};

/// Steps of Newton's method; fewer than ten are usual.
const STEPS: usize = 100;

/// The penalty of the squared parameters, in nats, where a parameter of 1 moves a log probability by about one: it
/// decides only where the evidence tells the classes apart without error.
const PENALTY: f64 = 0.01;

/// p(class | row) ∝ exp(Σ_k a_k e_k(class) + b(class)), e_k the [`Evidence`] of level k.
///
/// Score matching leaves a constant to each class, which b takes, and the levels see the same row, so that their sum
/// would count it several times; a weighs them. Both are those of the largest likelihood on labelled rows: then the mean
/// predicted probability of each class there is its frequency. With one level and the exact densities a is 1 and b the
/// log frequency.
#[derive(Clone, Debug, PartialEq)]
pub struct CalibratedClasses {
    /// a, one for each level.
    weights: Vec<f64>,
    /// b, one for each class.
    constants: Vec<f64>,
}

impl CalibratedClasses {
    /// The probabilities that fit rows whose classes are `labels` best, up to a small penalty.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] unless there is a label for each row, below the number of classes.
    pub fn fit(evidence: &Evidence, labels: &[usize]) -> Result<Self, EvalError> {
        check(evidence, labels)?;
        let (centered, offsets) = centered(evidence);
        let found = Self::fit_centered(&centered, labels);
        let mut constants = found.constants.clone();
        for (weight, offsets) in found.weights.iter().zip(offsets.chunks_exact(constants.len())) {
            constants.iter_mut().zip(offsets).for_each(|(constant, offset)| *constant -= weight * offset);
        }
        Ok(Self { constants, ..found })
    }

    /// The same of evidence whose mean over rows is zero for each class and level.
    fn fit_centered(evidence: &Evidence, labels: &[usize]) -> Self {
        // in units of their own spread, so that the penalty means the same for all of them
        let scales: Vec<f64> = (0..evidence.n_levels()).map(|level| spread(evidence, level)).collect();
        let mut found = Self {
            weights: scales.iter().map(|scale| 1.0 / (scale * scales.len() as f64)).collect(),
            constants: vec![0.0; evidence.n_classes()],
        };
        let mut loss = found.loss(evidence, labels, &scales);
        for _ in 0..STEPS {
            let step = found.newton_step(evidence, labels, &scales);
            let mut size = 1.0;
            let better = loop {
                let next = found.moved(&step, size, &scales);
                let value = next.loss(evidence, labels, &scales);
                if value < loss {
                    break Some((next, value));
                }
                size *= 0.5;
                if size < 1e-6 {
                    break None;
                }
            };
            let Some((next, value)) = better else { break };
            let gain = loss - value;
            (found, loss) = (next, value);
            if gain < 1e-9 * (1.0 + loss.abs()) {
                break;
            }
        }
        found
    }

    /// The weight of each level.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The constant of each class.
    pub fn constants(&self) -> &[f64] {
        &self.constants
    }

    /// p(class | row) for each class.
    pub fn probabilities(&self, evidence: &Evidence, row: usize) -> Vec<f64> {
        let mut logits = self.constants.clone();
        for (level, weight) in self.weights.iter().enumerate() {
            let at = evidence.at(row, level);
            let mean = at.iter().sum::<f64>() / at.len() as f64;
            logits.iter_mut().zip(at).for_each(|(logit, e)| *logit += weight * (e - mean));
        }
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        logits.iter_mut().for_each(|logit| *logit = (*logit - largest).exp());
        let sum: f64 = logits.iter().sum();
        logits.iter_mut().for_each(|p| *p /= sum);
        logits
    }

    /// The most probable class of a row.
    pub fn class(&self, evidence: &Evidence, row: usize) -> usize {
        let p = self.probabilities(evidence, row);
        (0..p.len()).max_by(|&a, &b| p[a].total_cmp(&p[b])).expect("there are two classes or more")
    }

    /// The share of rows that are assigned to their class, with its standard error over rows.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn accuracy(&self, evidence: &Evidence, labels: &[usize]) -> Result<Estimate, EvalError> {
        check(evidence, labels)?;
        let right = labels.iter().enumerate().filter(|(row, label)| self.class(evidence, *row) == **label);
        Ok(Estimate::share(right.count(), labels.len()))
    }

    /// −Σ log p(label), with the penalty.
    fn loss(&self, evidence: &Evidence, labels: &[usize], scales: &[f64]) -> f64 {
        let rows = labels.iter().enumerate();
        let lost: f64 = rows
            .map(|(row, label)| -self.probabilities(evidence, row)[*label].max(f64::MIN_POSITIVE).ln())
            .sum();
        let scaled = self.weights.iter().zip(scales).map(|(a, scale)| a * scale);
        let squares: f64 = scaled.chain(self.constants.iter().copied()).map(|x| x * x).sum();
        lost + 0.5 * PENALTY * squares
    }

    /// The step to the minimum of the loss's second-order expansion, of weights times their scales and constants.
    fn newton_step(&self, evidence: &Evidence, labels: &[usize], scales: &[f64]) -> Vec<f64> {
        let (k, n) = (self.weights.len(), self.constants.len());
        let size = k + n;
        let scaled = self.weights.iter().zip(scales).map(|(a, scale)| a * scale);
        let mut gradient: Vec<f64> =
            scaled.chain(self.constants.iter().copied()).map(|x| PENALTY * x).collect();
        let mut hessian = vec![0.0; size * size];
        (0..size).for_each(|i| hessian[i * size + i] = PENALTY);
        for (row, label) in labels.iter().enumerate() {
            let p = self.probabilities(evidence, row);
            // the evidence less its mean under p, in units of its scale
            let centered: Vec<Vec<f64>> = (0..k)
                .map(|level| {
                    let at = evidence.at(row, level);
                    let mean: f64 = at.iter().zip(&p).map(|(e, p)| e * p).sum();
                    at.iter().map(|e| (e - mean) / scales[level]).collect()
                })
                .collect();
            for (i, e) in centered.iter().enumerate() {
                gradient[i] -= e[*label];
                for (j, other) in centered.iter().enumerate().take(i + 1) {
                    let products = e.iter().zip(other).zip(&p).map(|((a, b), p)| a * b * p);
                    hessian[i * size + j] += products.sum::<f64>();
                }
                for (class, p) in p.iter().enumerate() {
                    hessian[(k + class) * size + i] += p * e[class];
                }
            }
            for (class, p_class) in p.iter().enumerate() {
                gradient[k + class] += p_class - f64::from(u8::from(class == *label));
                hessian[(k + class) * (size + 1)] += p_class;
                for (other, p_other) in p.iter().enumerate().take(class + 1) {
                    hessian[(k + class) * size + k + other] -= p_class * p_other;
                }
            }
        }
        let root = cholesky(&hessian, size).expect("a positive penalty makes the matrix positive definite");
        let mut step: Vec<f64> = gradient.iter().map(|g| -g).collect();
        solve(&root, &mut step);
        step
    }

    /// The parameters after `size` of a step.
    fn moved(&self, step: &[f64], size: f64, scales: &[f64]) -> Self {
        let (of_weights, of_constants) = step.split_at(self.weights.len());
        let weights = self.weights.iter().zip(of_weights).zip(scales);
        let constants = self.constants.iter().zip(of_constants);
        Self {
            weights: weights.map(|((a, step), scale)| a + size * step / scale).collect(),
            constants: constants.map(|(b, step)| b + size * step).collect(),
        }
    }
}

/// The evidence less its mean over the classes of each row, and then less the mean over rows of each level and class,
/// which is returned, `[levels, classes]`.
fn centered(evidence: &Evidence) -> (Evidence, Vec<f64>) {
    let (k, n, rows) = (evidence.n_levels(), evidence.n_classes(), evidence.len());
    let mut values = Vec::with_capacity(rows * k * n);
    for row in 0..rows {
        for level in 0..k {
            let at = evidence.at(row, level);
            let mean = at.iter().sum::<f64>() / n as f64;
            values.extend(at.iter().map(|e| e - mean));
        }
    }
    let mut offsets = vec![0.0; k * n];
    for row in values.chunks_exact(k * n) {
        offsets.iter_mut().zip(row).for_each(|(offset, e)| *offset += e / rows as f64);
    }
    for row in values.chunks_exact_mut(k * n) {
        row.iter_mut().zip(&offsets).for_each(|(e, offset)| *e -= offset);
    }
    let centered = Evidence::new(values, k, n).expect("what is finite stays so, and of its shape");
    (centered, offsets)
}

/// The root mean square of the evidence of a level less its mean over the classes; 1 if it is always the same.
fn spread(evidence: &Evidence, level: usize) -> f64 {
    let square = |row: usize| {
        let at = evidence.at(row, level);
        let mean = at.iter().sum::<f64>() / at.len() as f64;
        at.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / at.len() as f64
    };
    let mean = (0..evidence.len()).map(square).sum::<f64>() / evidence.len() as f64;
    if 0.0 < mean { mean.sqrt() } else { 1.0 }
}

fn check(evidence: &Evidence, labels: &[usize]) -> Result<(), OutOfRange> {
    if labels.len() != evidence.len() {
        return Err(OutOfRange::new("labels", labels.len(), format!("{}, one for each row", evidence.len())));
    }
    match labels.iter().find(|label| evidence.n_classes() <= **label) {
        Some(label) => Err(OutOfRange::new("label", label, format!("below {}", evidence.n_classes()))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tensor};
    use ebm_model::{Gaussian, GaussianMixture};
    use ebm_ops::Noise;

    const WEIGHTS: [f64; 3] = [0.5, 0.3, 0.2];

    fn mixture() -> GaussianMixture {
        let parts = [[-1.0, 0.0], [1.0, 0.5], [0.0, 1.5]];
        let parts = parts.map(|mean| Gaussian::isotropic(mean.to_vec(), 0.3).unwrap());
        GaussianMixture::new(WEIGHTS.to_vec(), parts.to_vec()).unwrap()
    }

    /// `n` rows with labels of these frequencies.
    fn labelled(n: usize, seed: u64) -> (Tensor<2>, Vec<usize>) {
        let (mixture, noise) = (mixture(), Noise::seeded(seed));
        let draws = |k: usize| {
            let count = (WEIGHTS[k] * n as f64).round() as usize;
            let rows = mixture.components()[k].sample(count, &mut noise.child(k as u64), &Device::flex());
            (rows, vec![k; count])
        };
        let (rows, labels): (Vec<_>, Vec<_>) = (0..3).map(draws).unzip();
        (Tensor::cat(rows, 0), labels.concat())
    }

    fn evidence(x: &Tensor<2>, levels: &[f64], seed: u64) -> Evidence {
        Evidence::of_energies(&mixture(), x, levels, &mut Noise::seeded(seed)).unwrap()
    }

    #[test]
    fn exact_energies_of_one_level_give_the_posterior_whatever_their_constants() {
        let (n, level) = (6000, 0.5);
        let (x, labels) = labelled(n, 11);
        let exact = evidence(&x, &[level], 12);
        // a constant of each class, and another scale: what training leaves open
        let shifts = [0.0, 40.0, -7.0];
        let shifted = (0..n).flat_map(|row| exact.at(row, 0).iter().zip(shifts).map(|(e, c)| 0.1 * e + c));
        let shifted = Evidence::new(shifted.collect(), 1, 3).unwrap();
        let [fitted, of_shifted] =
            [&exact, &shifted].map(|evidence| CalibratedClasses::fit(evidence, &labels).unwrap());
        assert!((fitted.weights()[0] - 1.0).abs() < 0.1, "{fitted:?}");
        for (class, weight) in WEIGHTS.iter().enumerate() {
            let constant = fitted.constants()[class] - fitted.constants()[0];
            let expected = (weight / WEIGHTS[0]).ln();
            assert!((constant - expected).abs() < 0.2, "class {class}: {constant} against {expected}");
            let mean = |fitted: &CalibratedClasses, evidence: &Evidence| {
                (0..n).map(|row| fitted.probabilities(evidence, row)[class]).sum::<f64>() / n as f64
            };
            for mean in [mean(&fitted, &exact), mean(&of_shifted, &shifted)] {
                assert!((mean - weight).abs() < 1e-3, "class {class}: mean probability {mean}");
            }
        }
        for row in [0, 3000, n - 1] {
            let [p, q] = [fitted.probabilities(&exact, row), of_shifted.probabilities(&shifted, row)];
            assert!(p.iter().zip(&q).all(|(p, q)| (p - q).abs() < 0.01), "{p:?} against {q:?}");
        }
    }

    #[test]
    fn several_levels_are_as_good_as_the_best_of_them_and_held_out_rows_are_classified_as_bayes_would() {
        let ((x, labels), (fresh, truth)) = (labelled(3000, 13), labelled(3000, 14));
        let levels = [0.05, 0.5, 2.0];
        let fitted = CalibratedClasses::fit(&evidence(&x, &levels, 15), &labels).unwrap();
        let found = fitted.accuracy(&evidence(&fresh, &levels, 16), &truth).unwrap();
        // Bayes' rule on the rows themselves
        let exact = evidence(&fresh, &[1e-6], 17);
        let bayes = CalibratedClasses { weights: vec![1.0], constants: WEIGHTS.map(f64::ln).to_vec() };
        let best = bayes.accuracy(&exact, &truth).unwrap();
        assert!(best.value - found.value < 5.0 * best.standard_error, "{found:?} against {best:?}");
        let coarse = CalibratedClasses::fit(&evidence(&x, &levels[2..], 15), &labels).unwrap();
        let coarse = coarse.accuracy(&evidence(&fresh, &levels[2..], 16), &truth).unwrap();
        assert!(coarse.value + 5.0 * coarse.standard_error < found.value, "{coarse:?} against {found:?}");
    }

    #[test]
    fn classes_without_overlap_are_fitted_and_labels_are_checked() {
        let values: Vec<f64> =
            (0..20).flat_map(|row| if row < 10 { [9.0, 0.0] } else { [0.0, 9.0] }).collect();
        let evidence = Evidence::new(values, 1, 2).unwrap();
        let labels: Vec<usize> = (0..20).map(|row| usize::from(10 <= row)).collect();
        let fitted = CalibratedClasses::fit(&evidence, &labels).unwrap();
        assert_eq!(fitted.accuracy(&evidence, &labels).unwrap().value, 1.0);
        assert!(fitted.weights()[0].is_finite());
        let error = CalibratedClasses::fit(&evidence, &labels[1..]).unwrap_err().to_string();
        assert!(error.starts_with("labels: expected 20, one for each row, found 19"), "{error}");
        assert!(CalibratedClasses::fit(&evidence, &[2; 20]).is_err());
    }
}
