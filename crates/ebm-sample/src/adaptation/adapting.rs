//! A kernel whose step size and mass are being adapted.

use super::numbers::mean;
use super::windows::windows;
use crate::{DualAveraging, Mass, RunningVariance, SampleError, Tunable, WarmUpReport};

/// What changes during a warm-up.
pub(crate) struct Adapting<K> {
    kernel: K,
    target: f64,
    step_size: DualAveraging,
    mass: Mass,
    /// The means of the draws that the mass was set from.
    center: Vec<f64>,
    seen: RunningVariance,
    /// The step from which draws count for the mass, and the steps after which it is set.
    begin: usize,
    ends: Vec<usize>,
    step: usize,
    /// Since the mass was last set.
    acceptances: Vec<f64>,
    n_diverged: usize,
}

impl<K: Tunable> Adapting<K> {
    /// Before the first of `n_steps` steps in `dim` coordinates.
    pub(crate) fn new(kernel: &K, n_steps: usize, target: f64, dim: usize) -> Result<Self, SampleError> {
        let (begin, ends) = windows(n_steps).unwrap_or((n_steps, vec![]));
        Ok(Self {
            kernel: kernel.clone(),
            target,
            step_size: DualAveraging::new(kernel.step_size(), target)?,
            mass: kernel.mass().clone(),
            center: vec![0.0; dim],
            seen: RunningVariance::new(dim),
            begin,
            ends,
            step: 0,
            acceptances: vec![],
            n_diverged: 0,
        })
    }

    /// The kernel to make the next step with.
    pub(crate) fn trial(&self) -> Result<K, SampleError> {
        self.kernel.tuned(self.step_size.step_size(), self.mass.clone())
    }

    /// The mass of the next step.
    pub(crate) fn mass(&self) -> &Mass {
        &self.mass
    }

    /// The means of the draws that the mass was set from, `[dim]`.
    pub(crate) fn center(&self) -> &[f64] {
        &self.center
    }

    /// Whether the positions after the next step count.
    pub(crate) fn is_in_window(&self) -> bool {
        self.begin <= self.step && self.ends.last().is_some_and(|end| self.step < *end)
    }

    /// Takes account of a step: its mean acceptance, how many proposals diverged, and where the chains are
    /// if that counts.
    pub(crate) fn observe<'a>(
        &mut self,
        acceptance: f64,
        n_diverged: usize,
        positions: impl Iterator<Item = &'a [f64]>,
    ) -> Result<(), SampleError> {
        if self.is_in_window() {
            positions.for_each(|row| self.seen.add(row));
        }
        self.step_size.update(acceptance);
        if !acceptance.is_nan() {
            self.acceptances.push(acceptance);
        }
        self.n_diverged += n_diverged;
        self.step += 1;
        if self.ends.contains(&self.step) {
            let dim = self.seen.variances().len();
            let before = self.mass.variances().map_or(vec![1.0; dim], <[f64]>::to_vec);
            self.mass = Mass::from_variances(self.seen.variances_or(&before))?;
            self.center = self.seen.means().to_vec();
            self.seen = RunningVariance::new(dim);
            self.step_size = DualAveraging::new(self.step_size.average(), self.target)?;
            self.acceptances.clear();
        }
        Ok(())
    }

    /// The adapted kernel, and a report.
    pub(crate) fn finish(self, n_chains: usize) -> Result<(K, WarmUpReport), SampleError> {
        let step_size = self.step_size.average();
        let kernel = self.kernel.tuned(step_size, self.mass.clone())?;
        let report = WarmUpReport {
            n_steps: self.step,
            n_chains,
            step_size,
            mass: self.mass,
            target_acceptance: self.target,
            acceptance: mean(&self.acceptances),
            n_diverged: self.n_diverged,
        };
        Ok((kernel, report))
    }
}
