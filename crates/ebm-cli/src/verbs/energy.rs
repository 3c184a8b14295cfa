//! `ebm energy`: how unlikely a trained energy finds each row of a table or each picture.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail, ensure};
use clap::Args;
use ebm_data::{DataSpec, Split};
use ebm_eval::auroc;
use ebm_model::{Capabilities, Input, Network, NetworkConfig};
use ebm_ops::Noise;
use ebm_run::card::{Content, ModelCard};
use ebm_run::hint::quoted;
use ebm_run::landscape::{energy_of, kinds_with_energy};
use ebm_run::model::model;
use ebm_run::rows::{Rows, none_held_out};
use ebm_run::usage::usage;
use serde_json::json;

use crate::terminal::backend::Backend;
use crate::terminal::{say, tell};
use crate::verbs::reading::{Reading, config_of, described};

/// `ebm energy`.
#[derive(Debug, Args)]
pub struct Energy {
    /// A run's folder, or a model.safetensors.
    run: PathBuf,
    /// The checkpoint, by its step [default: the model, or the last checkpoint].
    #[arg(long)]
    step: Option<u64>,
    /// The rows: a table, a folder of pictures, IDX files.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    #[command(flatten)]
    reading: Reading,
    /// The held-out part of them.
    #[arg(long)]
    test: bool,
    /// Rows that the energy should find less likely: prints how well it tells them apart (AUROC).
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
    /// The noise level, for an energy that is conditioned on one [default: of images the lowest, of rows at least 0.5].
    #[arg(long)]
    sigma: Option<f64>,
    /// Where the table goes [default: standard output].
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    backend: Backend,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Energy {
    /// Writes the energy of every row as CSV, the highest first; rows are counted from 0.
    ///
    /// # Errors
    /// Whatever keeps the rows from being read or written, or a network that is no energy.
    pub fn run(self) -> Result<()> {
        let Self { run, step, data, reading, test, against, sigma, out, backend, json } = self;
        ensure!(
            !json || out.is_some(),
            usage(anyhow!(
                "--json prints the summary on standard output; name a file for the table by --out"
            ))
        );
        let device = backend.device()?;
        let (card, network) = model(&run, step, &device, &say)?;
        let split = if test { Split::Test } else { Split::Train };
        if network.as_energy().is_none() && network.as_noisy_energy().is_none() {
            bail!(usage(without_energy(&run, &card, &network, backend)?));
        }
        let level = sigma.unwrap_or_else(|| usual_level(&card));
        if network.as_energy().is_none() && sigma.is_none() {
            say(&format!("energies at the noise level {level}; --sigma sets another"));
        }
        let number = energy_of(&network, level)?;
        let of_run = config_of(&run)?;
        let read = |path: &Path, split: Split| -> Result<Rows> {
            let (spec, noise) = described(path, of_run.as_ref(), &Noise::seeded(0))?;
            let spec = DataSpec { split, ..reading.applied(spec) };
            let rows = Rows::open(&spec, &noise, &card.content, card.architecture.dim(), usize::MAX)?;
            say(rows.about());
            Ok(rows)
        };
        let rows = read(&data, split)?;
        let energies = rows.each(&device, &number)?;
        let contrast = match &against {
            Some(path) => {
                let others = match read(path, split) {
                    Err(error) if none_held_out(&error) => {
                        say(&format!("{} has no held-out part: all of it is used", path.display()));
                        read(path, Split::Train)
                    }
                    others => others,
                }?;
                Some(auroc(&others.each(&device, &number)?, &energies)?)
            }
            None => None,
        };
        match &out {
            Some(path) => ebm_files::write(path, |writer| table(writer, &energies, &rows))?,
            None => table(&mut tell::Results, &energies, &rows)?,
        }
        let mean = energies.iter().sum::<f64>() / energies.len() as f64;
        if json {
            let line = json!({
                "event": "done", "rows": energies.len(), "mean_energy": mean, "auroc": contrast,
                "out": out.as_ref().map(|out| out.to_string_lossy()),
            });
            tell!("{line}");
        } else {
            let auroc = contrast
                .map(|auroc| format!(", AUROC {:.4} ± {:.4}", auroc.value, auroc.standard_error))
                .unwrap_or_default();
            let (n, s) = (energies.len(), if energies.len() == 1 { "" } else { "s" });
            say(&format!("{n} row{s}, mean energy {mean:.4}{auroc}"));
        }
        Ok(())
    }
}

/// What a network that is a score is told: which kinds have an energy for data like these, and how to train one.
fn without_energy(
    run: &Path,
    card: &ModelCard,
    network: &Network,
    backend: Backend,
) -> Result<anyhow::Error> {
    let input = card.architecture.input();
    let kinds = kinds_with_energy(network, input, &backend.device()?);
    let of = if matches!(input, Input::Image { .. }) { "pictures" } else { "points" };
    let command = match (kinds.first(), run.join("config.toml")) {
        (Some(kind), config) if config.is_file() => {
            let flag = backend.flag();
            format!("; `ebm train {} --set model={kind}{flag}` trains one on the same data", quoted(config))
        }
        _ => String::new(),
    };
    Ok(anyhow!(
        "the network is a score and has no energy; networks for {of} that have one: {}{command}",
        kinds.join(", ")
    ))
}

/// The noise level of energies by a network that is conditioned on one: of images the lowest.
///
/// Of rows it is half the deviation of standardised data: at lower levels the network has seen nothing of what lies
/// beyond the data, and its energy there is not higher but arbitrary.
fn usual_level(card: &ModelCard) -> f64 {
    let lowest = card.sample.heun.bottom;
    match card.content {
        Content::Image { .. } => lowest,
        Content::Row { .. } => lowest.max(0.5),
    }
}

/// One line a row, the highest energy first.
fn table(writer: &mut dyn Write, energies: &[f64], rows: &Rows) -> Result<()> {
    let mut order: Vec<usize> = (0..energies.len()).collect();
    order.sort_by(|&a, &b| energies[b].total_cmp(&energies[a]));
    let mut csv = csv::Writer::from_writer(writer);
    csv.write_record(["row", "energy", "file"])?;
    for &row in &order {
        let file = rows.file(row).map(|file| file.to_string_lossy()).unwrap_or_default();
        csv.write_record([&rows.number(row).to_string(), &energies[row].to_string(), &*file])?;
    }
    Ok(csv.flush()?)
}
