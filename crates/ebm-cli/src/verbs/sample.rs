//! `ebm sample`: new samples from a trained network, or chains on a closed-form energy.

pub mod advice;
mod arguments;
mod chains;
pub mod closed_form;
mod draws;
mod of_network;
mod page;
mod part_of_chains;
pub mod report;
mod rows;
mod shown;

use std::path::Path;

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::Device;
use clap::ValueEnum;
use ebm_model::NetworkConfig;
use ebm_report::Format;
use ebm_run::card::{Content, ModelCard};
use ebm_run::config::assign_to;
use ebm_run::hint::{quoted, quoted_text};
use ebm_run::model::{description, model};
use ebm_run::sampling::{Asked, KeysRead, SHORT_NAMES, SampleConfig, own_step_key};
use ebm_run::{bounds, keys, levels_of_run};
use ebm_sample::Sampler;

use crate::terminal::interrupt::stoppable;
use crate::terminal::say;
use crate::terminal::usage::usage;
use crate::verbs::unread::say_unread;

use self::arguments::Chains;
pub use self::arguments::Sample;
use self::closed_form::ClosedForm;
use self::of_network::OfNetwork;

/// Samples unless said otherwise.
const SAMPLES: usize = 64;

/// Samples of several classes unless said otherwise, or one of each if there are more.
const OF_CLASSES: usize = 80;

/// The number of samples where none is given: as many of each class.
fn usual_number(asked: &Asked) -> usize {
    match asked.classes.len() {
        1 => SAMPLES,
        k => k * (OF_CLASSES / k).max(1),
    }
}

/// Whether a picture has a row for each class, and a warning where the file does not say which class is which.
fn check_rows(asked: &Asked, n: usize, format: Format, card: &ModelCard) -> Result<()> {
    let k = asked.classes.len();
    let is_image = matches!(card.content, Content::Image { .. });
    ensure!(
        !(is_image && format.is_picture()) || n.is_multiple_of(k) || n < k,
        usage(anyhow!(
            "--n {n}: a picture has a row for each of the {k} classes, expected a multiple of {k}"
        ))
    );
    if format == Format::Npy && 1 < k {
        say(&format!(
            "a .npy has no place for classes: sample i is of class i modulo {k} of those asked for; .safetensors{} names them",
            if is_image { "" } else { " or .csv" }
        ));
    }
    Ok(())
}

/// Lists the samplers: their names, what each needs of a model, what it is, and how else it is called.
fn list() -> Result<()> {
    for (name, what) in Sampler::list() {
        let need = Sampler::named(name)?.need().to_string();
        let others = SHORT_NAMES.iter().filter(|short| short.sampler == name).map(|short| {
            let on = if short.needs_levels { " on a network with noise levels" } else { "" };
            format!("; also called {}{on}", short.name)
        });
        tell!("{name:24}  {need:30}  {what}{}", others.collect::<String>());
    }
    Ok(())
}

impl Sample {
    /// Draws samples and writes them; the program's exit code, which is that of a signal if one has ended it.
    ///
    /// # Errors
    /// Whatever keeps them from being drawn or written; nothing half-written is left in their place.
    pub fn run(self) -> Result<u8> {
        // Lists need no device, which may take seconds to start.
        if self.list {
            return list().map(|()| 0);
        }
        if self.keys {
            return self.list_keys().map(|()| 0);
        }
        let device = self.backend.device()?;
        if let Some(target) = self.closed_form() {
            if self.n.is_some() {
                bail!(usage(anyhow!("--n is for networks; of a closed form, --chains and --draws")));
            }
            if let Some(flag) = self.classes.given() {
                bail!(usage(anyhow!("{flag} is for networks of classes, not for closed forms")));
            }
            let sample = self.with_part()?;
            sample.say_unread_on_closed_form();
            let chains = || sample.chains.run(&sample, target, &device);
            return stoppable("sample", chains).map(|()| 0);
        }
        let sample = self.with_part()?;
        let Some(run) = &sample.run else { bail!(usage(anyhow!("expected a run or --target"))) };
        if let Some(flag) = sample.chains.given() {
            let instead = sample.for_a_network(run).unwrap_or_default();
            bail!(usage(anyhow!("{flag} is for closed-form energies{instead}")));
        }
        sample.network(run, &device)
    }

    /// Lists the keys of `--set`, with the values of the model if one is named.
    fn list_keys(&self) -> Result<()> {
        let config = match &self.run {
            Some(run) if self.closed_form().is_none() => description(run, self.step, &say)?.1,
            _ => SampleConfig::default(),
        };
        keys::of_sample(&config)?.iter().for_each(|key| tell!("{key}"));
        Ok(())
    }

    /// Says which keys of `--set` change nothing of draws from a closed form; what is refused is said by what draws.
    fn say_unread_on_closed_form(&self) {
        let read = || -> Result<KeysRead> {
            let config: SampleConfig = assign_to(&SampleConfig::default(), &self.set)?;
            config.check()?;
            let sampler = config.sampler(self.sampler.as_deref().unwrap_or("langevin"), false)?;
            Ok(config.keys_read(&sampler)?)
        };
        if let Ok(read) = read() {
            say_unread(&read, &self.set);
        }
    }

    /// The closed form that is named, by `--target` or in place of a run that is not there.
    fn closed_form(&self) -> Option<ClosedForm> {
        let by_name = || {
            let run = self.run.as_ref()?;
            if run.exists() { None } else { ClosedForm::from_str(run.to_str()?, false).ok() }
        };
        self.chains.target.or_else(by_name)
    }

    /// The command that means for a network what was given for chains on a closed form, if there is one.
    fn for_a_network(&self, run: &Path) -> Option<String> {
        let Chains { step_size, leapfrog, chains, draws, burn_in, .. } = &self.chains;
        let set = |key: &str, value: String| format!(" --set {key}={value}");
        let step_key = self.sampler.as_deref().map_or_else(|| "chain.step_size".into(), own_step_key);
        let sampler = self.sampler.iter().map(|name| format!(" --sampler {}", quoted_text(name)));
        let steps =
            burn_in.or(draws.filter(|_| chains.is_some())).map(|n| set("chain.steps", n.max(1).to_string()));
        let given = [
            step_size.map(|size| set(&step_key, size.to_string())),
            leapfrog.map(|n| set("chain.leapfrog", n.to_string())),
            steps,
            chains.or(*draws).map(|n| format!(" --n {n}")),
        ];
        let words: String = sampler.chain(given.into_iter().flatten()).collect();
        let is_other = self.chains.adapt || self.chains.thin.is_some() || self.chains.plots.is_some();
        let is_other = is_other || self.chains.report.is_some();
        (!is_other)
            .then(|| format!("; of a network, `ebm sample {}{words}{}`", quoted(run), self.backend.flag()))
    }

    /// Draws from a network.
    fn network(&self, run: &Path, device: &Device) -> Result<u8> {
        ensure!(self.n != Some(0), usage(anyhow!("--n 0: expected at least 1")));
        let format = Format::of(&self.out).map_err(usage)?;
        let (card, network) = &model(run, self.step, device, &say)?;
        let asked = self.classes.asked(card)?;
        let n = self.n.unwrap_or_else(|| asked.as_ref().map_or(SAMPLES, usual_number));
        let config: SampleConfig = assign_to(&card.sample, &self.set).map_err(usage)?;
        let (config, found) = levels_of_run::of_network(config, run, card, device)?;
        found.iter().for_each(|line| say(line));
        let dim = card.architecture.dim();
        let drawing = config.drawing(self.sampler.as_deref(), network, dim).map_err(usage)?;
        say_unread(drawing.keys_read(), &self.set);
        let drawing = match &asked {
            Some(asked) => drawing.of_classes(asked.clone()),
            None => drawing,
        };
        format.check(card.content.samples(vec![0.0; dim], 1)?.shape()).map_err(usage)?;
        if let Some(asked) = &asked {
            check_rows(asked, n, format, card)?;
        }
        let samples = OfNetwork { sample: self, card, network, config: &config, drawing: &drawing, format };
        if format.is_in_pieces() {
            bounds::written("--n", &[n, dim])?;
            return samples.draw_rows(n, device);
        }
        ensure!(
            self.part.is_none(),
            usage(anyhow!("--part is for .npy, .safetensors and .csv; a picture is of all samples"))
        );
        bounds::samples("--n", &[n, dim, if format.is_film() { drawing.n_levels() } else { 1 }])?;
        stoppable("sample", || samples.draw_shown(n, device))
    }
}
