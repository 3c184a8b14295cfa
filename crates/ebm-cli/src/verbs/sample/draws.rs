//! Draws of chains, and what is known of each.

use std::ops::Range;

use anyhow::Result;
use burn::tensor::{Bool, Device, Tensor, TensorData};
use ebm_model::Potential;
use ebm_report::{Samples, Statistic, StatisticValues};
use ebm_run::sampling::host;
use ebm_sample::diagnostics::Steps;
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
    /// What is known of each draw, `[chain, draw]`.
    pub statistics: Vec<Statistic>,
    /// What is known of each chain; nothing of independent draws.
    pub abouts: Vec<About>,
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
        let [n_chains, n_draws, _] = shape;
        let mut steps = self.totals.read();
        // Of draws that are not of consecutive steps the energies say nothing of how one follows from another.
        if !self.total_energy.is_empty() && self.n_steps == n_draws {
            let energies = host(Tensor::cat(self.total_energy, 1))?;
            let chains = energies.chunks_exact(n_draws);
            steps.energies =
                Some(chains.map(|chain| chain.iter().copied().map(f64::from).collect()).collect());
        }
        // Of a pair that was never tried nothing is known.
        let mean =
            |swaps: Option<(f64, Tensor<1>)>| swaps.map_or(f64::NAN, |(_, mean)| mean.into_scalar::<f64>());
        let swaps: Vec<f64> = self.swaps.into_iter().map(mean).collect();
        let about = |chain: usize| About {
            step_size: Some(step_size),
            trajectory: None,
            adapted: false,
            swaps: swaps.clone(),
            test: None,
            steps: Some(of_chain(&steps, chain)),
        };
        let mut abouts: Vec<About> = (0..n_chains).map(about).collect();
        let mut statistics = vec![];
        if !self.acceptance.is_empty() {
            let acceptance = host(Tensor::cat(self.acceptance, 1))?;
            let energy_error = host(Tensor::cat(self.energy_error, 1))?;
            let diverged: Vec<bool> = Tensor::cat(self.diverged, 1).into_data().iter::<bool>().collect();
            for (chain, about) in abouts.iter_mut().enumerate() {
                let draws = chain * n_draws..(chain + 1) * n_draws;
                let n_diverged = steps.diverged.as_ref().map_or(0, |diverged| diverged[chain]);
                about.test = Some(Tested::of(
                    &acceptance[draws.clone()],
                    &energy_error[draws.clone()],
                    &diverged[draws],
                    [n_diverged, self.n_steps],
                ));
            }
            statistics = vec![
                numbers("acceptance_rate", acceptance),
                // Of the proposal of each draw's step: minus the logarithm of its acceptance ratio.
                numbers("energy_error", energy_error),
                Statistic { name: "diverging", values: StatisticValues::Flags(diverged) },
            ];
        }
        Ok(Draws { values: host(positions)?, shape, statistics, abouts })
    }
}

/// The steps of one of the chains.
fn of_chain(steps: &Steps, chain: usize) -> Steps {
    fn one<T: Clone>(of_all: &Option<Vec<T>>, chain: usize) -> Option<Vec<T>> {
        of_all.as_ref().map(|of_all| vec![of_all[chain].clone()])
    }
    Steps {
        n_steps: steps.n_steps,
        acceptance: one(&steps.acceptance, chain),
        diverged: one(&steps.diverged, chain),
        energies: one(&steps.energies, chain),
    }
}

impl Draws {
    /// Draws that are independent of each other.
    pub fn independent(values: Vec<f32>, shape: [usize; 3]) -> Self {
        Self { values, shape, statistics: vec![], abouts: vec![] }
    }

    /// Chains that are as long as each other, those of one group after those of another; there is at least one group.
    pub fn beside(groups: Vec<Self>) -> Self {
        let mut groups = groups.into_iter();
        let mut all = groups.next().unwrap_or_else(|| Self::independent(vec![], [0; 3]));
        for group in groups {
            all.values.extend(group.values);
            all.shape[0] += group.shape[0];
            all.abouts.extend(group.abouts);
            for (statistic, more) in all.statistics.iter_mut().zip(group.statistics) {
                match (&mut statistic.values, more.values) {
                    (StatisticValues::Numbers(all), StatisticValues::Numbers(more)) => all.extend(more),
                    (StatisticValues::Flags(all), StatisticValues::Flags(more)) => all.extend(more),
                    // A kernel reports the same of every chain.
                    _ => {}
                }
            }
        }
        all
    }

    /// Some of the chains.
    pub fn some(self, chains: Range<usize>) -> Self {
        let [n, n_draws, dim] = self.shape;
        if chains == (0..n) {
            return self;
        }
        let draws = chains.start * n_draws..chains.end * n_draws;
        let some = |Statistic { name, values }| {
            let values = match values {
                StatisticValues::Numbers(values) => StatisticValues::Numbers(values[draws.clone()].to_vec()),
                StatisticValues::Flags(values) => StatisticValues::Flags(values[draws.clone()].to_vec()),
            };
            Statistic { name, values }
        };
        Self {
            values: self.values[draws.start * dim..draws.end * dim].to_vec(),
            shape: [chains.len(), n_draws, dim],
            statistics: self.statistics.into_iter().map(some).collect(),
            abouts: self.abouts.get(chains).map(<[About]>::to_vec).unwrap_or_default(),
        }
    }

    /// With −E of each draw, under the name that ArviZ has for it.
    ///
    /// # Errors
    /// If the energies cannot be read back.
    pub fn with_log_density(self, energy: &dyn Potential, device: &Device) -> Result<Self> {
        let dim = self.shape[2];
        let mut log_density = Vec::with_capacity(self.values.len() / dim);
        for points in self.values.chunks(TOGETHER * dim) {
            let batch = TensorData::new(points.to_vec(), [points.len() / dim, dim]);
            log_density.extend(host(energy.energy(Tensor::from_data(batch, device)).neg())?);
        }
        let statistics = [vec![numbers("lp", log_density)], self.statistics].concat();
        Ok(Self { statistics, ..self })
    }

    /// What is known of all chains.
    pub fn about(&self) -> About {
        About::all(&self.abouts)
    }

    /// The draws with what is known of each.
    ///
    /// # Errors
    /// If the shape is not that of the values.
    pub fn samples(self) -> Result<Samples> {
        Ok(Samples::chains(self.values, self.shape)?.with_statistics(self.statistics)?)
    }
}

fn numbers(name: &'static str, values: Vec<f32>) -> Statistic {
    Statistic { name, values: StatisticValues::Numbers(values) }
}
