//! The Metropolis test removes the bias of the variance at each level of a descent, here on N(2, ½) with noise.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::Device;
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::{AnnealedLangevin, AnnealedMala, Descent, NoiseLadder};

fn main() -> Result<(), Box<dyn Error>> {
    let target = Gaussian::isotropic(vec![2.0], 0.5)?;
    let ladder = NoiseLadder::new(vec![5.0, 3.0, 2.0])?;
    let (plain, exact) =
        (AnnealedLangevin::new(ladder.clone(), 40, 0.4)?, AnnealedMala::new(ladder.clone(), 40, 0.4)?);
    let noise = Noise::seeded(9);
    let start = || ladder.start(20_000, 1, &mut noise.derive("start"), &Device::flex());
    let without = plain.descend(&target, start(), noise.derive("chain"));
    let with = exact.descend(&target, start(), noise.derive("chain"));
    println!("level   variance, exact   without the test   with it");
    for (a, b) in without.zip(with).take(3) {
        let [a_found, b_found] = [a.position, b.position].map(|x| x.var(0).into_scalar::<f32>());
        println!("{:5}   {:15.3}   {a_found:16.3}   {b_found:.3}", a.sigma, 0.5 + a.sigma * a.sigma);
    }
    Ok(())
}
