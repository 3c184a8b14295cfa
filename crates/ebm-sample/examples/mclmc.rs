//! Microcanonical Langevin Monte Carlo on a normal law of uneven variances: tuned, drawn from, and its small bias.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::Device;
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::{Chain, Mclmc, MclmcWarmUp};

fn main() -> Result<(), Box<dyn Error>> {
    let variances: Vec<f64> = (0..50).map(|i| 1000f64.powf(f64::from(i) / 49.0)).collect();
    let target = Gaussian::diagonal(vec![0.0; 50], variances.clone())?;
    println!("energy variance   step size   length   mean of x²/v (1)");
    for energy_variance in [5e-3, 5e-4, 5e-5] {
        let warm_up = MclmcWarmUp::new(1000)?.with_energy_variance(energy_variance)?;
        let (start, mut noise) = (Noise::seeded(1).normal([64, 50], &Device::flex()), Noise::seeded(2));
        let tuned = warm_up.run(&target, &Mclmc::new(0.1)?, start, &mut noise)?;
        let report = tuned.report;
        let (mut mean, draws) = (0.0, 400);
        for draw in Chain::resume(&target, tuned.kernel, tuned.state, noise).step_by(10).take(draws) {
            let x = draw.position.into_data();
            let ratios = x.iter::<f64>().zip(variances.iter().cycle()).map(|(x, v)| x * x / v);
            mean += ratios.sum::<f64>() / (64 * 50 * draws) as f64;
        }
        println!("{energy_variance:15}   {:9.3}   {:6.2}   {mean:.4}", report.step_size, report.length);
    }
    Ok(())
}
