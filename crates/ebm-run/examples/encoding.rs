//! Digits encoded by the probability flow of a network, and decoded again.
//!
//! `cargo run --release --example encoding RUN MNIST [DIGITS]` prints the mean absolute error of a pixel.
#![allow(clippy::print_stdout, reason = "a program")]

use std::path::Path;
use std::time::Instant;

use burn::tensor::Device;
use ebm_data::{Data, DataSpec, Split, to_pixels};
use ebm_model::Capabilities;
use ebm_ops::Noise;
use ebm_run::model::model;
use ebm_sample::{Annealed, Descent, ProbabilityFlow};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [run, digits, more @ ..] = &arguments[..] else { return Err("expected RUN and MNIST".into()) };
    let n: usize = more.first().map_or(Ok(100), |text| text.parse())?;
    let device = Device::flex();
    let (card, network) = model(Path::new(run), None, &device, &|line| println!("{line}"))?;
    let score = network.as_noisy_score().ok_or("a network without noise levels")?;
    let spec = DataSpec { split: Split::Test, ..DataSpec::detect(Path::new(digits))? };
    let data = Data::open(&spec, &Noise::seeded(0))?;
    let x = data.read(&(0..n).collect::<Vec<_>>(), None)?.tensor(&device);
    for levels in [20, 40, 80] {
        let began = Instant::now();
        let flow = ProbabilityFlow::edm(card.sample.heun.top, card.sample.heun.bottom, levels)?;
        let code = flow.encode(score, x.clone());
        let deviation = code.clone().square().mean().sqrt().into_scalar::<f32>();
        let back = flow.run(score, code, Noise::seeded(0));
        let error = (to_pixels(back) - to_pixels(x.clone())).abs().mean().into_scalar::<f32>() * 255.0;
        let seconds = began.elapsed().as_secs_f64();
        let top = flow.ladder().top();
        println!(
            "{levels} levels: {error:.3}/255, codes of deviation {deviation:.2} at σ = {top}, {seconds:.0} s"
        );
    }
    Ok(())
}
