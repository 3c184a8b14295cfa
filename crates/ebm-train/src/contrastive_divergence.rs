//! Contrastive divergence.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_model::Energy;
use ebm_ops::Noise;

use crate::{ContrastSettings, Health, NegativeSampler, Objective, TrainError};

/// Contrastive divergence, CD-k: the energy of the data is lowered, that of where k steps of a sampler lead
/// from there is raised.
///
/// mean E(x) − mean E(y) + α (mean E(x)² + mean E(y)²),   y the position after k steps that begin at x.
///
/// `data` is `[batch, dim]`; one tracked pass of the energy on twice the batch, and the k steps of the
/// sampler on the batch, which are not tracked: the gradient does not know that y depends on the parameters.
///
/// The value is no likelihood and need not fall. Biased by the sampler's own error and by k being finite; the
/// first stays however large k is. With [`Langevin`](ebm_sample::Langevin) of step η, data of variance S in
/// one dimension and a Gaussian energy, the learned variance is (S + √(S² − 2Sη))/2 for every k; a sampler
/// that is exact, as MALA, gives S.
///
/// # Reference
/// Hinton (2002), *Training products of experts by minimizing contrastive divergence*, §3; the squares are
/// Du and Mordatch's (2019), §3.3.
#[derive(Clone, Debug)]
pub struct ContrastiveDivergence<K> {
    sampler: K,
    settings: ContrastSettings,
    health: Option<Health>,
}

impl<K> ContrastiveDivergence<K> {
    /// The objective with negatives from `sampler`.
    ///
    /// # Errors
    /// Those of [`ContrastSettings::validate`].
    pub fn new(sampler: K, settings: ContrastSettings) -> Result<Self, TrainError> {
        settings.validate()?;
        Ok(Self { sampler, settings, health: None })
    }
}

impl<M: Module + Energy, K: NegativeSampler<M>> Objective<M> for ContrastiveDivergence<K> {
    fn loss(&mut self, model: &M, data: Tensor<2>, noise: &mut Noise) -> Tensor<1> {
        let negatives = self.settings.sample(model, &self.sampler, data.clone(), noise);
        let (loss, health) = self.settings.contrast(model, data, negatives, None);
        self.health = Some(health);
        loss
    }

    fn health(&self) -> Option<&Health> {
        self.health.as_ref()
    }
}
