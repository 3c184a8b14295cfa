//! How the sampler inside an objective did.

use burn::tensor::{DType, Tensor};
use serde::Serialize;

/// Numbers of a report.
pub(crate) const PARTS: usize = 7;
/// The one of them that is not a mean: the age of the oldest chain.
pub(crate) const OLDEST: usize = 5;

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

    /// The report of a shard with the weight of its rows in every mean.
    pub(crate) fn weighted(self, weight: f64) -> Self {
        let of = |mean: Tensor<1>| mean * weight;
        let chains = self.chains.map(|ChainAges { mean, oldest, restarts }| ChainAges {
            mean: of(mean),
            oldest,
            restarts: of(restarts),
        });
        Self {
            data_energy: of(self.data_energy),
            negative_energy: of(self.negative_energy),
            score_norm: self.score_norm.map(of),
            acceptance: self.acceptance.map(of),
            chains,
            ..self
        }
    }

    /// The sum of two weighted reports; of the oldest chains the older one.
    pub(crate) fn plus(self, next: Self) -> Self {
        let sum = |a: Option<Tensor<1>>, b: Option<Tensor<1>>| match (a, b) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        let chains = match (self.chains, next.chains) {
            (Some(a), Some(b)) => Some(ChainAges {
                mean: a.mean + b.mean,
                oldest: a.oldest.max_pair(b.oldest),
                restarts: a.restarts + b.restarts,
            }),
            (a, b) => a.or(b),
        };
        Self {
            data_energy: self.data_energy + next.data_energy,
            negative_energy: self.negative_energy + next.negative_energy,
            score_norm: sum(self.score_norm, next.score_norm),
            acceptance: sum(self.acceptance, next.acceptance),
            chains,
            ..self
        }
    }

    /// Its numbers, in the order of [`ContrastReading`] without the gap.
    pub(crate) fn parts(&self) -> [Option<&Tensor<1>>; PARTS] {
        let chains = self.chains.as_ref();
        [
            Some(&self.data_energy),
            Some(&self.negative_energy),
            self.score_norm.as_ref(),
            self.acceptance.as_ref(),
            chains.map(|chains| &chains.mean),
            chains.map(|chains| &chains.oldest),
            chains.map(|chains| &chains.restarts),
        ]
    }

    /// A report with these [`parts`](Self::parts) and the bounds of this one.
    pub(crate) fn with_parts(self, parts: [Option<Tensor<1>>; PARTS]) -> Self {
        let [data, negative, score_norm, acceptance, mean, oldest, restarts] = parts;
        let chains = match (mean, oldest, restarts) {
            (Some(mean), Some(oldest), Some(restarts)) => Some(ChainAges { mean, oldest, restarts }),
            _ => None,
        };
        Self {
            data_energy: data.unwrap_or(self.data_energy),
            negative_energy: negative.unwrap_or(self.negative_energy),
            score_norm,
            acceptance,
            chains,
            ..self
        }
    }

    /// Reads everything in one transfer; waits for the device.
    pub fn read(&self) -> ContrastReading {
        let parts = self.parts();
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
