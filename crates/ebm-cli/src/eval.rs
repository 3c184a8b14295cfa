//! `ebm eval`: how good a model's samples are, and how likely it finds data that it has not learned from.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use ebm_data::{DataSpec, Split};
use ebm_eval::{
    Comparison, Coordinates, FeatureMap, Figure, PooledPixels, Protocol, Report, compare, halves,
    standard_distances,
};
use ebm_ops::Noise;
use serde_json::json;

use crate::bounds;
use crate::config::{Config, Overrides, assign_to};
use crate::model_file::{Content, ModelCard};
use crate::rows::Rows;
use crate::run_folder::RunFolder;
use crate::sample::model;
use crate::sampler::SamplerName;
use crate::usage::usage;

mod likelihood;

/// Sides of the squares whose means are an image's features.
const POOL: usize = 4;

/// What the command line asks for.
pub struct Request {
    /// A run's folder or a model file.
    pub run: PathBuf,
    /// Samples, and points of the data in each of two halves.
    pub n: usize,
    /// Of all randomness.
    pub seed: u64,
    /// Which sampler, if not the model's own.
    pub sampler: Option<SamplerName>,
    /// Changes to the samplers' numbers, `key=value`.
    pub set: Vec<String>,
    /// The data, if not those held out by the run.
    pub data: Option<PathBuf>,
    /// Points whose likelihood is asked for.
    pub likelihood: usize,
    /// Whether standard output is JSON.
    pub json: bool,
}

/// Measures and prints.
///
/// # Errors
/// Whatever keeps samples from being drawn or data from being read.
pub fn eval(request: &Request, device: &Device) -> Result<()> {
    let Request { n, seed, .. } = request;
    ensure!(2 <= *n, usage(anyhow!("--n {n}: expected at least 2")));
    let (card, network) = model(&request.run, device)?;
    let config = assign_to(&card.sample, &request.set).map_err(usage)?;
    let name = request.sampler.unwrap_or(config.sampler);
    let sampler = config.build(name, &network).map_err(usage)?;
    let dim = card.architecture.dim();
    bounds::samples("--n", &[2, *n, dim])?;

    let noise = Noise::seeded(*seed);
    let data = held_out(request, &card, &noise)?.tensor(device);
    let [fresh, reference] = halves(data, &mut noise.derive("halves"));
    let n = (*n).min(fresh.dims()[0]);
    let fresh = fresh.narrow(0, 0, n);
    crate::say(&format!("drawing {n} samples"));
    let drawn = sampler.draw(&network, [n, dim], &noise.derive("samples"), device, false, |_| {})?;
    let sample = Tensor::from_data(TensorData::new(drawn.values, [n, dim]), device);

    let protocol = Protocol {
        n_reference: Some(reference.dims()[0]),
        seed: Some(*seed),
        denoised: network.noisy_score().map(|_| true),
        ..Protocol::of(n)
    };
    let protocol = protocol.with("sampler", serde_json::to_value(name)?.as_str().unwrap_or_default());
    let features = features(&card.content);
    let comparison = Comparison {
        sample: sample.clone(),
        fresh,
        reference: reference.clone(),
        features: features.as_ref(),
    };
    let mut report = compare(&comparison, &standard_distances(), &protocol, &noise)?;
    likelihood::measure(&mut report, request, &card, &network, sample, reference, &noise)?;
    print(&report, request.json)
}

/// The run's data that were held out, or those that were named: 2n rows, or all there are.
fn held_out(request: &Request, card: &ModelCard, noise: &Noise) -> Result<Rows> {
    let (content, dim, most) = (&card.content, card.architecture.dim(), 2 * request.n);
    if let Some(path) = &request.data {
        let spec = DataSpec { split: Split::Test, ..DataSpec::detect(path)? };
        // A single file has no parts.
        let split = if path.is_file() { Split::Train } else { spec.split };
        return Rows::open(&DataSpec { split, ..spec }, noise, content, dim, most);
    }
    ensure!(
        request.run.is_dir(),
        usage(anyhow!("a model file does not say what it was trained on; --data PATH names data"))
    );
    let folder = RunFolder::open(&request.run)?;
    let config = Config::resolve(&folder.config().to_string_lossy(), &Overrides::default())?;
    let noise = Noise::seeded(config.seed).derive("data");
    let spec = DataSpec { split: Split::Test, ..config.data };
    Rows::open(&spec, &noise, content, dim, most).context("no held-out data; --data PATH names others")
}

/// What the Fréchet distance compares: coordinates, or the means of squares of an image.
fn features(content: &Content) -> Box<dyn FeatureMap> {
    match *content {
        Content::Image { channels, height, width } => {
            Box::new(PooledPixels::new([channels, height, width], POOL))
        }
        Content::Row { .. } => Box::new(Coordinates),
    }
}

fn print(report: &Report, json: bool) -> Result<()> {
    if json {
        tell!("{}", json!({"event": "done", "figures": report.figures}));
        return Ok(());
    }
    for Figure { name, value, standard_error, floor, protocol } in &report.figures {
        let error = standard_error.map(|error| format!(" ± {error:.2e}")).unwrap_or_default();
        let floor = floor.map(|floor| format!("   data against data {floor:.6}")).unwrap_or_default();
        tell!("{name:24} {value:>12.6}{error}{floor}   n = {}", protocol.n);
    }
    Ok(())
}
