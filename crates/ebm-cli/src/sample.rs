//! `ebm sample`: new samples from a trained network.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use burn::tensor::Device;
use ebm_model::{Network, NetworkConfig};
use ebm_ops::Noise;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::config::assign_to;
use crate::landscape;
use crate::model_file::ModelCard;
use crate::output::{self, Format, Shape};
use crate::run_folder::RunFolder;
use crate::sampler::{SampleConfig, SamplerName};
use crate::usage::usage;
use crate::{agreement, bounds};

/// What the command line asks for.
pub struct Request {
    /// A run's folder or a model file.
    pub run: PathBuf,
    /// Samples.
    pub n: usize,
    /// Of all randomness.
    pub seed: u64,
    /// Which sampler, if not the model's own.
    pub sampler: Option<SamplerName>,
    /// Changes to the samplers' numbers, `key=value`.
    pub set: Vec<String>,
    /// Where the samples go.
    pub out: PathBuf,
    /// Whether standard output is JSON.
    pub json: bool,
}

/// The model file of a run's folder, or the file itself.
///
/// # Errors
/// A wrong use of the command line if there is none.
fn model_path(run: &Path) -> Result<PathBuf> {
    if run.is_file() {
        return Ok(run.to_owned());
    }
    let path = RunFolder::open(run)?.model();
    ensure!(path.is_file(), usage(anyhow!("{} is not here yet: the run is not done", path.display())));
    Ok(path)
}

/// The card and the network of a run's folder or of a model file.
///
/// # Errors
/// Those of [`model_path`], [`ModelCard::load`], and [`agreement::with_model`].
pub fn model(run: &Path, device: &Device) -> Result<(ModelCard, Network)> {
    let path = model_path(run)?;
    if run.is_dir() {
        let (card, _) = ModelCard::read(&path)?;
        agreement::with_model(&RunFolder::open(run)?, &card)?;
    }
    ModelCard::load(&path, device)
}

/// Draws samples and writes them.
///
/// # Errors
/// Whatever keeps them from being drawn or written; nothing half-written is left.
pub fn sample(request: &Request, device: &Device) -> Result<()> {
    let Request { n, seed, out, .. } = request;
    ensure!(0 < *n, usage(anyhow!("--n 0: expected at least 1")));
    let format = Format::of(out).map_err(usage)?;
    let (card, network) = model(&request.run, device)?;
    let config: SampleConfig = assign_to(&card.sample, &request.set).map_err(usage)?;
    let name = request.sampler.unwrap_or(config.sampler);
    let sampler = config.build(name, &network).map_err(usage)?;
    let dim = card.architecture.dim();
    bounds::samples("--n", &[*n, dim, if format.is_film() { sampler.n_levels() } else { 1 }])?;
    format.check(card.content.samples(vec![0.0; dim], 1)?.shape()).map_err(usage)?;

    let began = Instant::now();
    let bar = ProgressBar::new((n * sampler.n_levels()) as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {percent} %  {elapsed} gone, {eta} left")?);
    let tick = |samples: usize| bar.inc(samples as u64);
    let drawn = sampler.draw(&network, [*n, dim], &Noise::seeded(*seed), device, format.is_film(), tick)?;
    bar.finish_and_clear();
    let seconds = began.elapsed().as_secs_f64();
    let samples = card.content.samples(drawn.values, *n)?.with_film(card.content.frames(drawn.film))?;
    let samples = match format {
        Format::Png | Format::Gif => {
            landscape::under(samples, &network, config.heun.bottom, &card.content, device)?
        }
        Format::Npy | Format::Safetensors | Format::Csv | Format::Zarr => samples,
    };
    output::write(out, &samples)?;

    let shape = Shape::dims(samples.shape());
    if request.json {
        let line = json!({
            "event": "done", "n": n, "seed": seed, "sampler": name, "seconds": seconds, "shape": shape, "out": out,
        });
        tell!("{line}");
    } else {
        tell!("{n} samples in {seconds:.1} s: {}", out.display());
    }
    Ok(())
}
