//! Draws of chains, and what is known of each.

use anyhow::Result;
use burn::tensor::{Bool, Device, Tensor, TensorData};
use ebm_model::Potential;
use ebm_report::{Samples, Statistic, StatisticValues};
use ebm_run::sampling::host;
use ebm_sample::{StepReport, StepTotals};

use crate::verbs::part::{About, Tested};

/// Points whose energy is computed at once.
const TOGETHER: usize = 100_000;

/// Draws `[chain, draw, dim]` with what is known of each.
pub struct Draws {
    /// Chain after chain.
    pub values: Vec<f32>,
    /// Chains, draws of each, coordinates.
    pub shape: [usize; 3],
    /// What the Metropolis test decided of each draw, `[chain, draw]`.
    pub statistics: Vec<Statistic>,
    /// What is known of the chains.
    pub about: About,
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
        let (mut test, mut statistics) = (None, vec![]);
        if !self.acceptance.is_empty() {
            let acceptance = host(Tensor::cat(self.acceptance, 1))?;
            let energy_error = host(Tensor::cat(self.energy_error, 1))?;
            let diverged: Vec<bool> = Tensor::cat(self.diverged, 1).into_data().iter::<bool>().collect();
            let n_diverged = [n_diverged, self.n_steps * shape[0]];
            test = Some(Tested::of(&acceptance, &energy_error, &diverged, n_diverged));
            statistics = vec![
                numbers("acceptance_rate", acceptance),
                // Of the proposal of each draw's step: minus the logarithm of its acceptance ratio.
                numbers("energy_error", energy_error),
                Statistic { name: "diverging", values: StatisticValues::Flags(diverged) },
            ];
        }
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
        let about = About {
            step_size: Some(step_size),
            trajectory: None,
            adapted: false,
            swaps,
            test,
            steps: Some(steps),
        };
        Ok(Draws { values: host(positions)?, shape, statistics, about })
    }
}

impl Draws {
    /// Draws that are independent of each other.
    pub fn independent(values: Vec<f32>, shape: [usize; 3]) -> Self {
        Self { values, shape, statistics: vec![], about: About::default() }
    }

    /// Runs of chains that are as long as each other, one after the other; there is at least one.
    pub fn beside(runs: Vec<Self>) -> Self {
        let abouts: Vec<About> = runs.iter().map(|run| run.about.clone()).collect();
        let mut runs = runs.into_iter();
        let mut all = runs.next().unwrap_or_else(|| Self::independent(vec![], [0; 3]));
        for run in runs {
            all.values.extend(run.values);
            all.shape[0] += run.shape[0];
            for (statistic, more) in all.statistics.iter_mut().zip(run.statistics) {
                match (&mut statistic.values, more.values) {
                    (StatisticValues::Numbers(all), StatisticValues::Numbers(more)) => all.extend(more),
                    (StatisticValues::Flags(all), StatisticValues::Flags(more)) => all.extend(more),
                    // A kernel reports the same of every chain.
                    _ => {}
                }
            }
        }
        Self { about: About::all(&abouts), ..all }
    }

    /// The draws with what is known of each, under the names that ArviZ has for it; `lp` is −E, computed of `together`
    /// points at once, or of [`TOGETHER`].
    ///
    /// # Errors
    /// If the energies cannot be read back.
    pub fn samples(
        &self,
        energy: &dyn Potential,
        together: Option<usize>,
        device: &Device,
    ) -> Result<Samples> {
        let dim = self.shape[2];
        let mut log_density = Vec::with_capacity(self.values.len() / dim);
        for points in self.values.chunks(together.unwrap_or(TOGETHER) * dim) {
            let batch = TensorData::new(points.to_vec(), [points.len() / dim, dim]);
            log_density.extend(host(energy.energy(Tensor::from_data(batch, device)).neg())?);
        }
        let statistics = [vec![numbers("lp", log_density)], self.statistics.clone()].concat();
        Ok(Samples::chains(self.values.clone(), self.shape)?.with_statistics(statistics)?)
    }
}

fn numbers(name: &'static str, values: Vec<f32>) -> Statistic {
    Statistic { name, values: StatisticValues::Numbers(values) }
}
