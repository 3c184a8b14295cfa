//! What all of contrastive divergence has in common.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_model::Energy;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::{ChainAges, Health, NegativeSampler, SamplerReport, TrainError};

/// How negatives are drawn, and what is made of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContrastSettings {
    /// Steps of the sampler for each gradient, k.
    pub sampler_steps: usize,
    /// α, the weight of the mean squared energies in the loss.
    ///
    /// The loss does not change if a constant is added to the energy; this keeps it near zero, and flattens
    /// energies a little. Du and Mordatch (2019), §3.3, have 1; 0 leaves it out.
    pub magnitude: f64,
    /// The mean energies of data and negatives are no further apart than this, in nats, unless training has
    /// diverged.
    pub gap_bound: f64,
    /// The mean acceptance of the chains is no lower than this, unless their steps have become too large for the
    /// energy; only for kernels that reject. 0 leaves it unwatched.
    pub acceptance_bound: f64,
}

impl Default for ContrastSettings {
    fn default() -> Self {
        Self { sampler_steps: 20, magnitude: 0.0, gap_bound: 1000.0, acceptance_bound: 0.0 }
    }
}

/// Where the sampler has come to.
pub(crate) struct Negatives {
    pub position: Tensor<2>,
    report: SamplerReport,
}

impl ContrastSettings {
    /// # Errors
    /// [`TrainError::Setting`], naming the field that is out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let Self { sampler_steps: steps, magnitude, gap_bound, acceptance_bound: acceptance } = *self;
        let checks = [
            ("objective.sampler_steps", steps as f64, 0 < steps, "at least 1"),
            ("objective.magnitude", magnitude, (0.0..f64::INFINITY).contains(&magnitude), "zero or more"),
            ("objective.gap_bound", gap_bound, 0.0 < gap_bound && gap_bound.is_finite(), "a positive number"),
            (
                "objective.acceptance_bound",
                acceptance,
                (0.0..1.0).contains(&acceptance),
                "at least 0 and below 1",
            ),
        ];
        match checks.into_iter().find(|(.., fits, _)| !fits) {
            Some((field, value, _, expected)) => {
                Err(TrainError::Setting { field, found: value.to_string(), expected })
            }
            None => Ok(()),
        }
    }

    /// Where `sampler_steps` steps of `sampler` lead from `start`, on the model without autodiff.
    pub(crate) fn sample<M: Module, K: NegativeSampler<M>>(
        &self,
        model: &M,
        sampler: &K,
        start: Tensor<2>,
        noise: &mut Noise,
    ) -> Negatives {
        let plain = model.valid();
        let mut state = sampler.init(&plain, start);
        let mut report = SamplerReport::default();
        for _ in 0..self.sampler_steps {
            let (next, info) = sampler.step(&plain, state, noise);
            report = sampler.report(&next, &info);
            state = next;
        }
        Negatives { position: state.position, report }
    }

    /// mean E(data) − mean E(negatives) + α (mean E(data)² + mean E(negatives)²), `[1]`, and what was seen.
    pub(crate) fn contrast<M: Energy>(
        &self,
        model: &M,
        data: Tensor<2>,
        negatives: Negatives,
        chains: Option<ChainAges>,
    ) -> (Tensor<1>, Health) {
        let Negatives { position, report } = negatives;
        let (n_data, n_negatives) = (data.dims()[0], position.dims()[0]);
        let energies = model.energy(Tensor::cat(vec![data, position], 0));
        let (data, negative) =
            (energies.clone().narrow(0, 0, n_data), energies.narrow(0, n_data, n_negatives));
        let (data_energy, negative_energy) = (data.clone().mean(), negative.clone().mean());
        let health = Health {
            data_energy: data_energy.clone().inner(),
            negative_energy: negative_energy.clone().inner(),
            score_norm: report.score.map(|score| score.square().sum_dim(1).sqrt().mean()),
            acceptance: report.acceptance.map(Tensor::mean),
            chains,
            gap_bound: self.gap_bound,
            acceptance_bound: self.acceptance_bound,
        };
        let difference = data_energy - negative_energy;
        if self.magnitude == 0.0 {
            return (difference, health);
        }
        let squares = data.square().mean() + negative.square().mean();
        (difference + squares * self.magnitude, health)
    }
}
