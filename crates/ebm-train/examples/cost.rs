//! The cost of a training step of each objective, compared with plain regression with the same network.
//!
//! `cargo run --release -p ebm-train --example cost` prints milliseconds a step (the median of 200) and the ratio;
//! `peer/double_backward.py` is the same by differentiating twice in PyTorch.
#![allow(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::time::Instant;

use burn::tensor::Device;
use ebm_model::layers::{Activation, Hidden};
use ebm_model::{Energy, Init, MlpEnergy, MlpEnergyConfig};
use ebm_ops::Noise;
use ebm_train::{
    Batch, DenoisingAt, Directions, ImplicitScoreMatching, Memory, Objective, Outcome, SlicedScoreMatching,
    TrainSettings, TrainState, Trainer,
};

/// The allocator of the program `ebm`; glibc's returns every large block to the kernel and requests it again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows of a batch.
const BATCH: usize = 256;
/// Steps to warm up, and steps that are measured.
const STEPS: [usize; 2] = [50, 200];

/// mean (E(x) − ‖x‖)²: what a network of this size costs if its output is fitted to a number.
struct Regression;

impl<M: Energy> Objective<M> for Regression {
    fn loss(&self, model: &M, batch: &Batch, _: Memory, _: &mut Noise) -> Outcome {
        let data = batch.rows.clone();
        let target = data.clone().square().sum_dim(1).sqrt().squeeze_dim::<1>(1);
        (model.energy(data) - target).square().mean().into()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    ebm_ops::join_threads();
    let regression = milliseconds(Regression)?;
    println!("regression                   {regression:7.3} ms");
    let sliced = SlicedScoreMatching::new(Directions::Rademacher, 1)?;
    for (name, found) in [
        ("denoising", milliseconds(DenoisingAt::new(0.1)?)?),
        ("sliced", milliseconds(sliced)?),
        ("sliced, variance reduced", milliseconds(sliced.variance_reduced())?),
        ("implicit", milliseconds(ImplicitScoreMatching)?),
    ] {
        println!("{name:28} {found:7.3} ms   {:.2} of regression", found / regression);
    }
    Ok(())
}

fn milliseconds(objective: impl Objective<MlpEnergy>) -> Result<f64, Box<dyn Error>> {
    let (device, noise) = (Device::flex(), Noise::seeded(0));
    let network = Hidden::new(vec![128, 128], Activation::Silu);
    let config = MlpEnergyConfig { dim: 2, network, confinement: 0.0 };
    let model = MlpEnergy::new(&config, &Init::new(noise.derive("init"), &device))?;
    let data = noise.derive("data").normal([BATCH, 2], &device);
    let state = TrainState::new(model, noise.derive("objective"));
    let mut trainer = Trainer::new(state, objective, TrainSettings::default())?;
    let mut times = Vec::new();
    for step in 0..STEPS[0] + STEPS[1] {
        let began = Instant::now();
        trainer.step(data.clone())?;
        if STEPS[0] <= step {
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
