//! Coordinates of standard deviations 10 and 0.1: in units of the target's variances one step size suits both.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::{Device, Tensor};
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::{Chain, Langevin, Mass, PreconditionedLangevin};

fn main() -> Result<(), Box<dyn Error>> {
    let variances = vec![100.0, 0.01];
    let target = Gaussian::new(vec![0.0; 2], &[vec![variances[0], 0.0], vec![0.0, variances[1]]])?;
    let start = || Tensor::zeros([5_000, 2], &Device::flex());
    let show = |name: &str, position: Tensor<2>| {
        let found: Vec<f32> = position.var(0).into_data().iter().collect();
        println!("{name:15} {:8.3} of 100   {:8.5} of 0.01", found[0], found[1]);
    };
    // A plain step must be short for the narrow coordinate, and the wide one hardly moves.
    let plain = Chain::start(&target, Langevin::new(0.002)?, start(), Noise::seeded(2)).nth(99);
    show("plain", plain.expect("a draw").position);
    let kernel = PreconditionedLangevin::new(0.2, Mass::from_variances(variances)?)?;
    let scaled = Chain::start(&target, kernel, start(), Noise::seeded(2)).nth(99);
    show("preconditioned", scaled.expect("a draw").position);
    println!("both are wider by 1/(1 − η/2) = 1.111 where they have arrived");
    Ok(())
}
