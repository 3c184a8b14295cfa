//! A training step on points in the plane: loss, backward, clipping, Adam, average.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use ebm_model::layers::Dense;
use ebm_model::{Init, NoisyScore};
use ebm_ops::Noise;
use ebm_ops::activation::silu;
use ebm_train::{DenoisingScoreMatching, NoiseLaw, Objective, TrainSettings, TrainState, Trainer, Weighting};

use crate::operations::Call;

/// The noise level, one for all points.
const SIGMA: f64 = 0.1;

/// A score s(x), 2 → hidden → hidden → 2 with SiLU between.
#[derive(Module, Debug)]
struct Network {
    first: Dense,
    second: Dense,
    out: Dense,
}

impl Network {
    fn new(hidden: usize, init: &Init) -> Self {
        Self {
            first: Dense::new(2, hidden, &init.part("first")),
            second: Dense::new(hidden, hidden, &init.part("second")),
            out: Dense::new(hidden, 2, &init.part("out")),
        }
    }
}

impl NoisyScore for Network {
    fn score_at(&self, x: Tensor<2>, _: Tensor<1>) -> Tensor<2> {
        let h = silu(self.second.forward(silu(self.first.forward(x))));
        self.out.forward(h)
    }
}

/// Denoising score matching on the score network.
pub fn training_step(hidden: usize, batch: usize) -> Result<Call> {
    let init = Noise::seeded(3).derive("init");
    let network = Network::new(hidden, &Init::new(init, &Device::flex()));
    let law = NoiseLaw::LogNormal { mean: SIGMA.ln(), deviation: 0.0 };
    let objective = DenoisingScoreMatching::new(law, Weighting::Power { power: 2.0 })?;
    step_of(network, objective, batch)
}

/// A step of any model with any objective on `batch` points: an energy needs no more than this line.
fn step_of<M, O>(model: M, objective: O, batch: usize) -> Result<Call>
where
    M: Module + 'static,
    O: Objective<M> + 'static,
{
    let noise = Noise::seeded(3);
    let data = noise.derive("data").normal([batch, 2], &Device::flex());
    let state = TrainState::new(model, noise.derive("objective"));
    let mut trainer = Trainer::new(state, objective, TrainSettings::default())?;
    Ok(Box::new(move || trainer.step(data.clone()).expect("the loss depends on the weights")))
}
