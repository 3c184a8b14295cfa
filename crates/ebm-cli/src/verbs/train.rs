//! `ebm train`: data → network → objective → training → model.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use burn::module::Module;
use clap::Args;
use ebm_data::{DataError, DataSpec, DatasetName};
use ebm_model::Network;
use ebm_run::config::{Config, Overrides};
use ebm_run::folder::RunFolder;
use ebm_run::parts::Parts;
use ebm_run::usage::usage;
use ebm_run::{agreement, presets};
use ebm_train::{Finish, Observer, TrainState};
use serde_json::json;

use crate::terminal::backend::Backend;
use crate::terminal::interrupt::Interrupt;
use crate::terminal::progress::Progress;
use crate::terminal::{say, tell};
use crate::verbs::reading::Reading;

/// `ebm train`.
#[derive(Debug, Args)]
pub struct Train {
    /// A preset's name, or a configuration file that ends in .toml.
    #[arg(default_value = presets::DEFAULT)]
    preset: String,
    /// List the presets.
    #[arg(long)]
    list: bool,
    /// Where the data are: a folder or a file.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Steps of training.
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
    /// Any other value of the configuration, for instance train.learning_rate=1e-3; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder of the run [default: runs/NAME-N].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in this folder, from its last checkpoint.
    #[arg(long, value_name = "RUN", num_args = 0..=1)]
    resume: Option<Option<PathBuf>>,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    backend: Backend,
    /// Print JSON, one object a line, the last one the summary.
    #[arg(long)]
    json: bool,
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
        let resumed = self.resumed()?;
        let config = match &resumed {
            Some(folder) => {
                let config = Config::of(folder)?;
                agreement::with_checkpoint(folder, &config.model, &self.backend.device()?)?;
                config
            }
            None => self.config()?,
        };
        let parts = Parts::of(&config, || self.backend.device())?;
        say(&parts.about_data());
        // The folder is made last, so that a run that cannot begin leaves none.
        let session = match resumed {
            Some(folder) => parts.training(folder.config_text()?).resume(folder, &say)?,
            None => {
                let (folder, lock) = RunFolder::create(self.out.as_deref(), &parts.config.name)?;
                parts.training(parts.config.to_toml()?).begin(folder, lock, &say)?
            }
        };
        let session = if self.json { session.with_echo(tell::echo) } else { session };
        let folder = session.folder().clone();
        let (parameters, steps) = (parts.network.num_params(), parts.config.train.steps);
        say(&format!("run {}: {parameters} parameters, {steps} steps", folder.path().display()));

        let (began, interrupt) = (Instant::now(), Interrupt::listen()?);
        let ended = session.run(|step| observers(&parts, &folder, &interrupt, step))?;
        if ended.finish == Finish::Stopped {
            let checkpoint = ended.checkpoint.context("a run that is stopped is kept")?;
            let (step, run) = (ended.state.step(), folder.path().display());
            let line =
                json!({"event": "stopped", "step": step, "checkpoint": checkpoint, "run": folder.path()});
            let kept = format!("stopped after {step} steps, all of them kept in {}", checkpoint.display());
            summary(self.json, &line, &format!("{kept}; `cargo xtask train --resume {run}` goes on"));
            return Ok(interrupt.exit_code().unwrap_or(1));
        }
        parts.card(ended.state.step()).save(&ended.state.average(), &folder.model())?;
        let rows = ended.steps * parts.config.batch_size as u64;
        let extension = parts.extension()?;
        report(&folder, self.json, &ended.state, began.elapsed().as_secs_f64(), rows, extension);
        Ok(0)
    }

    /// The folder of the run that goes on, if one is to.
    fn resumed(&self) -> Result<Option<RunFolder>> {
        let Some(resume) = &self.resume else { return Ok(None) };
        let Some(path) = resume.as_ref().or(self.out.as_ref()) else {
            bail!(usage(anyhow!("--resume needs the run's folder: --resume RUN, or --out RUN --resume")));
        };
        if self.data.is_some() || self.reading.is_given() || !self.overrides().set.is_empty() {
            bail!(usage(anyhow!("a run goes on as it was configured: --resume takes no other settings")));
        }
        RunFolder::open(path).map(Some)
    }

    /// The configuration of a new run.
    fn config(&self) -> Result<Config> {
        let mut config = Config::resolve(&self.preset, &self.overrides())?;
        if let Some(path) = &self.data {
            config.data = at(&config.data, path.clone()).map_err(usage)?;
        }
        config.data = self.reading.applied(config.data);
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

/// Progress, pictures, and signals.
fn observers<'o>(
    parts: &Parts,
    folder: &RunFolder,
    interrupt: &Interrupt,
    step: u64,
) -> Vec<Box<dyn Observer<Network> + 'o>> {
    let progress = Progress::new(parts.config.train.steps, step);
    let (bar, signal) = (progress.bar(), interrupt.clone());
    let mut observers: Vec<Box<dyn Observer<Network> + 'o>> = vec![Box::new(progress)];
    if 0 < parts.config.record.picture_samples {
        let tell = move |line: &str| bar.println(line);
        observers.push(Box::new(parts.pictures(folder, tell, move || signal.exit_code().is_some())));
    }
    observers.push(Box::new(interrupt.clone()));
    observers
}

fn report(
    folder: &RunFolder,
    json: bool,
    state: &TrainState<Network>,
    seconds: f64,
    rows: u64,
    extension: &str,
) {
    let (run, loss, step) = (folder.path().display(), state.loss(), state.step());
    let picture = Some(folder.picture(step)).filter(|path| path.exists());
    let line = json!({
        "event": "done",
        "step": step,
        "loss": loss,
        "skipped": state.skipped(),
        "seconds": seconds,
        "rows_per_second": rows as f64 / seconds,
        "run": folder.path(),
        "model": folder.model(),
        "samples": picture,
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
    text += &format!("more of them: cargo xtask sample {run} --n 100 --out more.{extension}");
    summary(json, &line, &text);
}

fn summary(json: bool, line: &serde_json::Value, text: &str) {
    if json { tell!("{line}") } else { tell!("{text}") }
}
