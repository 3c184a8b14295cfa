//! How the sampler inside an objective did.

use burn::tensor::{DType, Tensor};
use serde::Serialize;

/// Energies and sampler of contrastive divergence in one step; they stay on the device until they are read.
///
/// Each tensor is `[1]` and not tracked by autodiff.
#[derive(Clone, Debug)]
pub struct ContrastReport {
    /// Mean energy of the data, in nats.
    pub data_energy: Tensor<1>,
    /// Mean energy of the negatives.
    pub negative_energy: Tensor<1>,
    /// Mean length of the score that the last step of the chains evaluated, if the kernel reports it.
    pub score_norm: Option<Tensor<1>>,
    /// Mean acceptance of the last step of the chains, if the kernel has a Metropolis test.
    pub acceptance: Option<Tensor<1>>,
    /// Ages of the chains of a replay buffer, if there is one.
    pub chains: Option<ChainAges>,
    /// The training has diverged when the two energies differ by more than this, either way.
    pub gap_bound: f64,
    /// The training has diverged when the acceptance is below this.
    pub acceptance_bound: f64,
}

/// The ages of the chains of a replay buffer, in steps of the sampler.
#[derive(Clone, Debug)]
pub struct ChainAges {
    /// Mean steps since a chain of the buffer restarted.
    pub mean: Tensor<1>,
    /// Steps since the oldest chain restarted.
    pub oldest: Tensor<1>,
    /// Share of the step's chains that restarted in it.
    pub restarts: Tensor<1>,
}

/// A [`ContrastReport`], read to the host.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ContrastReading {
    /// Mean energy of the data, in nats.
    pub data_energy: f64,
    /// Mean energy of the negatives.
    pub negative_energy: f64,
    /// The first minus the second.
    pub energy_gap: f64,
    /// Mean length of the score at the negatives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_norm: Option<f64>,
    /// Mean acceptance of the chains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<f64>,
    /// Mean steps since a chain of the buffer restarted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_age: Option<f64>,
    /// Steps since the oldest chain restarted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<f64>,
    /// Share of the step's chains that restarted in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<f64>,
}

impl ContrastReport {
    /// Mean energy of the data minus that of the negatives, `[1]`: near zero while the model learns, far from zero
    /// once the sampler no longer follows the energy.
    pub fn gap(&self) -> Tensor<1> {
        self.data_energy.clone() - self.negative_energy.clone()
    }

    /// Reads everything in one transfer; waits for the device.
    pub fn read(&self) -> ContrastReading {
        let chains = self.chains.as_ref();
        let parts = [
            Some(&self.data_energy),
            Some(&self.negative_energy),
            self.score_norm.as_ref(),
            self.acceptance.as_ref(),
            chains.map(|chains| &chains.mean),
            chains.map(|chains| &chains.oldest),
            chains.map(|chains| &chains.restarts),
        ];
        let known = parts.iter().flatten().map(|part| (*part).clone().cast(DType::F32)).collect();
        let values: Vec<f64> = Tensor::cat(known, 0).into_data().iter::<f64>().collect();
        let mut values = values.into_iter();
        let [data, negative, score_norm, acceptance, mean_age, oldest, restarts] =
            parts.map(|part| part.and_then(|_| values.next()));
        let (data_energy, negative_energy) = (data.unwrap_or(f64::NAN), negative.unwrap_or(f64::NAN));
        let energy_gap = data_energy - negative_energy;
        ContrastReading {
            data_energy,
            negative_energy,
            energy_gap,
            score_norm,
            acceptance,
            mean_age,
            oldest,
            restarts,
        }
    }
}
