//! `ebm eval`: how good a model's samples are, and how likely it finds data that it has not learned from.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use ebm_data::{DataSpec, Split};
use ebm_eval::{
    ClassifierTwoSample, Features, Figure, Order, Protocol, RadialKernel, Report, frechet, halves, mmd,
    sliced_wasserstein, with_floor,
};
use ebm_model::{Capabilities, NetworkConfig};
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

/// Directions of the sliced Wasserstein distance.
const DIRECTIONS: usize = 200;

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
        denoised: network.as_noisy_score().map(|_| true),
        ..Protocol::of(n)
    };
    let protocol = protocol.with("sampler", serde_json::to_value(name)?.as_str().unwrap_or_default());
    let mut report = Report::default();
    compare(&mut report, &protocol, &card.content, [sample.clone(), fresh, reference.clone()], &noise)?;
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

/// Distances between samples and data, beside those between data and data.
fn compare(
    report: &mut Report,
    protocol: &Protocol,
    content: &Content,
    [sample, fresh, reference]: [Tensor<2>; 3],
    noise: &Noise,
) -> Result<()> {
    let all = || [sample.clone(), fresh.clone(), reference.clone()];

    let [s, f, r] = all();
    let kernel = RadialKernel::median(&f, &r, &[0.25, 0.5, 1.0, 2.0])?;
    let found = with_floor(s, f, r, |x, y| mmd(x, y, &kernel))?;
    let bandwidths = kernel.bandwidths().to_vec();
    report.push(Figure::estimate_with_floor(
        "mmd2_unbiased",
        found,
        Protocol { bandwidths, ..protocol.clone() },
    ));

    let [s, f, r] = all();
    let found = with_floor(s, f, r, |x, y| {
        sliced_wasserstein(x, y, Order::First, DIRECTIONS, &mut noise.derive("directions"))
    })?;
    let settings = protocol.clone().with("directions", DIRECTIONS);
    report.push(Figure::estimate_with_floor("sliced_wasserstein_1", found, settings));

    let [s, f, r] = all().map(|x| features(x, content));
    let few = s.dims()[0].min(r.dims()[0]) <= s.dims()[1];
    if !few {
        let moments = |x: Tensor<2>| Features::of(x)?.moments();
        let found = with_floor(s, f, r, |x, y| frechet(&moments(x)?, &moments(y)?))?;
        let settings = protocol.clone().with("features", feature_name(content));
        report.push(Figure::exact_with_floor("frechet", found, settings));
    }

    let [s, f, r] = all();
    let test = ClassifierTwoSample::default();
    let found = with_floor(s, f, r, |x, y| test.test(x, y, &mut noise.derive("classifier")))?;
    let settings = protocol
        .clone()
        .with("features", format!("{} random Fourier features", test.features))
        .with("p_value", format!("{:.3e}", found.value.p_value));
    let accuracy = ebm_eval::WithFloor { value: found.value.accuracy, floor: found.floor.accuracy };
    report.push(Figure::estimate_with_floor("classifier_accuracy", accuracy, settings));
    Ok(())
}

/// What the Fréchet distance sees: coordinates, or the means of squares of an image.
fn features(x: Tensor<2>, content: &Content) -> Tensor<2> {
    match *content {
        Content::Image { channels, height, width } if height % POOL == 0 && width % POOL == 0 => {
            let (n, h, w) = (x.dims()[0], height / POOL, width / POOL);
            let squares = x.reshape([n * channels * h, POOL, w, POOL]);
            squares.mean_dim(3).mean_dim(1).reshape([n, channels * h * w])
        }
        _ => x,
    }
}

fn feature_name(content: &Content) -> String {
    match content {
        Content::Image { height, width, .. } if height % POOL == 0 && width % POOL == 0 => {
            format!("means of {POOL}x{POOL} pixels in [-1, 1]")
        }
        Content::Image { .. } => "pixels in [-1, 1]".into(),
        Content::Row { .. } => "coordinates in the model's units".into(),
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
