//! Step size and mass from a warm-up, written down, read again, and the chains resumed.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::Device;
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::{Chain, Hmc, Tuned, WarmUp};

fn main() -> Result<(), Box<dyn Error>> {
    let target = Gaussian::new(vec![1.0, -1.0], &[vec![100.0, 0.0], vec![0.0, 0.01]])?;
    let start = Noise::seeded(15).normal([100, 2], &Device::flex());
    let mut noise = Noise::seeded(16);
    let Tuned { kernel, state, report } =
        WarmUp::new(400)?.run(&target, &Hmc::new(0.01, 5)?, start, &mut noise)?;
    println!("step size {:.3}, acceptance {:.3}", report.step_size, report.acceptance);
    println!("variances (100, 0.01): {:.4?}", report.mass.variances().expect("they were adapted"));

    // What goes on is the kernel, the noise and where the chains are; two of them are text.
    let kernel: Hmc = serde_json::from_str(&serde_json::to_string(&kernel)?)?;
    let noise: Noise = serde_json::from_str(&serde_json::to_string(&noise)?)?;
    let draw = Chain::resume(&target, kernel, state, noise).nth(99).expect("a chain does not end");
    let found: Vec<f32> = draw.position.var(0).into_data().iter().collect();
    println!("variances of 100 chains, 100 steps on: {found:.4?}");
    Ok(())
}
