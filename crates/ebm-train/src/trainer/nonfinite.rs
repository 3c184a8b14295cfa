//! Non-finite values and where they first appeared.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use ebm_model::weights::{self, NamedTensors};
use serde::{Deserialize, Serialize};

use crate::{ContrastReport, Divergence};

/// The square root of the largest 32-bit number: a larger weight has no finite square, and a network of two layers no
/// finite value.
const BOUND: f64 = 1.8446743e19;

/// What to do with a step whose loss or gradient is not finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnNonfinite {
    /// End the run.
    #[default]
    Stop,
    /// Skip the step: no weight, moment or average changes, and the objective's memory is that from before the step.
    /// The step is counted, its noise is consumed, and its batch is not repeated, so that the run remains a function
    /// of its settings and its seed.
    ///
    /// Checking every step makes a GPU wait, and undoing a step requires a copy of the replay buffer.
    Skip,
}

/// The results of one step, before any of them is kept.
pub(crate) struct Attempt<'a, M> {
    pub data: &'a Tensor<2>,
    pub model: &'a M,
    pub report: Option<&'a ContrastReport>,
    pub loss: &'a Tensor<1>,
    pub gradients: &'a BTreeMap<String, Tensor<1>>,
    pub square_norm: &'a Tensor<1>,
    /// The factor of Adam's direction: the learning rate over the bias correction.
    pub step_size: f64,
    pub rate: f64,
}

impl<M: Module> Attempt<'_, M> {
    /// What is wrong with the step, if anything: two numbers are read, and if one is not finite, all the others.
    pub fn wrong(&self) -> Option<Divergence> {
        if !(self.step_size as f32).is_finite() {
            return Some(Divergence::LearningRate { rate: self.rate });
        }
        let norm = self.square_norm.clone().cast(self.loss.dtype());
        let both = Tensor::cat(vec![self.loss.clone().inner(), norm], 0).into_data();
        if both.iter::<f64>().all(f64::is_finite) { None } else { Some(self.first_place()) }
    }

    /// The first value that is not finite, in the order of computation.
    fn first_place(&self) -> Divergence {
        self.batch()
            .or_else(|| unsound(&weights::collect(&self.model.valid()), self.rate))
            .or_else(|| self.chains())
            .or_else(|| self.lost())
            .unwrap_or_else(|| self.gradient())
    }

    fn batch(&self) -> Option<Divergence> {
        let columns = self.data.dims()[1];
        let data = self.data.clone().into_data();
        let (at, value) = data.iter::<f64>().enumerate().find(|(_, value)| !value.is_finite())?;
        Some(Divergence::Batch { row: at / columns, column: at % columns, value })
    }

    fn chains(&self) -> Option<Divergence> {
        let report = self.report?.read();
        let lost = report.data_energy.is_finite() && !report.negative_energy.is_finite();
        lost.then_some(Divergence::Chains { energy: report.negative_energy })
    }

    fn lost(&self) -> Option<Divergence> {
        let loss = self.loss.clone().into_scalar::<f64>();
        (!loss.is_finite()).then_some(Divergence::Loss { loss })
    }

    /// The first parameter whose gradient is not finite; otherwise the one with the largest.
    fn gradient(&self) -> Divergence {
        let greatest =
            self.gradients.iter().map(|(name, gradient)| (name, greatest(&gradient.clone().into_data())));
        let worst = greatest.reduce(|worst, next| if size(worst.1) < size(next.1) { next } else { worst });
        let (parameter, value) = worst.expect("a step has a gradient");
        Divergence::Gradient { parameter: parameter.clone(), value }
    }
}

/// The first of these weights that is not finite, or whose square is not; `rate` is the learning rate for the message.
pub(crate) fn unsound(weights: &NamedTensors, rate: f64) -> Option<Divergence> {
    let mut greatest = weights.iter().map(|(name, data)| (name, greatest(data)));
    let (parameter, value) = greatest.find(|(_, value)| BOUND < size(*value))?;
    Some(Divergence::Weight { parameter: parameter.clone(), value, rate })
}

/// The first entry of the largest absolute value; NaN is larger than any number.
fn greatest(data: &TensorData) -> f64 {
    data.iter::<f64>()
        .fold(0.0, |greatest: f64, value| if size(greatest) < size(value) { value } else { greatest })
}

fn size(value: f64) -> f64 {
    if value.is_nan() { f64::INFINITY } else { value.abs() }
}
