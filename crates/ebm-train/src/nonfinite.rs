//! Numbers that are none, and where they came from.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use ebm_model::weights::{self, NamedTensors};
use serde::{Deserialize, Serialize};

use crate::{Divergence, Health};

/// The root of the greatest number of 32 bits: beyond it a weight has no finite square, and a network of two
/// layers no finite value.
const BOUND: f64 = 1.8446743e19;

/// What is done with a step whose loss or gradient is not finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnNonfinite {
    /// The run ends.
    #[default]
    Stop,
    /// The step is left out: no weight, moment or average changes, and an objective's chains go back to where
    /// they were. The step counts, its noise is used up, and its batch does not come again, so that the run
    /// stays a function of its settings and its seed.
    ///
    /// Needs to know at every step, which a GPU has to be waited for, and keeps a copy of a replay buffer.
    Skip,
}

/// What one step has come to, before anything of it is kept.
pub(crate) struct Attempt<'a, M> {
    pub data: &'a Tensor<2>,
    pub model: &'a M,
    pub health: Option<&'a Health>,
    pub loss: &'a Tensor<1>,
    pub gradients: &'a BTreeMap<String, Tensor<1>>,
    pub square_norm: &'a Tensor<1>,
    /// What the direction of Adam is multiplied by, beside the learning rate of which it was made.
    pub step_size: f64,
    pub rate: f64,
}

impl<M: Module> Attempt<'_, M> {
    /// What is wrong with it: two numbers are read, and only if one of them is not finite, all the others.
    pub fn wrong(&self) -> Option<Divergence> {
        if !(self.step_size as f32).is_finite() {
            return Some(Divergence::LearningRate { rate: self.rate });
        }
        let norm = self.square_norm.clone().cast(self.loss.dtype());
        let both = Tensor::cat(vec![self.loss.clone().inner(), norm], 0).into_data();
        if both.iter::<f64>().all(f64::is_finite) { None } else { Some(self.first_place()) }
    }

    /// The first number that is not finite, in the order in which they are computed.
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
        let health = self.health?.read();
        let lost = health.data_energy.is_finite() && !health.negative_energy.is_finite();
        lost.then_some(Divergence::Chains { energy: health.negative_energy })
    }

    fn lost(&self) -> Option<Divergence> {
        let loss = self.loss.clone().into_scalar::<f64>();
        (!loss.is_finite()).then_some(Divergence::Loss { loss })
    }

    /// The first parameter whose gradient is not finite; if there is none, the one with the greatest.
    fn gradient(&self) -> Divergence {
        let greatest =
            self.gradients.iter().map(|(name, gradient)| (name, greatest(&gradient.clone().into_data())));
        let worst = greatest.reduce(|worst, next| if size(worst.1) < size(next.1) { next } else { worst });
        let (parameter, value) = worst.expect("a step has a gradient");
        Divergence::Gradient { parameter: parameter.clone(), value }
    }
}

/// The first of these weights that is not finite, or whose square is not, after a step with this learning rate.
pub(crate) fn unsound(weights: &NamedTensors, rate: f64) -> Option<Divergence> {
    let mut greatest = weights.iter().map(|(name, data)| (name, greatest(data)));
    let (parameter, value) = greatest.find(|(_, value)| BOUND < size(*value))?;
    Some(Divergence::Weight { parameter: parameter.clone(), value, rate })
}

/// The number of the greatest size, the first of them; what is no number is greater than all.
fn greatest(data: &TensorData) -> f64 {
    data.iter::<f64>()
        .fold(0.0, |greatest: f64, value| if size(greatest) < size(value) { value } else { greatest })
}

fn size(value: f64) -> f64 {
    if value.is_nan() { f64::INFINITY } else { value.abs() }
}
