//! Objectives of networks that are conditioned on classes.

use burn::tensor::{Int, Tensor};
use ebm_model::{Capabilities, NoisyDirectionalScore, RowLabels};
use ebm_ops::{Noise, OutOfRange};

use crate::objectives::of_augmentations::given;
use crate::{Batch, Memory, Objective, Outcome, TrainError};

/// The share of labels left out unless said otherwise, as in Ho and Salimans (2022), §4.
pub const LABEL_DROPOUT: f64 = 0.1;

/// An objective for the score at every noise level, given the label of each row.
///
/// Where the rows of a batch have augmentations, a network is given these as well.
///
/// A share of the labels is left out, so that the network learns the score of no class as well, which guidance needs.
/// Which ones is a function of the noise of the step.
///
/// # Reference
/// Ho and Salimans (2022), *Classifier-free diffusion guidance*, algorithm 1.
#[derive(Clone, Debug)]
pub struct OfClasses<O> {
    objective: O,
    label_dropout: f64,
}

impl<O> OfClasses<O> {
    /// `objective` with labels, of which the share `label_dropout` is left out.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] unless `0 ≤ label_dropout < 1`.
    pub fn new(objective: O, label_dropout: f64) -> Result<Self, TrainError> {
        if !(0.0..1.0).contains(&label_dropout) {
            return Err(OutOfRange::new("label_dropout", label_dropout, "at least 0 and below 1").into());
        }
        Ok(Self { objective, label_dropout })
    }

    /// `labels`, `[batch]`, with a share of them replaced by `n_classes`, which is no class.
    fn dropped(&self, labels: Tensor<1, Int>, n_classes: usize, noise: &mut Noise) -> Tensor<1, Int> {
        if self.label_dropout == 0.0 {
            return labels;
        }
        let dropped = noise.uniform(labels.dims(), &labels.device()).lower_elem(self.label_dropout);
        labels.mask_fill(dropped, n_classes as i64)
    }
}

impl<N, O> Objective<N> for OfClasses<O>
where
    N: Capabilities + ?Sized,
    O: for<'a> Objective<dyn NoisyDirectionalScore + 'a>,
{
    /// # Panics
    /// If the network has no classes, or the batch no labels; if the batch has augmentations, of which the network is not
    /// given any.
    fn loss(&self, network: &N, batch: &Batch, memory: Memory, noise: &mut Noise) -> Outcome {
        let of_classes = network.as_class_conditional().expect("the network is conditioned on classes");
        let labels = batch.labels.clone().expect("a network of classes is trained on rows with labels");
        let class = self.dropped(labels, of_classes.n_classes(), noise);
        let score = match batch.augmentations.clone() {
            None => of_classes.score_of(class),
            augmentations => given(network, RowLabels { class: Some(class), augmentations }),
        };
        self.objective.loss(&*score, batch, memory, noise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DenoisingScoreMatching, NoiseLaw, Weighting};
    use burn::tensor::Device;
    use ebm_model::{ClassConditional, Gaussian, GaussianMixture, Given, NoisyDirectional, NoisyScore};

    const N: usize = 50_000;

    fn objective(label_dropout: f64) -> OfClasses<DenoisingScoreMatching> {
        let law = NoiseLaw::LogNormal { mean: 0.7f64.ln(), deviation: 0.0 };
        let denoising = DenoisingScoreMatching::new(law, Weighting::Power { power: 2.0 }).unwrap();
        OfClasses::new(denoising, label_dropout).unwrap()
    }

    #[test]
    fn the_share_of_labels_left_out_is_as_said_and_a_function_of_the_noise() {
        let labels = Tensor::<1, Int>::from_data(vec![2i64; N].as_slice(), &Device::flex());
        let dropped = |share, seed| -> Vec<i64> {
            let found = objective(share).dropped(labels.clone(), 5, &mut Noise::seeded(seed));
            found.into_data().iter::<i64>().collect()
        };
        let found = dropped(0.1, 1);
        assert!(found.iter().all(|class| [2, 5].contains(class)));
        let share = found.iter().filter(|class| **class == 5).count() as f64 / N as f64;
        let standard_error = (0.1f64 * 0.9 / N as f64).sqrt();
        assert!((share - 0.1).abs() < 5.0 * standard_error, "{share}");
        assert_eq!(found, dropped(0.1, 1));
        assert_ne!(found, dropped(0.1, 2));
        assert_eq!(dropped(0.0, 1), vec![2; N]);
        for wrong in [-0.1, 1.0, f64::NAN] {
            let error = OfClasses::new((), wrong).unwrap_err().to_string();
            assert!(error.starts_with("label_dropout: expected at least 0 and below 1"), "{error}");
        }
    }

    /// A mixture as a network whose classes are its components.
    struct Exact(GaussianMixture);

    impl Capabilities for Exact {
        fn as_class_conditional(&self) -> Option<&dyn ClassConditional> {
            Some(&self.0)
        }
    }

    /// The score of the whole mixture for every class.
    struct Deaf(GaussianMixture);

    impl ClassConditional for Deaf {
        fn n_classes(&self) -> usize {
            2
        }

        fn score_of<'a>(&'a self, _: Tensor<1, Int>) -> Box<dyn NoisyDirectionalScore + 'a> {
            Box::new(&self.0)
        }
    }

    impl Capabilities for Deaf {
        fn as_class_conditional(&self) -> Option<&dyn ClassConditional> {
            Some(self)
        }
    }

    /// Two far components of variance v: the loss of the exact score of each class is v/(v + σ²).
    #[test]
    fn a_row_is_learned_with_its_own_label() {
        const V: f64 = 0.49;
        let parts: Vec<Gaussian> = [-1.0, 1.0].map(|mean| Gaussian::isotropic(vec![mean], V).unwrap()).into();
        let mixture = GaussianMixture::new(vec![1.0, 1.0], parts.clone()).unwrap();
        let draw = |k: usize| parts[k].sample(N, &mut Noise::seeded(3 + k as u64), &Device::flex());
        let rows = Tensor::cat(vec![draw(0), draw(1)], 0);
        let labels: Vec<i64> = (0..2 * N).map(|row| i64::from(N <= row)).collect();
        let batch = |labels: &[i64]| Batch {
            rows: rows.clone(),
            labels: Some(Tensor::from_data(labels, &Device::flex())),
            augmentations: None,
        };
        let loss = |network: &dyn Capabilities, labels: &[i64], dropout| {
            let outcome =
                objective(dropout).loss(network, &batch(labels), Memory::new(), &mut Noise::seeded(5));
            outcome.loss.into_scalar::<f64>()
        };
        let exact = V / (V + 0.49);
        let standard_error = exact * (2.0 / (2 * N) as f64).sqrt();
        let found = loss(&Exact(mixture.clone()), &labels, 0.0);
        assert!((found - exact).abs() < 5.0 * standard_error, "{found} against {exact}");
        let swapped: Vec<i64> = labels.iter().map(|label| 1 - label).collect();
        let margin = 10.0 * standard_error;
        assert!(found + margin < loss(&Exact(mixture.clone()), &swapped, 0.0), "labels are not used");
        // some rows are learned without a label, whose least loss is larger
        assert!(found + margin < loss(&Exact(mixture.clone()), &labels, 0.5), "no label was left out");
        assert!(found + margin < loss(&Deaf(mixture), &labels, 0.0), "classes do not differ");
    }

    #[test]
    fn a_class_given_is_the_score_that_is_trained() {
        let parts = vec![Gaussian::standard(2), Gaussian::isotropic(vec![1.0, 2.0], 0.3).unwrap()];
        let mixture = GaussianMixture::new(vec![1.0, 2.0], parts).unwrap();
        let x = Noise::seeded(6).normal([4, 2], &Device::flex());
        let sigma = Tensor::full([4], 0.5, &Device::flex());
        let class = Tensor::<1, Int>::from_data([1i64; 4], &Device::flex());
        let given = Given::class(&mixture, 1).unwrap();
        let found = mixture.score_of(class).score_at(x.clone(), sigma.clone());
        assert_eq!(found.into_data(), given.score_at(x.clone(), sigma.clone()).into_data());
        assert_eq!(given.along_at(x.clone(), x, sigma).slope.dims(), [4]);
    }
}
