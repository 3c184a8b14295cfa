//! Where in a picture it is unlikely: a row of pixels like their neighbours, one of which was altered.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use burn::tensor::{Device, Tensor};
use ebm_eval::{ScoreMap, path_contributions};
use ebm_model::{Energy, Gaussian};
use ebm_ops::Noise;

fn main() -> Result<(), Box<dyn Error>> {
    let n = 12;
    let covariance = |i: usize, k: usize| (-(i as f64 - k as f64).abs() / 4.0).exp();
    let rows: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|k| covariance(i, k)).collect()).collect();
    let model = Gaussian::new(vec![0.0; n], &rows)?;
    let device = Device::flex();
    let before = model.sample(1, &mut Noise::seeded(4), &device);
    let alteration: Vec<f32> = (0..n).map(|i| if i == 7 { 2.5 } else { 0.0 }).collect();
    let after = before.clone() + Tensor::<1>::from_floats(alteration.as_slice(), &device).unsqueeze();

    // by the scores at all noise levels, and what the alteration added to the energy
    let map = ScoreMap::new(0.01, 20.0, 24)?.of(&model, after.clone())?.total;
    let path = path_contributions(&model, before.clone(), after.clone(), 1)?;
    let numbers = |x: &Tensor<2>| x.clone().into_data().iter::<f32>().collect::<Vec<_>>();
    let [before_x, after_x, map_x, path_x] = [&before, &after, &map, &path].map(numbers);
    println!("pixel  before   after     map    path");
    for (i, before) in before_x.iter().enumerate() {
        println!("{i:5}  {before:6.2}  {:6.2}  {:6.2}  {:6.2}", after_x[i], map_x[i], path_x[i]);
    }
    let (sum, energy) = (map.sum().into_scalar::<f32>(), model.energy(after.clone()).into_scalar::<f32>());
    println!("the map sums to {sum:.2}, the energy is {energy:.2}");
    let more = (model.energy(after) - model.energy(before)).into_scalar::<f32>();
    println!("the path sums to {:.2}, the energy rose by {more:.2}", path.sum().into_scalar::<f32>());
    Ok(())
}
