//! The probability flow of a normal distribution is a known contraction: Heun's error falls by a factor of four when
//! the number of levels doubles.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::{DType, Device, Tensor};
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::{Descent, ProbabilityFlow};

fn main() -> Result<(), Box<dyn Error>> {
    let (mean, variance, top, bottom) = (0.5, 0.25f64, 20.0f64, 1e-4f64);
    let target = Gaussian::isotropic(vec![mean], variance)?;
    let start = Tensor::<2>::from_data([[-9.0]], (&Device::flex(), DType::F64));
    let exact = mean + (-9.0 - mean) * (variance / (variance + top * top)).sqrt();
    println!("levels   end ({exact:.8})   error");
    for n_levels in [20, 40, 80, 160] {
        let flow = ProbabilityFlow::edm(top, bottom, n_levels)?;
        let end = flow.run(&target, start.clone(), Noise::seeded(1));
        let end = end.into_scalar::<f64>();
        println!("{n_levels:6}   {end:17.8}   {:.1e}", (end - exact).abs());
    }
    Ok(())
}
