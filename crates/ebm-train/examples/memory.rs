//! The memory of a long run does not grow.
//!
//! `cargo run --release -p ebm-train --example memory [SAMPLER_STEPS] [TRAINING_STEPS]` does a million Langevin steps on
//! an energy network and ten thousand steps each of denoising and of persistent contrastive divergence, prints the
//! resident memory of the process after each tenth, and fails if it grows by a megabyte in 10⁵ steps or more.
//! The first tenth of each is not counted: caches fill, and threads start. Linux only: it reads `/proc/self/statm`.
#![expect(clippy::print_stdout, reason = "a program's answer")]

use std::error::Error;
use std::process::ExitCode;

use burn::tensor::{Device, Tensor};
use ebm_model::layers::{Activation, Hidden};
use ebm_model::{Init, MlpEnergy, MlpEnergyConfig};
use ebm_ops::Noise;
use ebm_sample::{Chain, Langevin};
use ebm_train::{
    BufferSettings, ContrastSettings, DenoisingAt, Objective, PersistentContrastiveDivergence, TrainSettings,
    TrainState, Trainer,
};

/// The allocator of the program `ebm`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Parts of a run after each of which the memory is read.
const PARTS: u64 = 10;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    ebm_ops::join_threads();
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let sampler_steps = numbers.next().unwrap_or(Ok(1_000_000))?;
    let training_steps = numbers.next().unwrap_or(Ok(10_000))?;

    let noise = Noise::seeded(1);
    let model = model(&noise)?;
    let start = noise.derive("start").normal([16, 2], &Device::flex());
    let mut chain = Chain::start(&model, Langevin::new(0.01)?, start, noise.derive("chain"));
    let mut sound = watch("Langevin steps", sampler_steps, |n| {
        chain.by_ref().take(n).for_each(drop);
        Ok(())
    })?;
    sound &= train("steps of denoising", training_steps, DenoisingAt::new(0.1)?)?;
    let contrast = ContrastSettings { sampler_steps: 5, ..ContrastSettings::default() };
    let persistent =
        PersistentContrastiveDivergence::new(Langevin::new(0.01)?, contrast, BufferSettings::default())?;
    sound &= train("steps of persistent contrastive divergence", training_steps, persistent)?;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn model(noise: &Noise) -> Result<MlpEnergy, Box<dyn Error>> {
    let network = Hidden::new(vec![32, 32], Activation::Silu);
    let config = MlpEnergyConfig { dim: 2, network, confinement: 0.1 };
    Ok(MlpEnergy::new(&config, &Init::new(noise.derive("init"), &Device::flex()))?)
}

fn train(name: &str, steps: u64, objective: impl Objective<MlpEnergy>) -> Result<bool, Box<dyn Error>> {
    let noise = Noise::seeded(2);
    let settings = TrainSettings { steps, ..TrainSettings::default() };
    let state = TrainState::new(model(&noise)?, noise.derive("objective"));
    let mut trainer = Trainer::new(state, objective, settings)?;
    let data: Tensor<2> = noise.derive("data").normal([64, 2], &Device::flex());
    watch(name, steps, |n| {
        for _ in 0..n {
            trainer.step(data.clone())?;
        }
        Ok(trainer.state().check()?)
    })
}

/// Does `steps` in parts and prints the memory after each; whether it grew by less than a megabyte in 10⁵ steps.
fn watch(
    name: &str,
    steps: u64,
    mut some: impl FnMut(usize) -> Result<(), Box<dyn Error>>,
) -> Result<bool, Box<dyn Error>> {
    let part = steps / PARTS;
    let mut resident = Vec::new();
    for _ in 0..PARTS {
        some(usize::try_from(part)?)?;
        resident.push(bytes()?);
    }
    let (first, last) = (resident[0] as f64, resident[resident.len() - 1] as f64);
    let growth = (last - first) / (part * (PARTS - 1)) as f64 * 1e5 / 1e6;
    let megabytes: Vec<String> = resident.iter().map(|bytes| format!("{:.2}", *bytes as f64 / 1e6)).collect();
    println!("{name}: {steps}; MB after each tenth: {}; {growth:+.3} MB in 10⁵ steps", megabytes.join(" "));
    Ok(growth < 1.0)
}

/// The resident memory of this process, in bytes.
fn bytes() -> Result<u64, Box<dyn Error>> {
    /// Bytes of a page.
    const PAGE: u64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let resident = text.split_whitespace().nth(1).ok_or("/proc/self/statm has no second number")?;
    Ok(resident.parse::<u64>()? * PAGE)
}
