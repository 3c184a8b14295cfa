//! The time of a step of denoising score matching on a small energy network.
//!
//! The network is 2 → 128 → 128 → 1 with SiLU, the batch 256. For each number of steps that it reads from standard
//! input, one per line, it does that many and prints their median time in microseconds, so that it can alternate with
//! another program. `profile N` prints where N steps spend their time.
#![expect(clippy::print_stdout, reason = "a program's answer")]

use std::time::Instant;

use burn::tensor::Device;
use ebm_model::layers::{Activation, Hidden};
use ebm_model::{Init, MlpEnergy, MlpEnergyConfig};
use ebm_ops::{Noise, profile};
use ebm_train::{DenoisingAt, TrainSettings, TrainState, Trainer};

/// The allocator of the program `ebm`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    ebm_ops::join_threads();
    let (device, noise) = (Device::flex(), Noise::seeded(1));
    let network = Hidden::new(vec![128, 128], Activation::Silu);
    let config = MlpEnergyConfig { dim: 2, network, confinement: 0.0 };
    let model = MlpEnergy::new(&config, &Init::new(noise.derive("init"), &device))?;
    let data = noise.derive("data").normal([256, 2], &device).autodiff();
    let settings = TrainSettings { steps: u64::MAX, ..TrainSettings::default() };
    let state = TrainState::new(model, noise.derive("objective"));
    let mut trainer = Trainer::new(state, DenoisingAt::new(0.1)?, settings)?;
    let mut steps = |n: usize| -> Result<Vec<f64>, ebm_train::TrainError> {
        let mut times = Vec::with_capacity(n);
        for _ in 0..n {
            let began = Instant::now();
            trainer.step(data.clone())?;
            times.push(began.elapsed().as_secs_f64() * 1e6);
        }
        times.sort_by(f64::total_cmp);
        Ok(times)
    };
    for line in std::io::stdin().lines() {
        let line = line?;
        if let Some(n) = line.strip_prefix("profile ") {
            let n: usize = n.trim().parse()?;
            let (times, spans) = profile::profile(|| steps(n));
            let mut sum = 0.0;
            for (name, span) in spans {
                let each = span.time.as_secs_f64() * 1e6 / n as f64;
                sum += each;
                println!("{name:24} {:5.1} calls {each:8.1} µs", span.calls as f64 / n as f64);
            }
            let whole = times?.iter().sum::<f64>() / n as f64;
            println!("elsewhere {:.1} of {whole:.1} µs", whole - sum);
        } else {
            println!("{:.1}", steps(line.trim().parse()?)?[line.trim().parse::<usize>()? / 2]);
        }
    }
    Ok(())
}
