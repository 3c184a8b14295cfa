//! A network and an objective of one's own, trained as a run: killed at any moment, it goes on where it was.
//!
//! `cargo run --release --example own_network FOLDER`, stopped and started again as often as one likes.
#![allow(clippy::print_stdout, dead_code, reason = "a program, which a test runs too")]

use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use ebm_model::Score;
use ebm_ops::Noise;
use ebm_report::{Samples, write};
use ebm_run::training::{Opening, Training};
use ebm_sample::{Chain, Langevin};
use ebm_train::{Batch, Memory, Objective, Outcome, TrainSettings};

/// The score of a normal distribution with a mean and a precision to learn, coordinate by coordinate.
#[derive(Module, Debug)]
pub struct Normal {
    mean: Param<Tensor<2>>,
    log_precision: Param<Tensor<2>>,
}

impl Normal {
    fn new(dim: usize, device: &Device) -> Self {
        let zeros = || Param::from_tensor(Tensor::zeros([1, dim], device));
        Self { mean: zeros(), log_precision: zeros() }
    }
}

impl Score for Normal {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        (self.mean.val() - x) * self.log_precision.val().exp()
    }
}

/// Hyvärinen's score matching, ½‖s‖² + tr ∇s, whose trace is known here: minus the sum of the precisions.
pub struct ScoreMatching;

impl Objective<Normal> for ScoreMatching {
    fn loss(&self, model: &Normal, batch: &Batch, memory: Memory, _: &mut Noise) -> Outcome {
        let square = model.score(batch.rows.clone()).square().sum_dim(1).mean() * 0.5;
        Outcome { loss: square - model.log_precision.val().exp().sum(), memory, report: None }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("expected a folder")?;
    run(Path::new(&folder), 2_000)
}

/// Trains, or goes on, until `steps` steps are done; then draws samples and a picture of them.
pub fn run(folder: &Path, steps: u64) -> Result<(), Box<dyn std::error::Error>> {
    let (device, noise) = (Device::flex(), Noise::seeded(7));
    let data = noise.derive("data");
    let rows = |step| data.child(step).normal([256, 2], &device) * 0.5 + 3.0;
    let settings = TrainSettings { steps, learning_rate: 0.02, ..TrainSettings::default() };
    let training =
        Training::new(Normal::new(2, &device), || ScoreMatching, rows, settings, noise.derive("objective"))?;

    let session = training.open(folder, Opening::ResumeOrBegin, &|line| println!("{line}"))?;
    let ended = session.run(|_| vec![])?;
    let network = ended.state.average();
    ebm_run::card::save_weights(&network, "normal", &folder.join("model.safetensors"))?;

    let start = noise.derive("start").normal([2_000, 2], &device);
    let mut chain = Chain::start(&network, Langevin::new(0.05)?, start, noise.derive("chain"));
    let samples = chain.nth(500).ok_or("a chain does not end")?.position.into_data().try_to_vec::<f32>()?;
    write(&folder.join("samples.png"), &Samples::table(samples, [2_000, 2])?)?;
    Ok(())
}
