//! Loss, gradient and report of a step, from those of its shards.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Tensor;

use crate::{ContrastReport, Optimizer};

/// What is known of a step before the model changes. Nothing of it is tracked by autodiff.
pub(crate) struct Evaluation {
    /// The loss, `[1]`.
    pub loss: Tensor<1>,
    /// The gradients of the parameters by name, flat, without those that the loss does not depend on.
    pub gradients: BTreeMap<String, Tensor<1>>,
    /// How the sampler inside the objective did.
    pub report: Option<ContrastReport>,
}

impl Evaluation {
    /// That of a shard whose weight in the mean over the batch is `weight`; what autodiff held for it is freed.
    pub fn of<M: Module>(model: &M, loss: Tensor<1>, report: Option<ContrastReport>, weight: f64) -> Self {
        // A batch that is not cut is multiplied by nothing, and keeps every bit.
        let is_whole = weight == 1.0;
        let loss = if is_whole { loss } else { loss * weight };
        let report = if is_whole { report } else { report.map(|report| report.weighted(weight)) };
        let gradients =
            if loss.is_tracked() { Optimizer::gradients(model, loss.backward()) } else { BTreeMap::new() };
        Self { loss: loss.inner(), gradients, report }
    }

    /// The sum of this and the next shard. Sums are taken in the order of the shards, so that they are the same
    /// numbers wherever the shards were computed.
    pub fn plus(self, next: Self) -> Self {
        let Self { loss, mut gradients, report } = self;
        for (name, gradient) in next.gradients {
            let sum = match gradients.remove(&name) {
                Some(sum) => sum + gradient,
                None => gradient,
            };
            gradients.insert(name, sum);
        }
        let report = match (report, next.report) {
            (Some(report), Some(next)) => Some(report.plus(next)),
            (report, next) => report.or(next),
        };
        Self { loss: loss + next.loss, gradients, report }
    }
}
