//! Microcanonical trajectories with a Metropolis test on a skewed target of known moments.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::{Device, Tensor};
use ebm_model::Skewed;
use ebm_ops::Noise;
use ebm_sample::diagnostics::Summary;
use ebm_sample::{Chain, Mamclmc, MamclmcWarmUp};

fn main() -> Result<(), Box<dyn Error>> {
    // mean −γ = −0.5772 and standard deviation π/√6 = 1.2825
    let target = Skewed::new(10)?;
    let (start, mut noise) = (Noise::seeded(1).normal([8, 10], &Device::flex()), Noise::seeded(2));
    let tuned = MamclmcWarmUp::new(600)?.run(&target, &Mamclmc::new(0.1)?, start, &mut noise)?;
    println!(
        "step size {:.3}, trajectories up to {:.2}, acceptance {:.3}",
        tuned.report.step_size,
        tuned.kernel.longest(),
        tuned.report.acceptance
    );
    let chain = Chain::resume(&target, tuned.kernel, tuned.state, noise).take(1000);
    let draws: Vec<Tensor<3>> = chain.map(|draw| draw.position.unsqueeze_dim(1)).collect();
    let draws: Vec<f64> = Tensor::cat(draws, 1).into_data().iter().collect();
    for summary in &Summary::of_each(&draws, [8, 1000, 10])[..3] {
        println!(
            "mean {:.3} ± {:.3}   sd {:.3} ± {:.3}   R̂ {:.4}   ESS {:.0}",
            summary.mean, summary.mcse_mean, summary.sd, summary.mcse_sd, summary.r_hat, summary.ess_bulk
        );
    }
    Ok(())
}
