//! With fresh noise at each level a wrong start is forgotten; the probability flow carries it to the end.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::Device;
use ebm_model::Gaussian;
use ebm_ops::Noise;
use ebm_sample::{Annealed, Descent, NoiseLadder, StochasticHeun};

fn main() -> Result<(), Box<dyn Error>> {
    let target = Gaussian::isotropic(vec![0.5], 0.25)?;
    println!("churn   mean (0.5)   variance (0.25)");
    for churn in [0.0, 5.0, 20.0] {
        let sampler = StochasticHeun::new(NoiseLadder::karras(20.0, 0.01, 7.0, 100)?, churn)?;
        let noise = Noise::seeded(12);
        // The distribution at σ = 20 has the mean 0.5; this start is centred at 20.
        let start = sampler.start(10_000, 1, &mut noise.derive("start"), &Device::flex()) + 20.0;
        let end = sampler.run(&target, start, noise.derive("chain"));
        let mean = end.clone().mean().into_scalar::<f32>();
        println!("{churn:5}   {mean:10.4}   {:15.4}", end.var(0).into_scalar::<f32>());
    }
    Ok(())
}
