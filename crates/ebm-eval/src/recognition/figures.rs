//! Whether a classifier recognises samples, and how their classes are distributed.

use burn::tensor::{Tensor, activation};

use super::feature_network::FeatureNetwork;
use crate::host::Rows;
use crate::{Estimate, EvalError, Figure, Protocol, Standing};

/// The probability from which a class is recognised with confidence.
const CONFIDENT: f64 = 0.9;

/// Standard errors within which two estimates agree.
const AGREE: f64 = 2.5;

/// What a classifier says of a set of images.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognition {
    /// The probability of the most probable class of each image.
    pub confidences: Vec<f64>,
    /// How many images are most probably of each class.
    pub counts: Vec<usize>,
}

/// What `network`, a classifier, says of images in [−1, 1], `[n, dim]`.
///
/// # Errors
/// [`EvalError::OutOfRange`] without images, [`EvalError::NotFinite`].
pub fn recognition(network: &FeatureNetwork, x: &Tensor<2>) -> Result<Recognition, EvalError> {
    let logits = network.in_parts(x, network.config().layers.len());
    let rows = Rows::read(activation::softmax(logits, 1), "images", 1)?;
    let mut counts = vec![0; rows.dim()];
    let mut confidences = Vec::with_capacity(rows.len());
    for row in rows.iter() {
        let best = row.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        let (class, confidence) = best.expect("there is a class");
        counts[class] += 1;
        confidences.push(confidence);
    }
    Ok(Recognition { confidences, counts })
}

/// The most probable class of each image by `network`, a classifier; images in [−1, 1], `[n, dim]`.
///
/// # Errors
/// As [`recognition`].
pub fn recognized(network: &FeatureNetwork, x: &Tensor<2>) -> Result<Vec<usize>, EvalError> {
    let rows = Rows::read(network.in_parts(x, network.config().layers.len()), "images", 1)?;
    let best = |row: &[f64]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
    Ok(rows.iter().map(|row| best(row).expect("there is a class")).collect())
}

impl Recognition {
    /// The share of images that are recognised with a probability of at least 0.9, with its standard error.
    pub fn confident_share(&self) -> Estimate {
        let n = self.confidences.len() as f64;
        let value = self.confidences.iter().filter(|confidence| CONFIDENT <= **confidence).count() as f64 / n;
        // One image more of either kind, so that an error is never zero.
        let smoothed = (value * n + 1.0) / (n + 2.0);
        Estimate { value, standard_error: (smoothed * (1.0 - smoothed) / n).sqrt() }
    }

    /// The mean probability of the most probable class, with its standard error, which is NaN for one image.
    pub fn mean_confidence(&self) -> Estimate {
        Estimate::mean(&self.confidences)
    }

    /// The entropy of the histogram of classes in nats, −Σ p ln p, with its standard error by the delta method.
    ///
    /// It is ln(number of classes) if they are equally frequent, and 0 if there is one.
    pub fn class_entropy(&self) -> Estimate {
        let n = self.confidences.len() as f64;
        let shares = || self.counts.iter().filter(|count| 0 < **count).map(|count| *count as f64 / n);
        let value = -shares().map(|p| p * p.ln()).sum::<f64>();
        let square: f64 = shares().map(|p| p * p.ln() * p.ln()).sum();
        // Where all classes are equally frequent the slope is zero, and χ²/(2n) of the histogram remains.
        let rest = (self.counts.len() - 1) as f64 / (2.0 * n * n);
        Estimate { value, standard_error: ((square - value * value).max(0.0) / n + rest).sqrt() }
    }

    /// The figures `classifier_confident_share`, `classifier_mean_confidence` and `class_entropy_nats` of samples, each
    /// with that of `data` as its floor.
    pub fn figures(&self, data: &Self, protocol: &Protocol) -> Vec<Figure> {
        let protocol = Protocol { n: self.confidences.len(), ..protocol.clone() }
            .with("classes", format!("{:?}", self.counts))
            .with("classes_of_data", format!("{:?}", data.counts));
        let figure = |name: &str, of: fn(&Self) -> Estimate, unit: &str, less: &str, more: &str| {
            let (found, floor) = (of(self), of(data));
            let errors = (found.value - floor.value) / found.standard_error.hypot(floor.standard_error);
            let (standing, verdict) = match errors {
                errors if errors.abs() <= AGREE => (Standing::AtFloor, "as the data".to_owned()),
                errors if errors < 0.0 => {
                    (Standing::AboveFloor, format!("{:.0} errors below the data: {less}", -errors))
                }
                errors => (Standing::AboveFloor, format!("{errors:.0} errors above the data: {more}")),
            };
            let figure =
                Figure::estimate(name, found, protocol.clone()).judged(floor.value, floor.standard_error);
            figure.with_verdict(standing, verdict).in_unit(unit)
        };
        vec![
            figure(
                "classifier_confident_share",
                Self::confident_share,
                "share of images with a probability of at least 0.9",
                "many are not recognised",
                "clearer than the data",
            ),
            figure(
                "classifier_mean_confidence",
                Self::mean_confidence,
                "mean probability of the most probable class",
                "many are not recognised",
                "clearer than the data",
            ),
            figure(
                "class_entropy_nats",
                Self::class_entropy,
                "nats",
                "some classes are rare",
                "the classes are more even than in the data",
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(confidences: Vec<f64>, counts: Vec<usize>) -> Recognition {
        Recognition { confidences, counts }
    }

    #[test]
    fn equal_classes_have_the_largest_entropy_and_one_class_none() {
        let even = of(vec![0.95; 100], vec![25; 4]);
        assert!((even.class_entropy().value - 4f64.ln()).abs() < 1e-12);
        assert_eq!(even.confident_share().value, 1.0);
        assert!((even.mean_confidence().value - 0.95).abs() < 1e-12);
        assert_eq!(of(vec![1.0; 100], vec![0, 100]).class_entropy().value, 0.0);
    }

    #[test]
    fn samples_that_are_not_recognised_or_miss_a_class_are_named() {
        let data = of(vec![0.99; 1000], vec![250; 4]);
        let blurred = of([vec![0.99; 700], vec![0.5; 300]].concat(), vec![450, 450, 50, 50]);
        let figures = blurred.figures(&data, &Protocol::of(1000));
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["classifier_confident_share", "classifier_mean_confidence", "class_entropy_nats"]);
        assert!(figures.iter().all(|figure| figure.standing == Some(Standing::AboveFloor)), "{figures:?}");
        assert!(figures[2].verdict.as_ref().unwrap().ends_with("some classes are rare"));
        assert_eq!(figures[0].floor, Some(1.0));
        for figure in data.figures(&data, &Protocol::of(1000)) {
            assert_eq!(figure.standing, Some(Standing::AtFloor), "{figure:?}");
        }
    }
}
