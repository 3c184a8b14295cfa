//! Held-out digits encoded by the probability flow of a network, and decoded again.
//!
//! `cargo run --release --example encoding RUN MNIST [DIGITS]` prints the mean absolute error of a pixel.
#![allow(clippy::print_stdout, reason = "a program")]

use std::path::Path;
use std::time::Instant;

use burn::tensor::Device;
use ebm_data::{DataSpec, Split};
use ebm_model::NetworkConfig;
use ebm_ops::Noise;
use ebm_run::encoding::{Encoder, RoundTrip};
use ebm_run::model::model;
use ebm_run::rows::Rows;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [run, digits, more @ ..] = &arguments[..] else { return Err("expected RUN and MNIST".into()) };
    let n: usize = more.first().map_or(Ok(100), |text| text.parse())?;
    let device = Device::flex();
    let (card, network) = model(Path::new(run), None, &device, &|line| println!("{line}"))?;
    let spec = DataSpec { split: Split::Test, ..DataSpec::detect(Path::new(digits))? };
    let dim = card.architecture.dim();
    let rows = Rows::open(&spec, &Noise::seeded(0), &card.content, dim, n)?;
    let x: Vec<f32> = (0..rows.n_rows()).flat_map(|row| rows.row(row)).copied().collect();
    for tolerance in [1e-2, 1e-3, 1e-4] {
        let began = Instant::now();
        let encoder = Encoder::new(&network, &card.content, &card.sample, tolerance)?;
        let codes = encoder.encode(&rows, &device, |_| {})?;
        let back = encoder.decode(&codes.values, dim, &device, |_| {})?;
        let RoundTrip { mean, largest } = RoundTrip::of(&card.content, &x, &back.values);
        let (calls, seconds) = (codes.calls + back.calls, began.elapsed().as_secs_f64());
        println!("tolerance {tolerance}: {mean:.4}/255, largest {largest:.2}, {calls} calls, {seconds:.0} s");
    }
    Ok(())
}
