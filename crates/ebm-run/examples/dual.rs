//! Densities by dual score matching against exact ones, at every noise level.
//!
//! `cargo run --release --example dual [SEEDS [STEPS]]` trains a network on a mixture in the plane, on one in 16
//! dimensions and on two moons with each seed. At each noise level it prints the mean log density of fresh points less
//! the exact one, in nats a coordinate, and log Z by importance sampling from the exact density, in nats; both after the
//! one constant found at the highest level by [`importance`].
#![allow(clippy::print_stdout, reason = "a program")]

use std::f64::consts::PI;
use std::time::Instant;

use burn::tensor::{Device, Tensor};
use ebm_eval::importance;
use ebm_model::{Gaussian, Init, IsotropicMixture, JointPotential, Mlp, MlpConfig, NoisyEnergy};
use ebm_ops::Noise;
use ebm_train::{DualScoreMatching, NoiseLaw, TrainSettings, TrainState, Trainer, Weighting};

type Error = Box<dyn std::error::Error>;

/// The highest level and the others at which densities are compared; the lowest is the target's.
const TOP: f64 = 10.0;
const BETWEEN: [f64; 4] = [0.2, 0.5, 1.0, 3.0];

/// Fresh points, and rows of a batch.
const POINTS: usize = 20_000;
const BATCH: usize = 256;

/// A density with its lowest noise level of training.
struct Target {
    name: &'static str,
    law: IsotropicMixture,
    bottom: f64,
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let seeds: u64 = arguments.next().map_or(Ok(3), |seeds| seeds.parse())?;
    let steps: u64 = arguments.next().map_or(Ok(6000), |steps| steps.parse())?;
    let targets = [mixture("mixture, 2 d", 2, 0.05)?, mixture("mixture, 16 d", 16, 0.1)?, moons()?];
    for target in &targets {
        for seed in 0..seeds {
            one(target, seed, steps)?;
        }
    }
    Ok(())
}

/// Five components of standard deviation 0.4 around points of unit variance.
fn mixture(name: &'static str, dim: usize, bottom: f64) -> Result<Target, Error> {
    let mut means: Vec<f64> = Noise::seeded(7).normals_f64(5 * dim);
    for i in 0..dim {
        let mean = means.iter().skip(i).step_by(dim).sum::<f64>() / 5.0;
        means.iter_mut().skip(i).step_by(dim).for_each(|m| *m -= mean);
    }
    Ok(Target { name, law: IsotropicMixture::new(vec![0.0; 5], means, 0.16)?, bottom })
}

/// Two half circles as 250 points each, with noise of standard deviation 0.1.
fn moons() -> Result<Target, Error> {
    let n = 250;
    let angle = |i: usize| PI * (i as f64 + 0.5) / n as f64;
    let upper = (0..n).flat_map(|i| [angle(i).cos() - 0.5, angle(i).sin() - 0.25]);
    let lower = (0..n).flat_map(|i| [0.5 - angle(i).cos(), 0.25 - angle(i).sin()]);
    let law = IsotropicMixture::new(vec![0.0; 2 * n], upper.chain(lower).collect(), 0.01)?;
    Ok(Target { name: "two moons", law, bottom: 0.03 })
}

fn one(Target { name, law, bottom }: &Target, seed: u64, steps: u64) -> Result<(), Error> {
    let (device, noise, dim) = (Device::flex(), Noise::seeded(seed), law.dim());
    let sample = law.sample(POINTS, &mut noise.derive("deviation"), &device);
    let sigma_data = f64::from(sample.square().mean().into_scalar::<f32>()).sqrt();
    let init = Init::new(noise.derive("init"), &device);
    let network = Mlp::new(&MlpConfig { dim, ..MlpConfig::default() }, &init)?;
    let energy = NoisyEnergy::new(network, sigma_data)?.normalized(&init.part("constant"));
    let levels = NoiseLaw::LogUniform { top: TOP, bottom: *bottom };
    // at 2 each term counts by the inverse of its target's chance, whatever the dimension
    let objective = DualScoreMatching::new(levels, Weighting::Edm { sigma_data }, 2.0)?;
    let settings = TrainSettings { steps, learning_rate: 3e-3, ..TrainSettings::default() };
    let mut trainer = Trainer::new(TrainState::new(energy, noise.derive("objective")), objective, settings)?;
    let (began, data) = (Instant::now(), noise.derive("data"));
    trainer.run(|step| Ok(law.sample(BATCH, &mut data.child(step), &device)), &mut ())?;
    let (model, seconds) = (trainer.state().average(), began.elapsed().as_secs_f64());

    let energy = |x: Tensor<2>, sigma: f64| {
        let sigma = Tensor::full([x.dims()[0]], sigma, &device);
        model.joint_energy_at(x, sigma)
    };
    let proposal = Gaussian::isotropic(vec![0.0; dim], TOP * TOP + sigma_data * sigma_data)?;
    let top = importance(|x| energy(x, TOP), &proposal, 4096, &noise.derive("top"), &device)?;
    let log_z = top.estimate.value;
    println!(
        "{name}, seed {seed}: {seconds:.0} s, log Z {log_z:.4} ± {:.4} at σ = {TOP} ({:.0} of 4096 draws)",
        top.estimate.standard_error, top.effective_sample_size
    );
    println!("    {:>6} {:>26} {:>8} {:>10}", "σ", "log density, nats a coord.", "log Z", "± (draws)");
    for sigma in [*bottom].into_iter().chain(BETWEEN).chain([TOP]) {
        let x = law.smoothed(sigma).sample(POINTS, &mut noise.derive("fresh"), &device);
        let exact = law.joint_energy_at(x.clone(), Tensor::full([POINTS], sigma, &device));
        let logs: Vec<f64> = (exact - energy(x, sigma)).into_data().iter::<f64>().collect();
        let n = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / n;
        let weights: Vec<f64> = logs.iter().map(|log| log.exp()).collect();
        let z = weights.iter().sum::<f64>() / n;
        let variance = weights.iter().map(|w| (w - z).powi(2)).sum::<f64>() / n;
        let error = (variance / n).sqrt() / z;
        println!("    {sigma:6} {:26.4} {:8.4} {error:10.4}", (mean - log_z) / dim as f64, z.ln() - log_z);
    }
    Ok(())
}
