//! The Metropolis-adjusted Langevin algorithm on a skewed density, E = eˣ − x: mean −γ and variance π²/6, exactly,
//! at any step size.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::f64::consts::PI;

use burn::tensor::{Device, Tensor};
use ebm_model::Skewed;
use ebm_ops::Noise;
use ebm_sample::{Chain, Mala, SampleError};

fn main() -> Result<(), SampleError> {
    let target = Skewed::new(1).expect("a dimension");
    println!("step size   acceptance   mean ({:.4})   variance ({:.4})", -0.577_216, PI * PI / 6.0);
    for step_size in [0.1, 0.5, 2.0] {
        let start = Tensor::zeros([20_000, 1], &Device::flex());
        let mut chain = Chain::start(&target, Mala::new(step_size)?, start, Noise::seeded(4));
        let draw = chain.nth(200).expect("a chain does not end");
        let acceptance = draw.info.acceptance.mean().into_scalar::<f32>();
        let mean = draw.position.clone().mean().into_scalar::<f32>();
        let variance = draw.position.var(0).into_scalar::<f32>();
        println!("{step_size:9.1}   {acceptance:10.3}   {mean:14.4}   {variance:17.4}");
    }
    Ok(())
}
