//! `ebm energy`: how unlikely a trained energy finds each row of a table or each picture.

mod density;
mod maps;
mod numbers;
mod summary;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail, ensure};
use clap::Args;
use ebm_data::Split;
use ebm_eval::auroc;
use ebm_model::{Capabilities, Input, Network, NetworkConfig};
use ebm_run::card::{Content, ModelCard};
use ebm_run::hint::quoted;
use ebm_run::landscape::{energy_of, kinds_with_energy};
use ebm_run::maps::Mapping;
use ebm_run::model::model;
use ebm_run::rows::{RowsByBlock, none_held_out};

use crate::terminal::backend::Backend;
use crate::terminal::say;
use crate::terminal::usage::usage;
use crate::verbs::apart;
use crate::verbs::class_flags::{ClassFlags, OfOne};
use crate::verbs::out_folder;
use crate::verbs::reading::Reading;
use density::Density;
use numbers::{Lines, Numbers};
use summary::Summary;

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
    /// Log likelihoods in place of energies, in nats and the units of the data, at the lowest noise level unless --sigma
    /// says otherwise: for networks trained by dual score matching.
    #[arg(long, alias = "normalized")]
    normalised: bool,
    #[command(flatten)]
    classes: ClassFlags,
    /// Where the table goes [default: standard output].
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
    /// The rows in their order and not the highest energy first: they are written as they come, and memory does not grow
    /// with their number, unless --against or --maps need them.
    #[arg(long)]
    in_order: bool,
    /// Where in a picture, or in which column, it is unlikely: maps of what each number adds to -log p, by the scores at
    /// all noise levels. A score without an energy will do. The folder has maps.npy, maps.json and, of the 100 least
    /// likely rows, levels.npy; of pictures sheet.png and pictures/ with each beside its map, of tables columns.csv.
    #[arg(long, value_name = "FOLDER")]
    maps: Option<PathBuf>,
    /// Noise levels of the maps.
    #[arg(long, value_name = "COUNT", default_value_t = 16, requires = "maps")]
    levels: usize,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    backend: Backend,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Energy {
    /// Writes the energy of every row as CSV, the highest first, after those that are not finite; rows are counted from
    /// 0.
    ///
    /// # Errors
    /// Whatever keeps the rows from being read or written, or a network that is no energy.
    pub fn run(self) -> Result<()> {
        self.check()?;
        let device = self.backend.device()?;
        let (card, network) = model(&self.run, self.step, &device, &say)?;
        let has_energy = network.as_energy().is_some() || network.as_noisy_energy().is_some();
        if !has_energy && (self.wants_table() || self.out.is_some()) {
            bail!(usage(without_energy(&self.run, &card, &network, self.backend)?));
        }
        let density = self.normalised.then(|| Density::of(&self.run, &card, &network, self.sigma, &device));
        let density = density.transpose()?;
        let level = self.level(density.as_ref(), &card);
        ensure!(
            has_energy || self.sigma.is_none(),
            usage(anyhow!("--sigma is the level of an energy; the network is a score and has none"))
        );
        let of_one = self.of_one(&card, &network)?;
        let model = of_one.model();
        let energy = if has_energy { Some(energy_of(model, level)?) } else { None };
        if has_energy && network.as_energy().is_none() && self.sigma.is_none() {
            self.say_level(level);
        }
        let mapping = self.mapping(model, &card)?;
        let rows = self.read(&self.data, self.split(), &card)?;

        let mut summary = Summary::of(rows.n_rows(), card.content.item());
        if let Some(energy) = energy.filter(|_| !self.json || self.out.is_some()) {
            let numbers = Numbers { energy: &energy, density: density.as_ref(), device: &device };
            self.energies(&numbers, &rows, &card, &mut summary)?;
        }
        if let Some((folder, mapping)) = self.maps.as_ref().zip(mapping) {
            let found = maps::write(folder, &mapping, &rows.whole()?, &card.content, level, &device)?;
            summary.add_maps(folder, &found);
        }
        summary.tell(self.json);
        Ok(())
    }

    /// The noise level of the energies: that of the density if there is one, else the one asked for or the usual one.
    fn level(&self, density: Option<&Density<'_>>, card: &ModelCard) -> f64 {
        match density {
            Some(density) => density.level(),
            None => self.sigma.unwrap_or_else(|| usual_level(card)),
        }
    }

    /// Says at which noise level the energies are, where nobody has asked for one.
    fn say_level(&self, level: f64) {
        let what = if self.normalised { "log likelihoods of the data with noise of" } else { "energies at" };
        say(&format!("{what} the noise level {level}; --sigma sets another"));
    }

    /// The network, or what it is for the class that is asked for.
    fn of_one<'n>(&self, card: &ModelCard, network: &'n Network) -> Result<OfOne<'n>> {
        let of_one = self.classes.of_one(card, network)?;
        ensure!(
            !(of_one.is_of_class() && self.normalised),
            usage(anyhow!("--normalised: log likelihoods are those of no class; leave out --class"))
        );
        Ok(of_one)
    }

    /// How maps are made, if they are asked for and their folder can be written.
    fn mapping<'n>(&self, network: &'n dyn Capabilities, card: &ModelCard) -> Result<Option<Mapping<'n>>> {
        let Some(folder) = &self.maps else { return Ok(None) };
        let heun = &card.sample.heun;
        let mapping = Mapping::of(network, [heun.bottom, heun.top], self.levels)?;
        maps::check_writable(folder)?;
        Ok(Some(mapping))
    }

    /// Of energies there is a table, which would be in the way of the summary on standard output.
    fn wants_table(&self) -> bool {
        self.maps.is_none() || self.against.is_some()
    }

    fn split(&self) -> Split {
        if self.test { Split::Test } else { Split::Train }
    }

    /// Whether what is asked for can be written.
    fn check(&self) -> Result<()> {
        ensure!(
            !self.json || self.out.is_some() || !self.wants_table(),
            usage(anyhow!(
                "--json prints the summary on standard output; name a file for the table by --out"
            ))
        );
        if let Some(out) = &self.out {
            let others = [("--data", Some(self.data.as_path())), ("--against", self.against.as_deref())];
            let others: Vec<_> = others.into_iter().filter_map(|(name, path)| Some((name, path?))).collect();
            apart::check("--out", out, &others)?;
        }
        if let Some(maps) = &self.maps {
            out_folder::check("--maps", maps, maps::is_ours)?;
        }
        Ok(())
    }

    /// Computes and writes the energies: sorted, or in the order of the rows as they come.
    fn energies(
        &self,
        numbers: &Numbers<'_>,
        rows: &RowsByBlock,
        card: &ModelCard,
        summary: &mut Summary,
    ) -> Result<()> {
        let is_kept = !self.in_order || self.against.is_some();
        let (energies, mean) = if is_kept {
            numbers.all(rows, "rows")?
        } else {
            let written = numbers::to(self.out.as_ref(), |out| {
                let mut lines = Lines::new(out, rows, numbers.density)?;
                let mean = numbers.each(rows, "rows", |first, energies| {
                    (first..).zip(energies).try_for_each(|(row, &energy)| lines.line(row, energy))
                })?;
                lines.end()?;
                Ok(mean)
            })?;
            (Vec::new(), written)
        };
        if 0 < mean.not_finite {
            say(&format!(
                "{} of {} energies are not finite: {}s far outside of the training data",
                mean.not_finite,
                rows.n_rows(),
                card.content.item()
            ));
        }
        let contrast = match &self.against {
            Some(path) => {
                let (others, _) = numbers.all(&self.others(path, card)?, "others")?;
                Some(auroc(&others, &energies)?)
            }
            None => None,
        };
        if is_kept {
            let order: Box<dyn Iterator<Item = usize>> = match self.in_order {
                true => Box::new(0..energies.len()),
                false => Box::new(numbers::order(&energies)?.into_iter().map(|row| row as usize)),
            };
            numbers::to(self.out.as_ref(), |out| {
                let mut lines = Lines::new(out, rows, numbers.density)?;
                order.into_iter().try_for_each(|row| lines.line(row, energies[row]))?;
                lines.end()
            })?;
        }
        summary.add_energies(mean, numbers.density, self.out.as_deref(), contrast);
        Ok(())
    }

    /// The rows at `path`.
    fn read(&self, path: &Path, split: Split, card: &ModelCard) -> Result<RowsByBlock> {
        let (spec, noise) = self.reading.described(path, &self.run, split)?;
        let rows = RowsByBlock::open(&spec, &noise, &card.content, card.architecture.dim(), usize::MAX)?;
        say(rows.about());
        Ok(rows)
    }

    /// The rows of the other data, all of them if none are held out.
    fn others(&self, path: &Path, card: &ModelCard) -> Result<RowsByBlock> {
        match self.read(path, self.split(), card) {
            Err(error) if none_held_out(error.as_ref()) => {
                say(&format!("{} has no held-out part: all of it is used", path.display()));
                self.read(path, Split::Train, card)
            }
            others => others,
        }
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
