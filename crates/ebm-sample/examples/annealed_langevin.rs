//! Annealed Langevin dynamics on two modes: the weights are right if the descent is slow.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::Device;
use ebm_model::{Gaussian, GaussianMixture};
use ebm_ops::Noise;
use ebm_sample::{Annealed, AnnealedLangevin, Descent, NoiseLadder};

fn main() -> Result<(), Box<dyn Error>> {
    let mode = |x: f64| Gaussian::isotropic(vec![x], 0.04);
    let target = GaussianMixture::new(vec![0.3, 0.7], vec![mode(-2.0)?, mode(2.0)?])?;
    println!("levels   share of the right mode (0.7)");
    for n_levels in [6, 20, 60] {
        let ladder = NoiseLadder::geometric(10.0, 0.05, n_levels)?;
        let sampler = AnnealedLangevin::new(ladder, 20, 0.1)?;
        let noise = Noise::seeded(8);
        let start = sampler.start(5_000, 1, &mut noise.derive("start"), &Device::flex());
        let end = sampler.run(&target, start, noise.derive("chain"));
        let share = end.greater_elem(0.0).float().mean().into_scalar::<f32>();
        println!("{n_levels:6}   {share:.3}");
    }
    Ok(())
}
