//! Unadjusted Langevin dynamics on N(0, 1): longer steps converge sooner, to a larger variance, 1/(1 − η/2).
#![allow(clippy::print_stdout, reason = "an example prints")]

use burn::tensor::{Device, Tensor};
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::{Chain, Langevin, SampleError};

fn main() -> Result<(), SampleError> {
    let target = Gaussian::standard(1);
    println!("step size   variance, exact   found");
    for step_size in [0.05, 0.2, 0.8] {
        let start = Tensor::zeros([20_000, 1], &Device::flex());
        let mut chain = Chain::start(&target, Langevin::new(step_size)?, start, Noise::seeded(1));
        let draw = chain.nth(200).expect("a chain does not end");
        let found = draw.position.var(0).into_scalar::<f32>();
        println!("{step_size:9.2}   {:15.4}   {found:5.4}", 1.0 / (1.0 - 0.5 * step_size));
    }
    Ok(())
}
