//! Hamiltonian Monte Carlo whose trajectories 32 chains make as long as suits them.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::Device;
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::{Chain, Chees, Hmc};

fn main() -> Result<(), Box<dyn Error>> {
    println!("correlation   step size   steps   variance of (x₀ + x₁)/√2   exact");
    for correlation in [0.0, 0.9, 0.99, 0.999] {
        let target = Gaussian::new(vec![0.0; 2], &[vec![1.0, correlation], vec![correlation, 1.0]])?;
        let (start, mut noise) = (Noise::seeded(1).normal([32, 2], &Device::flex()), Noise::seeded(2));
        let tuned = Chees::new(600)?.run(&target, &Hmc::new(0.1, 10)?, start, &mut noise)?;
        let (step_size, most) = (tuned.kernel.step_size(), tuned.kernel.n_leapfrog());
        let mut squares = 0.0;
        for draw in Chain::resume(&target, tuned.kernel, tuned.state, noise).take(500) {
            squares += f64::from(draw.position.sum_dim(1).square().mean().into_scalar::<f32>()) / 1000.0;
        }
        println!("{correlation:11}   {step_size:9.3}   {most:5}   {squares:24.3}   {:.3}", 1.0 + correlation);
    }
    Ok(())
}
