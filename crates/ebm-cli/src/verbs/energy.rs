//! `ebm energy`: how unlikely a trained energy finds each row of a table or each picture.

mod density;
mod maps;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail, ensure};
use clap::Args;
use ebm_data::Split;
use ebm_eval::auroc;
use ebm_model::{Capabilities, Input, Network, NetworkConfig};
use ebm_ops::Noise;
use ebm_run::card::{Content, ModelCard};
use ebm_run::hint::quoted;
use ebm_run::landscape::{energy_of, kinds_with_energy};
use ebm_run::maps::Mapping;
use ebm_run::model::model;
use ebm_run::rows::{Rows, none_held_out};
use ebm_run::usage::usage;
use serde_json::json;

use crate::terminal::backend::Backend;
use crate::terminal::{say, tell};
use crate::verbs::apart;
use crate::verbs::class_flags::ClassFlags;
use crate::verbs::out_folder;
use crate::verbs::reading::Reading;
use density::Density;

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
        // Of energies there is a table, which would be in the way of the summary on standard output.
        let wants_table = self.maps.is_none() || self.against.is_some();
        ensure!(
            !self.json || self.out.is_some() || !wants_table,
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
        let device = self.backend.device()?;
        let (card, network) = model(&self.run, self.step, &device, &say)?;
        let has_energy = network.as_energy().is_some() || network.as_noisy_energy().is_some();
        if !has_energy && (wants_table || self.out.is_some()) {
            bail!(usage(without_energy(&self.run, &card, &network, self.backend)?));
        }
        let density = self.normalised.then(|| Density::of(&self.run, &card, &network, self.sigma, &device));
        let density = density.transpose()?;
        let level = match &density {
            Some(density) => density.level(),
            None => self.sigma.unwrap_or_else(|| usual_level(&card)),
        };
        ensure!(
            has_energy || self.sigma.is_none(),
            usage(anyhow!("--sigma is the level of an energy; the network is a score and has none"))
        );
        let asked = self.classes.one(&card)?;
        ensure!(
            asked.is_none() || density.is_none(),
            usage(anyhow!("--normalised: log likelihoods are those of no class; leave out --class"))
        );
        let of_class = asked.map(|asked| asked.of(&network, 0..1)).transpose()?;
        let model: &dyn Capabilities = match &of_class {
            Some(of_class) => of_class,
            None => &network,
        };
        let number = if has_energy { Some(energy_of(model, level)?) } else { None };
        if has_energy && network.as_energy().is_none() && self.sigma.is_none() {
            let what =
                if self.normalised { "log likelihoods of the data with noise of" } else { "energies at" };
            say(&format!("{what} the noise level {level}; --sigma sets another"));
        }
        let mapping = match &self.maps {
            Some(folder) => {
                let heun = &card.sample.heun;
                let mapping = Mapping::of(model, [heun.bottom, heun.top], self.levels)?;
                maps::check_writable(folder)?;
                Some(mapping)
            }
            None => None,
        };
        let split = if self.test { Split::Test } else { Split::Train };
        let rows = self.read(&self.data, split, &card)?;

        let mut line = json!({ "event": "done", "rows": rows.n_rows() });
        let (n, s) = (rows.n_rows(), if rows.n_rows() == 1 { "" } else { "s" });
        let mut words = format!("{n} row{s}");
        if let Some(number) = number.filter(|_| !self.json || self.out.is_some()) {
            let energies_of = |rows: &Rows, noise: &str| match &density {
                Some(density) => density.energies(rows, &Noise::seeded(0).derive(noise), &device),
                None => rows.each(&device, &number),
            };
            let energies = energies_of(&rows, "rows")?;
            let finite: Vec<f64> = energies.iter().copied().filter(|energy| energy.is_finite()).collect();
            let not_finite = energies.len() - finite.len();
            if 0 < not_finite {
                say(&format!(
                    "{not_finite} of {n} energies are not finite: rows far outside of the training data"
                ));
            }
            let contrast = match &self.against {
                Some(path) => {
                    Some(auroc(&energies_of(&self.others(path, split, &card)?, "others")?, &energies)?)
                }
                None => None,
            };
            match &self.out {
                Some(path) => {
                    ebm_files::write(path, |writer| table(writer, &energies, &rows, density.as_ref()))?
                }
                None => table(&mut tell::Results, &energies, &rows, density.as_ref())?,
            }
            let mean = finite.iter().sum::<f64>() / finite.len() as f64;
            line["mean_energy"] = json!(mean);
            line["not_finite"] = json!(not_finite);
            line["auroc"] = json!(contrast);
            line["out"] = json!(self.out.as_ref().map(|out| out.to_string_lossy()));
            words += &match &density {
                None => format!(", mean energy {mean:.4}"),
                Some(density) => {
                    let bits = density.bits(mean);
                    line["mean_log_likelihood"] = json!(-mean);
                    line["bits_per_dim"] = json!(bits);
                    let bits = bits.map(|bits| format!(", {bits:.4} bits per dimension"));
                    format!(", mean log likelihood {:.4} nats{}", -mean, bits.unwrap_or_default())
                }
            };
            if let Some(auroc) = contrast {
                words += &format!(", AUROC {:.4} ± {:.4}", auroc.value, auroc.standard_error);
            }
        }
        if let Some((folder, mapping)) = self.maps.as_ref().zip(mapping) {
            let found = maps::write(folder, &mapping, &rows, &card.content, level, &device)?;
            line["maps"] = json!(folder.to_string_lossy());
            line["mean_map"] = json!(found.mean);
            line["oddest_row"] = json!(found.oddest);
            words += &format!("; maps of {:.4} nats on average, row {} the oddest", found.mean, found.oddest);
            words += &format!(": {}", folder.display());
        }
        if self.json {
            tell!("{line}");
        } else {
            say(&words);
        }
        Ok(())
    }

    /// The rows at `path`.
    fn read(&self, path: &Path, split: Split, card: &ModelCard) -> Result<Rows> {
        let (spec, noise) = self.reading.described(path, &self.run, split)?;
        let rows = Rows::open(&spec, &noise, &card.content, card.architecture.dim(), usize::MAX)?;
        say(rows.about());
        Ok(rows)
    }

    /// The rows of the other data, all of them if none are held out.
    fn others(&self, path: &Path, split: Split, card: &ModelCard) -> Result<Rows> {
        match self.read(path, split, card) {
            Err(error) if none_held_out(&error) => {
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

/// The rows, the highest energy first; before all those whose energy is no number, then those that are infinite.
fn order(energies: &[f64]) -> Vec<usize> {
    let class = |row: usize| (energies[row].is_finite(), !energies[row].is_nan());
    let mut order: Vec<usize> = (0..energies.len()).collect();
    order.sort_by(|&a, &b| class(a).cmp(&class(b)).then(energies[b].total_cmp(&energies[a])));
    order
}

/// One line a row in their [`order`]; with a density, its log likelihood in place of the energy.
fn table(writer: &mut dyn Write, energies: &[f64], rows: &Rows, density: Option<&Density<'_>>) -> Result<()> {
    let mut csv = csv::Writer::from_writer(writer);
    let has_bits = density.is_some_and(|density| density.bits(0.0).is_some());
    let columns = match (density, has_bits) {
        (None, _) => vec!["row", "energy", "file"],
        (Some(_), false) => vec!["row", "log_likelihood", "file"],
        (Some(_), true) => vec!["row", "log_likelihood", "bits_per_dim", "file"],
    };
    csv.write_record(columns)?;
    for row in order(energies) {
        let energy = energies[row];
        let mut fields = vec![rows.number(row).to_string()];
        fields.push(if density.is_some() { -energy } else { energy }.to_string());
        fields.extend(density.and_then(|density| density.bits(energy)).map(|bits| bits.to_string()));
        fields.push(rows.file(row).map(|file| file.to_string_lossy().into_owned()).unwrap_or_default());
        csv.write_record(fields)?;
    }
    Ok(csv.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energies_that_are_not_finite_come_first_and_of_them_those_that_are_no_numbers() {
        let energies = [1.0, -f64::NAN, 3.0, f64::NEG_INFINITY, f64::INFINITY, 2.0];
        assert_eq!(order(&energies), [1, 4, 3, 2, 5, 0]);
        assert_eq!(order(&[0.5, f64::NAN]), [1, 0]);
    }
}
