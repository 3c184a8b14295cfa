//! `ebm train`: data → network → objective → training → model.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use burn::module::Module;
use clap::Args;
use ebm_data::{DataError, DataSpec, DatasetName, Transform};
use ebm_model::Network;
use ebm_run::card::Content;
use ebm_run::config::{Config, Overrides};
use ebm_run::fingerprint::{self, Fingerprint};
use ebm_run::folder::RunFolder;
use ebm_run::hint::{quoted, quoted_text};
use ebm_run::history::{self, Change};
use ebm_run::journal::Remarks;
use ebm_run::origin::Begun;
use ebm_run::parts::Parts;
use ebm_run::training::Training;
use ebm_run::{agreement, keys, model, noise_levels, normalization_of_run, page, presets};
use ebm_train::{Finish, Observer, Ranks, TrainState};
use serde_json::json;

use crate::terminal::backend::Backend;
use crate::terminal::interrupt::Interrupt;
use crate::terminal::progress::Progress;
use crate::terminal::usage::usage;
use crate::terminal::{machine, program, ranks, say, tell};
use crate::verbs::reading::Reading;

/// `ebm train`.
#[derive(Debug, Args)]
pub struct Train {
    /// A preset's name, or a configuration file that ends in .toml [default: glyphs, or what --from was trained as].
    preset: Option<String>,
    /// List the presets.
    #[arg(long)]
    list: bool,
    /// List the keys of --set for this preset, each with its value and its meaning.
    #[arg(long)]
    keys: bool,
    /// Where the data are: a folder or a file.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Steps of training, in total.
    #[arg(long)]
    steps: Option<u64>,
    /// Rows of a batch.
    #[arg(long)]
    batch_size: Option<usize>,
    /// Seed of the random number generator.
    #[arg(long)]
    seed: Option<u64>,
    /// Steps between checkpoints.
    #[arg(long)]
    checkpoint_every: Option<u64>,
    /// What to do about a step whose loss or gradient is not finite: end the run, or leave the step out.
    #[arg(long, value_parser = ["stop", "skip"])]
    on_nonfinite: Option<String>,
    /// Any other value of the configuration, for instance train.learning_rate=1e-3; may be repeated: see --keys.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder of the run [default: runs/NAME-N].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in this folder, from its last checkpoint; steps, learning rate and what is recorded may change.
    #[arg(long, value_name = "RUN", num_args = 0..=1)]
    resume: Option<Option<PathBuf>>,
    /// Begin a new run from the weights of this run or model file.
    #[arg(long, value_name = "RUN", conflicts_with = "resume")]
    from: Option<PathBuf>,
    /// The checkpoint of --from, by its step [default: the model, or the last checkpoint].
    #[arg(long, requires = "from")]
    step: Option<u64>,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    backend: Backend,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
    /// Print JSON, one object a line, the last one the summary.
    #[arg(long)]
    json: bool,
}

/// What is trained, and in which folder if it goes on.
struct Start {
    config: Config,
    begun: Option<Begun>,
    resumed: Option<Resumed>,
}

/// A run that goes on.
struct Resumed {
    folder: RunFolder,
    before: Config,
    changes: Vec<Change>,
}

impl Train {
    /// Trains; the program's exit code.
    ///
    /// # Errors
    /// Whatever keeps the run from being done; its last checkpoint is then whole.
    pub fn run(self) -> Result<u8> {
        if self.list {
            presets::list().for_each(|(name, what)| tell!("{name:16} {what}"));
            return Ok(0);
        }
        let ranks = ranks::ranks()?;
        ranks::ended(&*ranks, self.train(&ranks))
    }

    /// Trains as one of these ranks.
    fn train(&self, ranks: &Arc<dyn Ranks>) -> Result<u8> {
        let is_first = ranks.rank() == 0;
        let Start { config, begun, resumed } = self.start()?;
        if self.keys {
            keys::of(&config)?.iter().for_each(|key| tell!("{key}"));
            return Ok(0);
        }
        let units = match (&begun, &resumed, &config.origin) {
            (Some(begun), ..) => Some(begun.card.content.clone()),
            // The units that the run began with, whatever the data have become.
            (None, Some(resumed), origin) if origin.is_some() || resumed.folder.content().exists() => {
                Some(model::content(&resumed.folder, &config)?)
            }
            _ => None,
        };
        let mut parts = Parts::with_units(&config, units.as_ref(), || Ok(self.backend.device()?))?;
        say(&parts.about_data());
        parts.found.iter().for_each(|line| say(line));
        parts.warnings.iter().for_each(|line| say(&format!("warning: {line}")));
        let fingerprint = match &resumed {
            Some(resumed) => Fingerprint::of_resumed(&resumed.folder, parts.batches.data())?,
            None => Fingerprint::of(parts.batches.data())?,
        };
        if let Some(resumed) = &resumed {
            fingerprint::check(&resumed.folder, fingerprint.as_ref())?;
        }
        if let Some(begun) = begun {
            say(&described(&begun));
            parts.network = begun.network;
        }
        ebm_run::ranks::agree(&**ranks, &parts.config, fingerprint.as_ref())?;
        // The folder is made last, so that a run that cannot begin leaves none.
        let training = |config: String| Training { ranks: ranks.clone(), ..parts.training(config) };
        let session = match &resumed {
            Some(Resumed { folder, .. }) if !is_first => training(folder.config_text()?).follow(&say)?,
            None if !is_first => training(parts.config.to_toml()?).follow(&say)?,
            Some(Resumed { folder, changes, .. }) => {
                let training = training(folder.config_text()?);
                Training { changes: changes.clone(), ..training }.resume(folder.clone(), &say)?
            }
            None => {
                let (folder, lock) = RunFolder::create(self.out.as_deref(), &parts.config.name)?;
                training(parts.config.to_toml()?).begin(folder, lock, &say)?
            }
        };
        if !is_first {
            let interrupt = Interrupt::listen()?;
            let ended = session.run(|_| vec![Box::new(interrupt.clone())])?;
            let was_signalled = ended.finish == Finish::Stopped;
            return Ok(interrupt.exit_code().filter(|_| was_signalled).unwrap_or(0));
        }
        let session = session.with_machine(machine::described(self.backend));
        let session = if self.json { session.with_echo(tell::echo) } else { session };
        let folder = session.folder().clone();
        model::write_content(&folder, &parts.content)?;
        fingerprint.iter().try_for_each(|found| found.write(&folder))?;
        let (parameters, steps) = (parts.network.num_params(), parts.config.train.steps);
        say(&format!("run {}: {parameters} parameters, {steps} steps", folder.path().display()));
        if let Some(resumed) = &resumed {
            resumed.changes(session.state(), &parts.config).iter().for_each(|line| say(line));
        }

        let (began, interrupt) = (Instant::now(), Interrupt::listen()?);
        let was_complete = session.is_resumed() && session.step() == steps;
        if session.is_resumed() && 0 < parts.config.record.picture_samples {
            let signal = interrupt.clone();
            let given_up = move || signal.exit_code().is_some();
            let pictures = parts.pictures(&folder, session.step(), session.remarks(), say, given_up);
            pictures.observer.catch_up(session.state(), pictures.steps, steps)?;
        }
        let remarks = session.remarks();
        let watch = |step| observers(&parts, &folder, &interrupt, &remarks, step, self.quiet);
        // Its page is complete too, however the run ends.
        let ended = session.run(watch).inspect_err(|_| write_page(&folder))?;
        let run = quoted(folder.path()) + &self.backend.flag();
        if ended.finish == Finish::Stopped {
            write_page(&folder);
            let checkpoint = ended.checkpoint.context("a run that is stopped is kept")?;
            let step = ended.state.step();
            let line = json!({"event": "stopped", "step": step, "checkpoint": checkpoint.to_string_lossy(), "run": folder.path().to_string_lossy()});
            let kept = format!("stopped after {step} steps, all of them kept in {}", checkpoint.display());
            summary(self.json, &line, &format!("{kept}; `ebm train --resume {run}` goes on"));
            return Ok(interrupt.exit_code().unwrap_or(1));
        }
        let network = ended.state.average();
        let normalization = normalization_of_run::of_config(&parts.config, &network, &parts.device);
        // A model is kept also if it is no density.
        let normalization = normalization.unwrap_or_else(|error| {
            say(&format!("the energies could not be normalised: {error:#}"));
            None
        });
        parts.card(ended.state.step()).normalized(normalization).save(&network, &folder.model())?;
        write_page(&folder);
        if was_complete {
            let more = steps.saturating_mul(2);
            say(&format!(
                "the run is complete: all {steps} steps are done; `ebm train --resume {run} --steps {more}` goes on"
            ));
        }
        let rows = ended.steps * parts.config.batch_size as u64;
        report(&parts, &folder, &run, self.json, &ended.state, began.elapsed().as_secs_f64(), rows)?;
        Ok(0)
    }

    /// What the arguments ask for.
    fn start(&self) -> Result<Start> {
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
fn described(begun: &Begun) -> String {
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
    fn changes<M: Module>(&self, state: &TrainState<M>, config: &Config) -> Vec<String> {
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

/// Writes the page of a run that has come to an end; that it cannot be is no failure of the run.
fn write_page(folder: &RunFolder) {
    page::write(folder, None)
        .unwrap_or_else(|error| say(&format!("warning: the run's page was not written: {error:#}")));
}

/// Progress, pictures, the page, and signals.
fn observers<'o>(
    parts: &Parts,
    folder: &RunFolder,
    interrupt: &Interrupt,
    remarks: &Remarks,
    step: u64,
    quiet: bool,
) -> Vec<Box<dyn Observer<Network> + 'o>> {
    let progress = Progress::new(parts.config.train.steps, step, quiet);
    let (tell, signal) = (progress.teller(), interrupt.clone());
    let mut observers: Vec<Box<dyn Observer<Network> + 'o>> = vec![Box::new(progress)];
    if 0 < parts.config.record.picture_samples {
        let given_up = move || signal.exit_code().is_some();
        observers.push(Box::new(parts.pictures(folder, step, remarks.clone(), tell, given_up)));
    }
    observers.push(Box::new(parts.page(folder, step, remarks.clone(), say)));
    observers.push(Box::new(interrupt.clone()));
    observers
}

fn report(
    parts: &Parts,
    folder: &RunFolder,
    run: &str,
    json: bool,
    state: &TrainState<Network>,
    seconds: f64,
    rows: u64,
) -> Result<()> {
    let (loss, step) = (state.loss(), state.step());
    let picture = Some(folder.picture(step)).filter(|path| path.exists());
    let page = Some(folder.page()).filter(|path| path.exists());
    let line = json!({
        "event": "done",
        "step": step,
        "loss": loss,
        "skipped": state.skipped(),
        "seconds": seconds,
        "rows_per_second": rows as f64 / seconds,
        "run": folder.path().to_string_lossy(),
        "model": folder.model().to_string_lossy(),
        "samples": picture.as_ref().map(|picture| picture.to_string_lossy()),
        "report": page.as_ref().map(|page| page.to_string_lossy()),
    });
    let model = folder.model();
    let mut text =
        format!("done: {step} steps in {seconds:.0} s, running loss {loss:.4}\nmodel: {}\n", model.display());
    if 0 < state.skipped() {
        text += &format!("skipped: {} steps, see {}\n", state.skipped(), folder.journal().display());
    }
    if let Some(picture) = picture {
        text += &format!("samples: {}\n", picture.display());
    }
    if let Some(page) = page {
        text += &format!("report: {}\n", page.display());
    }
    let out = format!("more.{}", parts.extension()?);
    text += &format!("more of them: {} sample {run} --n 100 --out {out}", program::name());
    summary(json, &line, &text);
    Ok(())
}

fn summary(json: bool, line: &serde_json::Value, text: &str) {
    if json { tell!("{line}") } else { tell!("{}", program::as_started(text)) }
}
