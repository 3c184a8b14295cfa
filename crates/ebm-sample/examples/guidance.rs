//! Samples of a class, and of the same class with guidance: clearer of it, and less varied.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::{Device, Tensor};
use ebm_model::{Gaussian, GaussianMixture, Given, Guided};
use ebm_ops::Noise;
use ebm_sample::{Annealed, Descent, NoiseLadder, StochasticHeun};

fn main() -> Result<(), Box<dyn Error>> {
    // three classes whose components overlap
    let means = [[-1.0, 0.0], [1.0, 0.0], [0.0, 1.5]];
    let parts = means.map(|mean| Gaussian::isotropic(mean.to_vec(), 0.5).expect("a positive variance"));
    let mixture = GaussianMixture::new(vec![1.0; 3], parts.to_vec())?;
    let sampler = StochasticHeun::new(NoiseLadder::karras(20.0, 0.01, 7.0, 60)?, 40.0)?;
    let (device, noise) = (Device::flex(), Noise::seeded(1));
    let start = sampler.start(9_000, 2, &mut noise.derive("start"), &device);

    println!("weight   class   mean              deviation");
    for weight in [0.0, 1.0, 4.0] {
        // one batch, of whose rows each third is of one class
        let classes = (0..9_000).map(|row| row / 3_000).collect();
        let model = Guided::new(Given::rows(&mixture, classes)?, weight)?;
        let drawn = sampler.run(&model, start.clone(), noise.derive("chain"));
        for class in 0..3 {
            let rows: Tensor<2> = drawn.clone().narrow(0, 3_000 * class, 3_000);
            let mean: Vec<f32> = rows.clone().mean_dim(0).into_data().iter::<f32>().collect();
            let deviation = rows.var(0).mean().sqrt().into_scalar::<f32>();
            println!("{weight:6.1}   {class:5}   ({:6.2}, {:6.2})   {deviation:8.2}", mean[0], mean[1]);
        }
    }
    Ok(())
}
