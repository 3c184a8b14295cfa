//! Two modes six standard deviations apart: a chain alone stays where it began, replicas find the weights.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::{Device, Tensor};
use ebm_model::{Gaussian, GaussianMixture};
use ebm_ops::Noise;
use ebm_sample::{Chain, Mala, ParallelTempering};

fn main() -> Result<(), Box<dyn Error>> {
    let mode = |x: f64| Gaussian::isotropic(vec![x, 0.0], 0.25);
    let target = GaussianMixture::new(vec![0.3, 0.7], vec![mode(-3.0)?, mode(3.0)?])?;
    let start = || Tensor::full([2_000, 2], -3.0, &Device::flex());
    let right = |x: Tensor<2>| x.narrow(1, 0, 1).greater_elem(0.0).float().mean().into_scalar::<f32>();

    let alone = Chain::start(&target, Mala::new(0.2)?, start(), Noise::seeded(7)).nth(199);
    println!("share of the right mode (0.7), alone: {:.3}", right(alone.expect("a draw").position));

    let rung = |t: f64| Ok((t, Mala::new(0.2 * t)?));
    let rungs = [1.0, 3.0, 9.0, 27.0].map(rung).into_iter().collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let tempering = ParallelTempering::new(rungs)?;
    let draw = Chain::start(&target, tempering, start(), Noise::seeded(7)).nth(199).expect("a draw");
    println!("with replicas at 1, 3, 9 and 27: {:.3}", right(draw.position));
    for (rung, swap) in draw.info.swaps {
        println!("rungs {rung} and {} change places in {:.2}", rung + 1, swap.mean().into_scalar::<f32>());
    }
    Ok(())
}
