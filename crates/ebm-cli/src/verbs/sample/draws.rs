//! Draws of chains, and what is known of each.

use anyhow::Result;
use burn::tensor::{Bool, Device, Tensor, TensorData};
use ebm_model::Potential;
use ebm_report::{Samples, Statistic, StatisticValues};
use ebm_run::sampling::host;
use ebm_sample::diagnostics::Steps;
use ebm_sample::{StepReport, StepTotals};

/// Points whose energy is computed at once.
const TOGETHER: usize = 100_000;

/// Draws `[chain, draw, dim]` with what is known of each.
pub struct Draws {
    /// Chain after chain.
    pub values: Vec<f32>,
    /// Chains, draws of each, coordinates.
    pub shape: [usize; 3],
    /// Of a kernel whose steps have a size.
    pub step_size: Option<f64>,
    /// Whether the burn-in has set it.
    pub adapted: bool,
    /// Of a kernel with a Metropolis test.
    pub test: Option<Test>,
    /// What all steps after the burn-in reported; `None` of independent draws.
    pub steps: Option<Steps>,
    /// For each pair of neighbouring temperatures, how often they changed places.
    pub swaps: Vec<f64>,
}

/// What the Metropolis test decided.
pub struct Test {
    /// The probability with which the proposal of each draw's step was taken, `[chain, draw]`.
    pub acceptance: Vec<f32>,
    /// Minus the logarithm of its acceptance ratio, `[chain, draw]`; not finite where it diverged.
    pub energy_error: Vec<f32>,
    /// Whether it diverged, `[chain, draw]`.
    pub diverged: Vec<bool>,
    /// Proposals that diverged since the burn-in, of all chains and steps, and of how many.
    pub n_diverged: [usize; 2],
}

/// What is kept of the steps as they go by; it stays on the device until the end.
#[derive(Default)]
pub struct Record {
    positions: Vec<Tensor<3>>,
    acceptance: Vec<Tensor<2>>,
    energy_error: Vec<Tensor<2>>,
    diverged: Vec<Tensor<2, Bool>>,
    total_energy: Vec<Tensor<2>>,
    totals: StepTotals,
    n_steps: usize,
    /// Of each pair, how often it was tried and the mean chance so far.
    swaps: Vec<Option<(f64, Tensor<1>)>>,
}

impl Record {
    /// Takes note of a step, and keeps the draw if it is one.
    pub fn add(&mut self, position: Tensor<2>, report: &dyn StepReport, is_draw: bool) {
        self.n_steps += 1;
        for (pair, chance) in report.swaps() {
            let n = self.swaps.len().max(pair + 1);
            self.swaps.resize(n, None);
            let chance = chance.clone().mean();
            self.swaps[*pair] = Some(match self.swaps[*pair].take() {
                None => (1.0, chance),
                Some((n, mean)) => (n + 1.0, mean.clone() + (chance - mean) / (n + 1.0)),
            });
        }
        self.totals.add(report);
        if !is_draw {
            return;
        }
        self.positions.push(position.unsqueeze_dim(1));
        let test = (report.acceptance(), report.energy_error(), report.diverged());
        if let (Some(acceptance), Some(energy_error), Some(diverged)) = test {
            self.acceptance.push(acceptance.clone().unsqueeze_dim(1));
            self.energy_error.push(energy_error.clone().unsqueeze_dim(1));
            self.diverged.push(diverged.clone().unsqueeze_dim(1));
        }
        if let Some(total_energy) = report.total_energy() {
            self.total_energy.push(total_energy.clone().unsqueeze_dim(1));
        }
    }

    /// The draws, on the host.
    ///
    /// # Errors
    /// If they cannot be read back.
    pub fn finish(self, step_size: f64) -> Result<Draws> {
        let positions = Tensor::cat(self.positions, 1);
        let shape = positions.dims();
        let mut steps = self.totals.read();
        let n_diverged = steps.diverged.iter().flatten().sum();
        let test = if self.acceptance.is_empty() {
            None
        } else {
            Some(Test {
                acceptance: host(Tensor::cat(self.acceptance, 1))?,
                energy_error: host(Tensor::cat(self.energy_error, 1))?,
                diverged: Tensor::cat(self.diverged, 1).into_data().iter::<bool>().collect(),
                n_diverged: [n_diverged, self.n_steps * shape[0]],
            })
        };
        // Of draws that are not of consecutive steps the energies say nothing of how one follows from another.
        if !self.total_energy.is_empty() && self.n_steps == shape[1] {
            let energies = host(Tensor::cat(self.total_energy, 1))?;
            let chains = energies.chunks_exact(shape[1]);
            steps.energies =
                Some(chains.map(|chain| chain.iter().copied().map(f64::from).collect()).collect());
        }
        // Of a pair that was never tried nothing is known.
        let mean =
            |swaps: Option<(f64, Tensor<1>)>| swaps.map_or(f64::NAN, |(_, mean)| mean.into_scalar::<f64>());
        let swaps = self.swaps.into_iter().map(mean).collect();
        let steps = Some(steps);
        Ok(Draws {
            values: host(positions)?,
            shape,
            step_size: Some(step_size),
            adapted: false,
            test,
            steps,
            swaps,
        })
    }
}

impl Draws {
    /// Draws that are independent of each other.
    pub fn independent(values: Vec<f32>, shape: [usize; 3]) -> Self {
        Self { values, shape, step_size: None, adapted: false, test: None, steps: None, swaps: vec![] }
    }

    /// The draws with what is known of each, under the names that ArviZ has for it; `lp` is −E.
    ///
    /// # Errors
    /// If the energies cannot be read back.
    pub fn samples(&self, energy: &dyn Potential, device: &Device) -> Result<Samples> {
        let dim = self.shape[2];
        let mut log_density = Vec::with_capacity(self.values.len() / dim);
        for points in self.values.chunks(TOGETHER * dim) {
            let batch = TensorData::new(points.to_vec(), [points.len() / dim, dim]);
            log_density.extend(host(energy.energy(Tensor::from_data(batch, device)).neg())?);
        }
        let numbers = |name, values| Statistic { name, values: StatisticValues::Numbers(values) };
        let mut statistics = vec![numbers("lp", log_density)];
        if let Some(test) = &self.test {
            statistics.push(numbers("acceptance_rate", test.acceptance.clone()));
            statistics.push(numbers("energy_error", test.energy_error.clone()));
            let diverging = StatisticValues::Flags(test.diverged.clone());
            statistics.push(Statistic { name: "diverging", values: diverging });
        }
        Ok(Samples::chains(self.values.clone(), self.shape)?.with_statistics(statistics)?)
    }
}

impl Test {
    /// The mean acceptance.
    pub fn mean_acceptance(&self) -> f64 {
        self.acceptance.iter().map(|&a| f64::from(a)).sum::<f64>() / self.acceptance.len() as f64
    }

    /// The mean and the largest of the energy errors of proposals that did not diverge.
    pub fn mean_and_largest_error(&self) -> [f64; 2] {
        let errors = self.energy_error.iter().zip(&self.diverged);
        let sound: Vec<f64> =
            errors.filter(|(_, diverged)| !**diverged).map(|(error, _)| f64::from(*error)).collect();
        // NaN, as the mean, if there is none.
        let largest = sound.iter().copied().fold(f64::NAN, f64::max);
        [sound.iter().sum::<f64>() / sound.len() as f64, largest]
    }
}
