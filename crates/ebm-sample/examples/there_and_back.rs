//! Two points as the noise that they are made of, and the way between them.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::{Device, Tensor};
use ebm_model::{Gaussian, GaussianMixture};
use ebm_sample::flow::AdaptiveFlow;

fn main() -> Result<(), Box<dyn Error>> {
    // two modes, and a point near each
    let mode = |x: f64, y: f64| Gaussian::isotropic(vec![x, y], 0.04);
    let model = GaussianMixture::new(vec![0.5, 0.5], vec![mode(-1.0, 0.0)?, mode(1.0, 0.5)?])?;
    let points = Tensor::<2>::from_floats([[-1.1, 0.2], [0.9, 0.3]], &Device::flex());

    let flow = AdaptiveFlow::new(20.0, 0.01)?;
    let codes = flow.encode(&model, points.clone())?;
    let back = flow.decode(&model, codes.position.clone())?;
    let error = (back.position - points).abs().max().into_scalar::<f32>();
    println!("there and back in {} evaluations: off by {error:.1e}", codes.calls + back.calls);

    // an arc between the codes, and what is decoded on it
    let code = |i: usize| codes.position.clone().narrow(0, i, 1);
    let between = |i: i32| {
        let angle = f64::from(i) / 10.0 * std::f64::consts::FRAC_PI_2;
        code(0) * angle.cos() + code(1) * angle.sin()
    };
    let way = Tensor::cat((0..=10).map(between).collect(), 0);
    let way: Vec<f32> = flow.decode(&model, way)?.position.into_data().iter().collect();
    way.chunks(2).for_each(|point| println!("{:6.3} {:6.3}", point[0], point[1]));
    Ok(())
}
