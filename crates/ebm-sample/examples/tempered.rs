//! A model at temperature T is p^(1/T): of a normal distribution, T times the variance.
#![allow(clippy::print_stdout, reason = "an example prints")]

use burn::tensor::{Device, Tensor};
use ebm_model::{Gaussian, Tempered};
use ebm_ops::Noise;
use ebm_sample::{Chain, Mala, SampleError};

fn main() -> Result<(), SampleError> {
    let target = Gaussian::isotropic(vec![1.0], 0.5).expect("a variance");
    println!("temperature   variance, exact   found");
    for temperature in [0.5, 1.0, 4.0] {
        let tempered = Tempered::new(&target, temperature);
        let kernel = Mala::new(0.3 * temperature)?;
        let start = Tensor::ones([20_000, 1], &Device::flex());
        let draw = Chain::start(&tempered, kernel, start, Noise::seeded(18)).nth(60).expect("a draw");
        let found = draw.position.var(0).into_scalar::<f32>();
        println!("{temperature:11}   {:15.4}   {found:.4}", 0.5 * temperature);
    }
    Ok(())
}
