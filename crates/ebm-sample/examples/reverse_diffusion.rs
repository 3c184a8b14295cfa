//! The reverse diffusion by the Euler–Maruyama method: the more levels, the nearer to the exact variance of 0.49.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::Device;
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::{Annealed, Descent, NoiseLadder, ReverseDiffusion};

fn main() -> Result<(), Box<dyn Error>> {
    let target = Gaussian::isotropic(vec![2.0], 0.49)?;
    println!("levels   mean (2)   variance (0.49)");
    for n_levels in [10, 40, 160] {
        let sampler = ReverseDiffusion::new(NoiseLadder::geometric(10.0, 0.02, n_levels)?);
        let noise = Noise::seeded(10);
        let start = sampler.start(20_000, 1, &mut noise.derive("start"), &Device::flex());
        let end = sampler.run(&target, start, noise.derive("chain"));
        let mean = end.clone().mean().into_scalar::<f32>();
        println!("{n_levels:6}   {mean:8.4}   {:15.4}", end.var(0).into_scalar::<f32>());
    }
    Ok(())
}
