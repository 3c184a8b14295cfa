//! Objectives of networks that are given what was done to the rows of a batch.

use ebm_model::{Capabilities, NoisyDirectionalScore, RowLabels};
use ebm_ops::Noise;

use crate::{Batch, Memory, Objective, Outcome};

/// An objective for the score at every noise level of augmented data, given what was done to each row.
///
/// Rows without [`Batch::augmentations`] are rows to which nothing was done, whose score is the one that is sampled.
///
/// # Reference
/// Karras, Aittala, Aila and Laine (2022), *Elucidating the design space of diffusion-based generative models*, §F.2.
#[derive(Clone, Debug)]
pub struct OfAugmentations<O> {
    objective: O,
}

impl<O> OfAugmentations<O> {
    /// `objective` with what was done to each row.
    pub fn new(objective: O) -> Self {
        Self { objective }
    }
}

/// The score that `network` gives for rows with these labels.
///
/// # Panics
/// If it is not given augmentations.
pub(super) fn given<N: Capabilities + ?Sized>(
    network: &N,
    labels: RowLabels,
) -> Box<dyn NoisyDirectionalScore + '_> {
    let network = network.as_augmentation_conditional();
    network.expect("the network is given the augmentations of the data").score_given(labels)
}

impl<N, O> Objective<N> for OfAugmentations<O>
where
    N: Capabilities + ?Sized,
    O: for<'a> Objective<dyn NoisyDirectionalScore + 'a>,
{
    /// # Panics
    /// If the network is not given augmentations.
    fn loss(&self, network: &N, batch: &Batch, memory: Memory, noise: &mut Noise) -> Outcome {
        let labels = RowLabels { class: None, augmentations: batch.augmentations.clone() };
        let score = given(network, labels);
        self.objective.loss(&*score, batch, memory, noise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DenoisingScoreMatching, NoiseLaw, Weighting};
    use burn::tensor::{Device, Tensor};
    use ebm_model::{Along, AugmentationConditional, Gaussian, NoisyDirectional, NoisyScore};

    const V: f64 = 0.09;
    const N: usize = 50_000;

    /// The exact score of N(0, V), to whose rows the one parameter of their augmentation was added.
    struct Exact(Gaussian);

    struct Moved<'a> {
        gaussian: &'a Gaussian,
        by: Option<Tensor<2>>,
    }

    impl Moved<'_> {
        fn back(&self, x: Tensor<2>) -> Tensor<2> {
            match &self.by {
                Some(by) => x - by.clone(),
                None => x,
            }
        }
    }

    impl NoisyScore for Moved<'_> {
        fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
            self.gaussian.score_at(self.back(x), sigma)
        }
    }

    impl NoisyDirectional for Moved<'_> {
        fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
            self.gaussian.along_at(self.back(x), v, sigma)
        }
    }

    impl AugmentationConditional for Exact {
        fn n_augmentations(&self) -> usize {
            1
        }

        fn score_given<'a>(&'a self, labels: RowLabels) -> Box<dyn NoisyDirectionalScore + 'a> {
            Box::new(Moved { gaussian: &self.0, by: labels.augmentations })
        }
    }

    impl Capabilities for Exact {
        fn as_augmentation_conditional(&self) -> Option<&dyn AugmentationConditional> {
            Some(self)
        }
    }

    /// At one level σ the least loss is V/(V + σ²) if what was done is known, and is larger if it is not: the best score is
    /// then that of the augmented data, whose samples are augmented.
    #[test]
    fn data_are_learned_without_their_augmentations_if_these_are_given() {
        let network = Exact(Gaussian::isotropic(vec![0.0], V).unwrap());
        let by = Noise::seeded(1).normal([N, 1], &Device::flex());
        let plain = network.0.sample(N, &mut Noise::seeded(2), &Device::flex());
        let law = NoiseLaw::LogNormal { mean: 0.3f64.ln(), deviation: 0.0 };
        let denoising = DenoisingScoreMatching::new(law, Weighting::Power { power: 2.0 }).unwrap();
        let loss = |rows: Tensor<2>, augmentations: Option<Tensor<2>>| {
            let batch = Batch { augmentations, ..Batch::from(rows) };
            let objective = OfAugmentations::new(denoising.clone());
            objective.loss(&network, &batch, Memory::new(), &mut Noise::seeded(3)).loss.into_scalar::<f64>()
        };
        let exact = V / (V + 0.09);
        let standard_error = exact * (2.0 / N as f64).sqrt();
        let near =
            |found: f64| assert!((found - exact).abs() < 5.0 * standard_error, "{found} against {exact}");
        near(loss(plain.clone() + by.clone(), Some(by.clone())));
        near(loss(plain.clone(), None));
        near(loss(plain.clone(), Some(by.zeros_like())));
        let margin = 10.0 * standard_error;
        assert!(exact + margin < loss(plain.clone() + by.clone(), None), "augmentations are not seen");
        assert!(exact + margin < loss(plain, Some(by)), "what was not done is seen");
    }
}
