//! How the sampler inside an objective does.

use burn::tensor::{DType, Tensor};
use serde::Serialize;

/// What contrastive divergence saw in its last loss; it stays on the device until it is read.
///
/// Each tensor is `[1]` and not tracked.
#[derive(Clone, Debug)]
pub struct Health {
    /// Mean energy of the data, in nats.
    pub data_energy: Tensor<1>,
    /// Mean energy of the negatives.
    pub negative_energy: Tensor<1>,
    /// Mean length of the score where the negatives' last step began or ended, if the kernel tells it.
    pub score_norm: Option<Tensor<1>>,
    /// Mean probability with which the last step's proposals were accepted, if the kernel rejects any.
    pub acceptance: Option<Tensor<1>>,
    /// The chains of a replay buffer, if there is one.
    pub chains: Option<ChainAges>,
    /// A difference of the two energies beyond this, either way, is divergence.
    pub gap_bound: f64,
    /// An acceptance below this is divergence too.
    pub acceptance_bound: f64,
}

/// How old the chains of a replay buffer are.
#[derive(Clone, Debug)]
pub struct ChainAges {
    /// Mean steps since a chain of the buffer began anew.
    pub mean: Tensor<1>,
    /// Steps of the oldest one.
    pub oldest: Tensor<1>,
    /// Share of the chains of the last step that began anew with it.
    pub restarts: Tensor<1>,
}

/// A [`Health`] on the host.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HealthReading {
    /// Mean energy of the data, in nats.
    pub data_energy: f64,
    /// Mean energy of the negatives.
    pub negative_energy: f64,
    /// The first less the second.
    pub energy_gap: f64,
    /// Mean length of the score at the negatives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_norm: Option<f64>,
    /// Mean probability of acceptance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<f64>,
    /// Mean steps since a chain of the buffer began anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_age: Option<f64>,
    /// Steps of the oldest chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<f64>,
    /// Share of chains that began anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<f64>,
}

impl Health {
    /// Mean energy of the data less that of the negatives, `[1]`: about zero while the model learns, far
    /// from it once the energy runs away from its sampler.
    pub fn gap(&self) -> Tensor<1> {
        self.data_energy.clone() - self.negative_energy.clone()
    }

    /// All of it, in one transfer; waits for the device.
    pub fn read(&self) -> HealthReading {
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
        HealthReading {
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
