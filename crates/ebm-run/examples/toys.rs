//! The presets of densities in the plane against their exact log densities.
//!
//! `cargo run --release --example toys [SEEDS [PRESET … KEY=VALUE …]]` trains each preset with each seed, and prints the
//! mean log density of 10,000 fresh points by the model beside the exact one; and how often a classifier tells 2,000
//! samples from 2,000 fresh points, as many as `ebm eval` compares, beside chance plus two standard errors. Keys are
//! those of `ebm train --set`.
#![allow(clippy::print_stdout, reason = "a program")]

use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use ebm_data::{Data, DatasetName, Split, Toy};
use ebm_eval::{ClassifierTwoSample, FlowLikelihood};
use ebm_model::{Capabilities, Gaussian, Network};
use ebm_ops::Noise;
use ebm_run::config::{Config, Overrides};
use ebm_run::folder::RunFolder;
use ebm_run::parts::Parts;
use ebm_run::presets;

type Error = Box<dyn std::error::Error>;

/// Fresh points.
const POINTS: usize = 10_000;

/// Samples, and fresh points that they are compared with.
const COMPARED: usize = 2000;

/// Half the side of the square over which an energy is normalised, and nodes along a side.
const HALF: f64 = 8.0;
const NODES: usize = 1600;

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let seeds: u64 = arguments.next().map_or(Ok(3), |seeds| seeds.parse())?;
    let (mut wanted, mut set) = (Vec::new(), Vec::new());
    for argument in arguments {
        if argument.contains('=') { set.push(argument) } else { wanted.push(argument) }
    }
    if wanted.is_empty() {
        wanted = presets::names().filter(|name| toy(name).is_some()).map(str::to_owned).collect();
    }
    println!("{:18} seed  seconds  model    exact    difference  told apart, chance + 2 s.e.", "preset");
    for preset in &wanted {
        for seed in 0..seeds {
            one(preset, seed, &set)?;
        }
    }
    Ok(())
}

/// The density that a preset learns from, if it is one in the plane.
fn toy(preset: &str) -> Option<Toy> {
    let config = Config::resolve(preset, &Overrides::default()).ok()?;
    match config.data.dataset {
        DatasetName::Toy(toy) => Some(toy),
        _ => None,
    }
}

fn one(preset: &str, seed: u64, set: &[String]) -> Result<(), Error> {
    let device = Device::flex();
    let own = [format!("seed={seed}"), "record.picture_samples=0".into(), "record.checkpoint_every=0".into()];
    let config =
        Config::resolve(preset, &Overrides { set: own.into_iter().chain(set.iter().cloned()).collect() })?;
    let toy = toy(preset).ok_or("the preset is no density in the plane")?;
    let parts = Parts::of(&config, || Ok(device.clone()))?;
    let folder = tempfile::tempdir()?;
    let (run, lock) = RunFolder::create(Some(folder.path()), preset)?;
    let began = Instant::now();
    let session = parts.training(config.to_toml()?).begin(run, lock, &|line| println!("{line}"))?;
    let network = session.run(|_| vec![])?.state.average();
    let seconds = began.elapsed().as_secs_f64();

    let data = Data::open(
        &ebm_data::DataSpec { split: Split::Test, ..config.data.clone() },
        &Noise::seeded(1000 + seed),
    )?;
    let points = data.read(&(0..POINTS).collect::<Vec<_>>(), None)?.values;
    let pairs = points.chunks_exact(2).map(|p| [f64::from(p[0]), f64::from(p[1])]);
    let exact = pairs.map(|p| toy.log_density(p)).sum::<f64>() / POINTS as f64;
    let bottom = config.sample.heun.bottom;
    let found = log_likelihood(&network, &points, bottom, config.sample.heun.top, &device)?;

    let noise = parts.noise.derive("samples");
    let samples = parts.drawing.draw(&network, [COMPARED, 2], &noise, &device, false, |_| ())?.values;
    let [samples, fresh] = [&samples[..], &points[..2 * COMPARED]]
        .map(|values| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [COMPARED, 2]), &device));
    let test = ClassifierTwoSample::default().test(samples, fresh, &mut noise.derive("classifier"))?;
    println!(
        "{preset:18} {seed:4} {seconds:8.1} {found:8.4} {exact:8.4} {:8.4} {:12.4} {:8.4}",
        found - exact,
        test.accuracy.value,
        0.5 + 2.0 * test.null_error
    );
    Ok(())
}

/// The mean log density of points by a network: of an energy, normalised by quadrature; of a score, by its flow.
fn log_likelihood(
    network: &Network,
    points: &[f32],
    bottom: f64,
    top: f64,
    device: &Device,
) -> Result<f64, Error> {
    let batch = |points: &[f32]| {
        Tensor::<2>::from_data(TensorData::new(points.to_vec(), [points.len() / 2, 2]), device)
    };
    if let Some(model) = network.as_noisy_score() {
        let prior = Gaussian::isotropic(vec![0.0; 2], top * top)?;
        let flow = FlowLikelihood::new(bottom, top, prior)?.with_tolerance(1e-3)?;
        return Ok(flow.log_density(&model, batch(points))?.mean().value);
    }
    let energy = network.as_energy().ok_or("the network has neither an energy nor a score")?;
    let energies = |points: &[f32]| -> Vec<f64> {
        points
            .chunks(2 * 8192)
            .flat_map(|some| energy.energy(batch(some)).into_data().iter::<f64>().collect::<Vec<_>>())
            .collect()
    };
    let side = 2.0 * HALF / NODES as f64;
    let node = |i: usize| (side * (i as f64 + 0.5) - HALF) as f32;
    let grid: Vec<f32> = (0..NODES * NODES).flat_map(|i| [node(i % NODES), node(i / NODES)]).collect();
    let on_grid = energies(&grid);
    let least = on_grid.iter().copied().fold(f64::INFINITY, f64::min);
    let log_z = on_grid.iter().map(|e| (least - e).exp()).sum::<f64>().ln() - least + 2.0 * side.ln();
    let mean = energies(points).iter().sum::<f64>() / (points.len() / 2) as f64;
    Ok(-mean - log_z)
}
