//! Hamiltonian Monte Carlo on a banana of known moments, and whether its draws can be trusted.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::{Device, Tensor};
use ebm_model::Banana;
use ebm_ops::Noise;
use ebm_sample::diagnostics::Summary;
use ebm_sample::{Chain, Hmc};

fn main() -> Result<(), Box<dyn Error>> {
    // x₀ ~ N(0, 100) and x₁ = z + 0.03 (x₀² − 100): standard deviations 10 and √19
    let target = Banana::new(10.0, 0.03)?;
    let start = Noise::seeded(5).normal([4, 2], &Device::flex());
    let chain = Chain::start(&target, Hmc::new(0.6, 25)?, start, Noise::seeded(6));
    let draws: Vec<Tensor<3>> =
        chain.skip(200).take(2_000).map(|draw| draw.position.unsqueeze_dim(1)).collect();
    let draws: Vec<f64> = Tensor::cat(draws, 1).into_data().iter().collect();
    for (summary, sd) in Summary::of_each(&draws, [4, 2_000, 2]).iter().zip([10.0, 19f64.sqrt()]) {
        println!(
            "mean {:6.3} ± {:.3} of 0   sd {:6.3} ± {:.3} of {sd:.3}   R̂ {:.4}   ESS {:.0}",
            summary.mean, summary.mcse_mean, summary.sd, summary.mcse_sd, summary.r_hat, summary.ess_bulk
        );
    }
    Ok(())
}
