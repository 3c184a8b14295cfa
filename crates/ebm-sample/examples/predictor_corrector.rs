//! Corrections at each level repair the error of the steps between levels: the variance at the end should be 0.49.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::Device;
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::{Descent, NoiseLadder, PredictorCorrector, ReverseDiffusion};

fn main() -> Result<(), Box<dyn Error>> {
    let target = Gaussian::isotropic(vec![2.0], 0.49)?;
    let (ladder, noise) = (NoiseLadder::geometric(10.0, 0.02, 15)?, Noise::seeded(11));
    let start = || ladder.start(20_000, 1, &mut noise.derive("start"), &Device::flex());
    let plain = ReverseDiffusion::new(ladder.clone()).run(&target, start(), noise.derive("chain"));
    println!("corrections   variance (0.49)\n          0   {:.4}", plain.var(0).into_scalar::<f32>());
    for corrections in [1, 5, 20] {
        let sampler = PredictorCorrector::new(ladder.clone(), corrections, 0.2)?;
        let end = sampler.run(&target, start(), noise.derive("chain"));
        println!("{corrections:11}   {:.4}", end.var(0).into_scalar::<f32>());
    }
    Ok(())
}
