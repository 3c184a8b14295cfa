//! One coordinate held fixed, the other drawn from its conditional distribution.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::{Device, Tensor};
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::{Chain, Clamped, Hmc, Repeated};

fn main() -> Result<(), Box<dyn Error>> {
    // of N(0, 1) twice with a correlation of 0.8: given x₀, x₁ ~ N(0.8 x₀, 0.36)
    let target = Gaussian::new(vec![0.0; 2], &[vec![1.0, 0.8], vec![0.8, 1.0]])?;
    println!("x₀     mean, exact   found   variance (0.36)");
    for known in [-2.0, 0.0, 1.5] {
        // Ten steps as one, and the first coordinate held in each.
        let kernel = Clamped::new(Repeated::new(Hmc::new(0.5, 3)?, 10)?, &[true, false])?;
        let rows = Tensor::<2>::from_data([[known, 0.0]], &Device::flex()).repeat_dim(0, 20_000);
        let draw = Chain::start(&target, kernel, rows, Noise::seeded(17)).nth(4).expect("a draw");
        let missing = draw.position.narrow(1, 1, 1);
        let mean = missing.clone().mean().into_scalar::<f32>();
        let variance = missing.var(0).into_scalar::<f32>();
        println!("{known:4}   {:11.3}   {mean:5.3}   {variance:.4}", 0.8 * known);
    }
    Ok(())
}
