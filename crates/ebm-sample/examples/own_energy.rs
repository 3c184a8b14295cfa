//! An energy of one's own, a closure of tensors; Burn's autodiff gives it a score.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::{Device, Tensor};
use ebm_model::{Autograd, Custom};
use ebm_ops::Noise;
use ebm_sample::{Chain, Hmc};

fn main() -> Result<(), Box<dyn Error>> {
    // E(x) = Σ x⁴/4, of which E[x²] = 2 Γ(¾)/Γ(¼) = 0.67597…
    let quartic = Custom(|x: Tensor<2>| x.powi_scalar(4).sum_dim(1).squeeze_dim::<1>(1) * 0.25);
    let target = Autograd(quartic);
    let start = Tensor::zeros([5_000, 3], &Device::flex());
    let mut chain = Chain::start(&target, Hmc::new(0.4, 5)?, start, Noise::seeded(13));
    let draw = chain.nth(49).expect("a chain does not end");
    let found: Vec<f32> = draw.position.square().mean_dim(0).into_data().iter().collect();
    println!("E[x²] of each coordinate (0.6760): {found:.4?}");
    println!("acceptance {:.3}", draw.info.acceptance.mean().into_scalar::<f32>());
    Ok(())
}
