//! `ebm eval`: how good a model's samples are, and how likely it finds data that it has not learned from.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use burn::tensor::{Tensor, TensorData};
use clap::Args;
use ebm_data::{DataSpec, Split};
use ebm_eval::{
    Comparison, Coordinates, FeatureMap, Figure, PooledPixels, Protocol, Report, compare, halves,
    standard_distances,
};
use ebm_model::{Capabilities, NetworkConfig};
use ebm_ops::Noise;
use serde_json::json;

use ebm_run::bounds;
use ebm_run::card::{Content, ModelCard};
use ebm_run::config::{Config, assign_to};
use ebm_run::folder::RunFolder;
use ebm_run::model::model;
use ebm_run::rows::Rows;
use ebm_run::sampling::SampleConfig;
use ebm_run::usage::usage;

use crate::terminal::backend::Backend;
use crate::verbs::reading::Reading;

mod likelihood;

/// Sides of the squares whose means are an image's features.
const POOL: usize = 4;

/// `ebm eval`.
#[derive(Debug, Args)]
pub struct Eval {
    /// A run's folder, or a model.safetensors.
    run: PathBuf,
    /// The checkpoint, by its step [default: the model, or the last checkpoint].
    #[arg(long)]
    step: Option<u64>,
    /// Samples, and points of the data in each of two halves.
    #[arg(long, default_value_t = 2000)]
    n: usize,
    /// Seed of the random number generator.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The sampler, if not the one that the model was trained with.
    #[arg(long)]
    sampler: Option<String>,
    /// A number of a sampler, for instance chain.steps=1000; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The data, if not those that the run held out.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Points of the data whose likelihood is measured; 0 leaves it out.
    #[arg(long, default_value_t = 200)]
    likelihood: usize,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    backend: Backend,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Eval {
    /// Measures and prints.
    ///
    /// # Errors
    /// Whatever keeps samples from being drawn or data from being read.
    pub fn run(self) -> Result<()> {
        let (request, device) = (&self, &self.backend.device()?);
        let Self { n, seed, .. } = request;
        ensure!(2 <= *n, usage(anyhow!("--n {n}: expected at least 2")));
        let (card, network) = model(&request.run, request.step, device, &crate::terminal::say)?;
        let config: SampleConfig = assign_to(&card.sample, &request.set).map_err(usage)?;
        let sampler = config.drawing(request.sampler.as_deref(), &network).map_err(usage)?;
        let dim = card.architecture.dim();
        bounds::samples("--n", &[2, *n, dim])?;

        let noise = Noise::seeded(*seed);
        let data = held_out(request, &card, &noise)?;
        crate::terminal::say(data.about());
        let data = data.tensor(device);
        let [fresh, reference] = halves(data, &mut noise.derive("halves"));
        let n = (*n).min(fresh.dims()[0]);
        let fresh = fresh.narrow(0, 0, n);
        crate::terminal::say(&format!("drawing {n} samples"));
        let drawn = sampler.draw(&network, [n, dim], &noise.derive("samples"), device, false, |_| {})?;
        let sample = Tensor::from_data(TensorData::new(drawn.values, [n, dim]), device);

        let protocol = Protocol {
            n_reference: Some(reference.dims()[0]),
            seed: Some(*seed),
            denoised: network.as_noisy_score().map(|_| true),
            ..Protocol::of(n)
        };
        let protocol = protocol.with("sampler", request.sampler.as_deref().unwrap_or(&config.sampler));
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
}

/// The run's data that were held out, or those that were named: 2n rows, or all there are.
fn held_out(request: &Eval, card: &ModelCard, noise: &Noise) -> Result<Rows> {
    let (content, dim, most) = (&card.content, card.architecture.dim(), 2 * request.n);
    if let Some(path) = &request.data {
        let spec = DataSpec { split: Split::Test, ..DataSpec::detect(path)? };
        // A single file has no parts.
        let split = if path.is_file() { Split::Train } else { spec.split };
        let spec = DataSpec { split, ..request.reading.applied(spec) };
        return Rows::open(&spec, noise, content, dim, most);
    }
    ensure!(
        request.run.is_dir(),
        usage(anyhow!("a model file does not say what it was trained on; --data PATH names data"))
    );
    let folder = RunFolder::open(&request.run)?;
    let config = Config::of(&folder)?;
    let noise = Noise::seeded(config.seed).derive("data");
    let spec = DataSpec { split: Split::Test, ..request.reading.applied(config.data) };
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
