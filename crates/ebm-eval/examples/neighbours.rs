//! Whether samples repeat training rows: the nearest training row of each beside the nearest that was held out.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::{Device, Tensor};
use ebm_eval::{Neighbour, Neighbours};
use ebm_model::Gaussian;
use ebm_ops::Noise;

fn main() -> Result<(), Box<dyn Error>> {
    let (truth, noise, device) = (Gaussian::standard(8), Noise::seeded(5), Device::flex());
    let draw = |n: usize, name: &str| truth.sample(n, &mut noise.derive(name), &device);
    let (training, held_out) = (draw(2_000, "training"), draw(2_000, "held out"));
    // two honest samples, and two that are training rows with a little noise
    let copies = training.clone().narrow(0, 700, 2) + draw(2, "noise") * 0.05;
    let samples = Tensor::cat(vec![draw(2, "samples"), copies], 0);

    // rows are seen part by part, and need not fit into memory together
    let nearest = |rows: Tensor<2>| -> Result<Vec<Neighbour>, Box<dyn Error>> {
        let mut neighbours = Neighbours::of(samples.clone())?;
        for first in (0..2_000).step_by(500) {
            neighbours.see(rows.clone().narrow(0, first, 500))?;
        }
        Ok(neighbours.nearest().to_vec())
    };
    println!("sample  training row        held-out row");
    for (i, (a, b)) in nearest(training)?.iter().zip(nearest(held_out)?).enumerate() {
        println!("{i:6}  {:5} at {:.3}      {:5} at {:.3}", a.row, a.distance, b.row, b.distance);
    }
    Ok(())
}
