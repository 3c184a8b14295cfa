//! BAOAB on N(0, 2): the position has no bias at any stable step, the momentum has 1 − h²/8.
#![allow(clippy::print_stdout, reason = "an example prints")]

use burn::tensor::{Device, Tensor};
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::{Chain, SampleError, Underdamped};

fn main() -> Result<(), SampleError> {
    let target = Gaussian::isotropic(vec![0.0], 2.0).expect("a variance");
    println!("step size   variance of x (2)   of p   exact");
    for h in [0.4, 0.8, 1.6] {
        let start = Tensor::zeros([20_000, 1], &Device::flex());
        let mut chain = Chain::start(&target, Underdamped::new(h, 1.0)?, start, Noise::seeded(3));
        let draw = chain.nth(100).expect("a chain does not end");
        let x = draw.position.var(0).into_scalar::<f32>();
        let p = draw.info.momentum.var(0).into_scalar::<f32>();
        println!("{h:9.1}   {x:17.4}   {p:.3}   {:.3}", 1.0 - h * h / 8.0);
    }
    Ok(())
}
