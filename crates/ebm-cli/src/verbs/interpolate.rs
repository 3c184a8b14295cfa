//! `ebm interpolate`: from one picture or row to another through a network's noise.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::Device;
use clap::Args;
use ebm_data::Split;
use ebm_model::NetworkConfig;
use ebm_report::Format;
use ebm_run::bounds;
use ebm_run::card::{Content, ModelCard};
use ebm_run::config::{Config, assign_to};
use ebm_run::folder::RunFolder;
use ebm_run::interpolation::between;
use ebm_run::model::{model, run_and_step};
use ebm_run::restoring::Pictures;
use ebm_run::rows;
use ebm_run::sampling::{KeysRead, SampleConfig};
use serde_json::json;

use crate::terminal::backend::Backend;
use crate::terminal::say;
use crate::terminal::usage::usage;
use crate::verbs::apart;
use crate::verbs::class_flags::ClassFlags;
use crate::verbs::reading::Reading;
use crate::verbs::unread::say_unread;

/// `ebm interpolate`.
#[derive(Debug, Args)]
pub struct Interpolate {
    /// A run's folder, or a model.safetensors.
    run: PathBuf,
    /// Where the way begins: the file of a picture, the numbers of a row with commas between, or, with --data, the number
    /// of a row or picture in it, from 0.
    #[arg(allow_hyphen_values = true)]
    a: String,
    /// Where it ends.
    #[arg(allow_hyphen_values = true)]
    b: String,
    /// What both are rows of: a table, a folder of pictures, IDX files.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// The held-out part of it.
    #[arg(long, requires = "data")]
    test: bool,
    /// The checkpoint of a run, by its step [default: the model, or the last checkpoint].
    #[arg(long)]
    step: Option<u64>,
    /// Samples on the way, both ends among them.
    #[arg(long, default_value_t = 12)]
    n: usize,
    /// A number of the flow, for instance heun.levels=100; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    classes: ClassFlags,
    /// Where they go: .gif (a film), .png, .npy, .safetensors, or .csv for rows.
    #[arg(long, default_value = "film.gif")]
    out: PathBuf,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    backend: Backend,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Interpolate {
    /// Draws the way and writes it.
    ///
    /// # Errors
    /// Ends that cannot be read, a network without noise levels, or a file that cannot be written.
    pub fn run(self) -> Result<()> {
        ensure!(2 <= self.n, usage(anyhow!("--n {}: expected at least 2", self.n)));
        let format = Format::of(&self.out).map_err(usage)?;
        let read = match &self.data {
            Some(path) => vec![("--data", path.as_path())],
            None => vec![("A", Path::new(&self.a)), ("B", Path::new(&self.b))],
        };
        apart::check("--out", &self.out, &read)?;
        let device: Device = self.backend.device()?;
        let (card, network) = model(&self.run, self.step, &device, &say)?;
        let of_one = self.classes.of_one(&card, &network)?;
        let dim = card.architecture.dim();
        format.check(card.content.samples(vec![0.0; dim], 1)?.shape()).map_err(usage)?;
        bounds::samples("--n", &[self.n, dim])?;
        let config: SampleConfig = assign_to(&card.sample, &self.set).map_err(usage)?;
        config.check().map_err(usage)?;
        let flow = config.flow().map_err(usage)?;
        say_unread(&KeysRead::new("the flow", ["heun.top", "heun.bottom", "heun.levels"]), &self.set);
        let [a, b] = match &self.data {
            Some(path) => self.rows(path, &card, dim)?,
            None => [end(&self.a, &self.run, &card, dim)?, end(&self.b, &self.run, &card, dim)?],
        };

        let began = Instant::now();
        let way = between(of_one.model(), &flow, [&a, &b], self.n, &device)?;
        let samples = match format.is_film() {
            true => {
                let mut frames: Vec<Vec<f32>> = way.chunks_exact(dim).map(<[f32]>::to_vec).collect();
                let last = frames.pop().unwrap_or_default();
                card.content.samples(last, 1)?.with_film(card.content.frames(frames))?
            }
            false => card.content.samples(way, self.n)?,
        };
        ebm_report::write(&self.out, &samples)?;
        let (seconds, n, out) = (began.elapsed().as_secs_f64(), self.n, self.out.display());
        if self.json {
            tell!(
                "{}",
                json!({ "event": "done", "n": n, "seconds": seconds, "out": self.out.to_string_lossy() })
            );
        } else {
            tell!("{n} samples on the way in {seconds:.1} s: {out}");
        }
        Ok(())
    }
}

impl Interpolate {
    /// Both ends by their numbers in the data at `path`.
    fn rows(&self, path: &Path, card: &ModelCard, dim: usize) -> Result<[Vec<f32>; 2]> {
        let split = if self.test { Split::Test } else { Split::Train };
        let (spec, noise) = self.reading.described(path, &self.run, split)?;
        let data = rows::open(&spec, &noise, &card.content, dim)?;
        let n = data.len();
        let row = |text: &String| -> Result<Vec<f32>> {
            let at = path.display();
            let Ok(number) = text.trim().parse::<usize>() else {
                bail!(usage(anyhow!("{text}: expected the number of a row of {at}, from 0")));
            };
            // Rows may have been left out, and then numbers are not places.
            let place = match n {
                Some(n) => (0..n).find(|&place| data.number(place) == number),
                None => Some(number),
            };
            let Some(place) = place else {
                let n = n.unwrap_or_default();
                bail!(usage(anyhow!("row {number}: {at} has no such row among its {n}, which count from 0")));
            };
            Ok(data.read(&[place], None)?.values)
        };
        Ok([row(&self.a)?, row(&self.b)?])
    }
}

/// An end of the way in the model's units.
fn end(text: &str, run: &Path, card: &ModelCard, dim: usize) -> Result<Vec<f32>> {
    match &card.content {
        &Content::Image { channels, height, width } => {
            let (run, _) = run_and_step(run, None)?;
            let like = match run.is_dir() {
                true => Some(Config::of(&RunFolder::open(&run)?)?.data),
                false => None,
            };
            let shape = [channels, height, width];
            let pictures = Pictures::read(Path::new(text), Split::Train, shape, like.as_ref(), 1)?;
            let first = pictures.iter().next().map(<[f32]>::to_vec);
            first.ok_or_else(|| usage(anyhow!("{text}: expected a picture")))
        }
        Content::Row { .. } => {
            let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
            let Ok(numbers) = numbers else {
                bail!(usage(anyhow!(
                    "{text}: expected {dim} numbers with commas between, as 0.5,1, or --data and a row's number"
                )));
            };
            let found = numbers.len();
            ensure!(found == dim, usage(anyhow!("{text}: expected {dim} numbers, found {found}")));
            Ok(card.content.layout(dim).transform.forward(&numbers))
        }
    }
}
