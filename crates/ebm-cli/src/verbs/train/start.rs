//! What `ebm train` is to train: a new run, or one that goes on.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use burn::module::Module;
use ebm_data::{DataError, DataSpec, DatasetName, Transform};
use ebm_run::card::Content;
use ebm_run::config::{Config, Overrides};
use ebm_run::folder::RunFolder;
use ebm_run::hint::{quoted, quoted_text};
use ebm_run::history::{self, Change};
use ebm_run::origin::{self, Begun};
use ebm_run::{agreement, model, noise_levels, presets};
use ebm_train::TrainState;

use super::arguments::Train;
use crate::terminal::say;
use crate::terminal::usage::usage;

/// What is trained, and in which folder if it goes on.
pub struct Start {
    /// The configuration, complete.
    pub config: Config,
    /// The weights that it begins from, if not from new ones.
    pub begun: Option<Begun>,
    /// The run that goes on, if one does.
    pub resumed: Option<Resumed>,
}

/// A run that goes on.
pub struct Resumed {
    /// Its folder.
    pub folder: RunFolder,
    before: Config,
    /// Settings that change.
    pub changes: Vec<Change>,
}

impl Train {
    /// What the arguments ask for; for `--keys` the configuration alone, without weights or a device.
    ///
    /// # Errors
    /// A wrong use of the command line, or a run, weights or data that cannot be read.
    pub fn start(&self) -> Result<Start> {
        if let Some(folder) = self.resumed()? {
            return self.go_on(folder);
        }
        let overrides = self.overrides();
        let Some(from) = &self.from else {
            let preset = self.preset.as_deref().unwrap_or(presets::DEFAULT);
            let config = self.at_data(Config::resolve(preset, &overrides)?)?;
            // That of a run that had begun so: `ebm train RUN/config.toml`.
            let begun = match &config.origin {
                Some(origin) if !self.keys => Some(origin.load(&self.backend.device()?)?),
                _ => None,
            };
            return Ok(Start { config, begun, resumed: None });
        };
        let config = match &self.preset {
            Some(preset) => Config::resolve(preset, &overrides)?,
            None => Config::of(&run_of(from)?)?.with(&overrides)?,
        };
        let config = self.at_data(config)?;
        if self.keys {
            let (network, sample) = model::description(from, self.step, &say)?;
            let config = origin::with_network(config, &overrides, from, &network, &sample, &say)?;
            return Ok(Start { config, begun: None, resumed: None });
        }
        let begun = Begun::read(from, self.step, &self.backend.device()?, &say)?;
        let config = begun.adopt(config, &overrides, &say)?;
        Ok(Start { config, begun: Some(begun), resumed: None })
    }

    /// The run in the folder, with the settings that are to change.
    fn go_on(&self, folder: RunFolder) -> Result<Start> {
        if let Some(preset) = &self.preset {
            let run = quoted(folder.path());
            bail!(usage(anyhow!(
                "--resume goes on with what {run} is, and takes no preset or configuration: {preset}"
            )));
        }
        if let (Some(Some(_)), Some(out)) = (&self.resume, &self.out) {
            bail!(usage(anyhow!("--resume goes on in the run's folder, and takes no --out {}", quoted(out))));
        }
        let before = Config::of(&folder)?;
        let config = self.at_data(before.with(&self.overrides())?)?;
        if self.keys {
            return Ok(Start { config, begun: None, resumed: None });
        }
        // What is found is what changes, and not that it was to be found.
        let (config, found) = noise_levels::of_data(config, &self.backend.device()?)?;
        found.iter().for_each(|line| say(line));
        let changes = history::changes(&before, &config)?;
        history::check(&folder, &changes, &self.given(&changes))?;
        let device = self.backend.device()?;
        agreement::with_checkpoint(&folder, &config.model, &device)?;
        // A run that has come to no checkpoint begins again from the weights that it had.
        let has_begun = folder.content().exists() && !model::checkpoints(&folder)?.list()?.is_empty();
        let begun = match &config.origin {
            Some(origin) if !has_begun => Some(origin.load(&device)?),
            _ => None,
        };
        Ok(Start { config, begun, resumed: Some(Resumed { folder, before, changes }) })
    }

    /// The folder of the run that goes on, if one is to.
    fn resumed(&self) -> Result<Option<RunFolder>> {
        let Some(resume) = &self.resume else { return Ok(None) };
        let Some(path) = resume.as_ref().or(self.out.as_ref()) else {
            bail!(usage(anyhow!("--resume needs the run's folder: --resume RUN, or --out RUN --resume")));
        };
        Ok(Some(RunFolder::open(path)?))
    }

    /// The configuration with the data that are named, if any are.
    fn at_data(&self, mut config: Config) -> Result<Config> {
        let before = config.data.clone();
        if let Some(path) = &self.data {
            config.data = at(&config.data, path.clone()).map_err(usage)?;
        }
        let applied = self.reading.applied(config.data.clone());
        if applied != before {
            // Those of other data.
            config.sample.distances = None;
        }
        config.data = applied;
        Ok(config)
    }

    fn overrides(&self) -> Overrides {
        let flags = [
            self.steps.map(|value| format!("train.steps={value}")),
            self.batch_size.map(|value| format!("batch_size={value}")),
            self.seed.map(|value| format!("seed={value}")),
            self.checkpoint_every.map(|value| format!("record.checkpoint_every={value}")),
            self.on_nonfinite.as_ref().map(|value| format!("train.on_nonfinite={value}")),
        ];
        Overrides { set: flags.into_iter().flatten().chain(self.set.iter().cloned()).collect() }
    }

    /// What was given about the configuration, as words of a command; `changes` are what came of it.
    fn given(&self, changes: &[Change]) -> String {
        let overrides = self.overrides().set;
        let data = self.data.iter().map(|path| format!(" --data {}", quoted(path)));
        // How the data are read, where a flag of its own says so.
        let is_flag = |change: &&Change| {
            let is_set = overrides.iter().any(|set| set.trim_start().starts_with(&change.key));
            let is_place = ["data.dataset", "data.path"].contains(&change.key.as_str());
            change.key.starts_with("data.") && !is_place && !is_set
        };
        let read = changes.iter().filter(is_flag).map(Change::assignment);
        let set = overrides.iter().cloned().chain(read).map(|set| format!(" --set {}", quoted_text(&set)));
        data.chain(set).collect()
    }
}

/// The run whose configuration a new one begins with: the folder, or the one in which the model file or checkpoint is.
fn run_of(from: &Path) -> Result<RunFolder> {
    let path = from.canonicalize().unwrap_or_else(|_| from.to_owned());
    let found = path.ancestors().take(3).find(|path| path.join("config.toml").is_file());
    let Some(found) = found.filter(|_| path.exists()) else {
        let name = from.display();
        bail!(usage(anyhow!(
            "{name} is in no run's folder that says how to train: name a preset too, of those that `ebm train --list` \
             lists, or a configuration"
        )));
    };
    Ok(RunFolder::open(found)?)
}

/// What a run begins from, in a line.
pub fn described(begun: &Begun) -> String {
    let from = format!(
        "beginning from the weights of {} after {} steps",
        begun.origin.path.display(),
        begun.card.step
    );
    match &begun.card.content {
        Content::Row { transform: Some(units), .. } if *units != Transform::identity(units.dim()) => {
            format!("{from}; rows are brought to the units of these weights, not to their own")
        }
        _ => from,
    }
}

impl Resumed {
    /// A line for each setting that changes, and one for the learning rate if its schedule does.
    pub fn changes<M: Module>(&self, state: &TrainState<M>, config: &Config) -> Vec<String> {
        let mut lines: Vec<String> =
            self.changes.iter().map(|change| format!("changed at step {}: {change}", state.step())).collect();
        let [old, new] = [&self.before, config].map(|config| &config.train);
        if old.schedule() != new.schedule() && state.step() < new.steps {
            let [before, now] = [old, new].map(|settings| state.learning_rate(settings, state.step()));
            lines.push(format!(
                "the learning rate follows the schedule of {} steps: {now:.2e} from here, before {before:.2e}",
                new.steps
            ));
        }
        lines
    }
}

/// The data at `path`: of the kind that lies there, of the name that the configuration gives that kind.
fn at(spec: &DataSpec, path: PathBuf) -> Result<DataSpec, DataError> {
    const IDX: [DatasetName; 2] = [DatasetName::Mnist, DatasetName::FashionMnist];
    let found = DataSpec::detect(&path)?;
    let same_files = IDX.contains(&spec.dataset) && IDX.contains(&found.dataset);
    let dataset = if same_files { spec.dataset } else { found.dataset };
    // Absolute, so that the run's own config.toml finds the data from any folder.
    let path = path.canonicalize().unwrap_or(path);
    Ok(DataSpec { dataset, path: Some(path), ..spec.clone() })
}
