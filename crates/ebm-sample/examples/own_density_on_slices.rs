//! A log density of one's own on plain numbers in double precision, moved by the same kernels on all threads.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use ebm_ops::Noise;
use ebm_sample::Hmc;
use ebm_sample::diagnostics::Summary;
use ebm_sample::slices::SliceChains;

/// log p of a normal distribution bent along a parabola, x₀ ~ N(0, 100) and x₁ | x₀ ~ N(0.03 (x₀² − 100), 1).
fn banana(x: &[f64], gradient: &mut [f64]) -> f64 {
    let off = x[1] - 0.03 * (x[0] * x[0] - 100.0);
    gradient[0] = 0.06 * x[0] * off - x[0] / 100.0;
    gradient[1] = -off;
    -0.5 * (x[0] * x[0] / 100.0 + off * off)
}

fn main() -> Result<(), Box<dyn Error>> {
    let starts = vec![vec![0.0, 0.0]; 4];
    let chains = SliceChains::start(banana, Hmc::new(0.6, 25)?, starts, Noise::seeded(14));
    let draws: Vec<_> = chains.skip(200).take(20_000).map(|draw| draw.positions).collect();
    for (i, sd) in [10.0, 19f64.sqrt()].into_iter().enumerate() {
        let chain = |c: usize| draws.iter().map(|positions| positions[c][i]).collect();
        let summary = Summary::of(&(0..4).map(chain).collect::<Vec<_>>());
        println!("x{i}: sd {:.3} ± {:.3} of {sd:.3}, R̂ {:.4}", summary.sd, summary.mcse_sd, summary.r_hat);
    }
    Ok(())
}
