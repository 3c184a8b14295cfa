//! What both forms of contrastive divergence share.

use burn::tensor::Tensor;
use ebm_model::{Detach, Energy, Potential};
use ebm_ops::{Noise, OutOfRange};
use ebm_sample::{Kernel, StepReport};
use serde::{Deserialize, Serialize};

use crate::range::{below_one, non_negative};
use crate::{ChainAges, ContrastReport};

/// How negatives are drawn and how they enter the loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContrastSettings {
    /// Steps of the sampler for each gradient, k; at least 1.
    pub sampler_steps: usize,
    /// α, the weight of the mean squared energies in the loss; 0 leaves them out.
    ///
    /// The loss does not change if a constant is added to the energy; the squares keep the energy near zero, and
    /// flatten it a little. Du and Mordatch (2019), §3.3, use 1.
    pub magnitude: f64,
    /// Training has diverged when the mean energies of data and negatives differ by more than this, in nats.
    pub gap_bound: f64,
    /// Training has diverged when the mean acceptance of the chains is below this: their step size has become too
    /// large for the energy. It applies to kernels with a Metropolis test only; 0 turns it off.
    pub acceptance_bound: f64,
}

impl Default for ContrastSettings {
    fn default() -> Self {
        Self { sampler_steps: 20, magnitude: 0.0, gap_bound: 1000.0, acceptance_bound: 0.0 }
    }
}

impl ContrastSettings {
    /// The bounds that the names of both objectives stand for, which are those of MALA.
    pub(crate) fn named() -> Self {
        Self { magnitude: 0.01, acceptance_bound: 0.5, ..Self::default() }
    }

    /// # Errors
    /// [`OutOfRange`] with the field.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        OutOfRange::at_least("sampler_steps", 1, self.sampler_steps)?;
        non_negative("magnitude", self.magnitude)?;
        OutOfRange::positive("gap_bound", self.gap_bound)?;
        below_one("acceptance_bound", self.acceptance_bound)?;
        Ok(())
    }

    /// The negatives after `sampler_steps` steps of `sampler` from `start`, on the model without autodiff.
    pub(crate) fn sample<M, K>(
        &self,
        model: &M,
        sampler: &K,
        start: Tensor<2>,
        noise: &mut Noise,
    ) -> Negatives
    where
        M: Detach + ?Sized,
        K: Kernel<dyn Potential, Info: StepReport>,
    {
        let model = model.detached();
        let mut state = sampler.init(&*model, start);
        let mut last = None;
        for _ in 0..self.sampler_steps {
            let (next, info) = sampler.step(&*model, state, noise);
            (state, last) = (next, Some(info));
        }
        Negatives {
            position: state.position,
            acceptance: last.as_ref().and_then(StepReport::acceptance).cloned(),
            score: last.as_ref().and_then(StepReport::score).cloned(),
        }
    }

    /// mean E(data) − mean E(negatives) + α (mean E(data)² + mean E(negatives)²), `[1]`, and the report.
    pub(crate) fn contrast<M: Energy + ?Sized>(
        &self,
        model: &M,
        data: Tensor<2>,
        negatives: Negatives,
        chains: Option<ChainAges>,
    ) -> (Tensor<1>, ContrastReport) {
        let Negatives { position, acceptance, score } = negatives;
        let (n_data, n_negatives) = (data.dims()[0], position.dims()[0]);
        let energies = model.energy(Tensor::cat(vec![data, position], 0));
        let (data, negative) =
            (energies.clone().narrow(0, 0, n_data), energies.narrow(0, n_data, n_negatives));
        let (data_energy, negative_energy) = (data.clone().mean(), negative.clone().mean());
        let report = ContrastReport {
            data_energy: data_energy.clone().inner(),
            negative_energy: negative_energy.clone().inner(),
            score_norm: score.map(|score| score.square().sum_dim(1).sqrt().mean()),
            acceptance: acceptance.map(Tensor::mean),
            chains,
            gap_bound: self.gap_bound,
            acceptance_bound: self.acceptance_bound,
        };
        let difference = data_energy - negative_energy;
        if self.magnitude == 0.0 {
            return (difference, report);
        }
        let squares = data.square().mean() + negative.square().mean();
        (difference + squares * self.magnitude, report)
    }
}

/// Where the chains end, and what their last step reported.
pub(crate) struct Negatives {
    /// `[chains, dim]`.
    pub position: Tensor<2>,
    acceptance: Option<Tensor<1>>,
    score: Option<Tensor<2>>,
}
