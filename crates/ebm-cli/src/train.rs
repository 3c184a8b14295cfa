//! `ebm train`: data, network, objective, trainer, observers, model.

mod interrupt;
mod journal;
mod parts;
mod pictures;
mod progress;
mod run;

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use burn::module::Module;
use ebm_model::Network;
use ebm_train::{Checkpoints, Finish, Restored, TrainError, TrainState};
use serde_json::json;

use crate::backend::Backend;
use crate::config::Config;
use crate::model_file::ModelCard;
use crate::run_folder::RunFolder;
use crate::say;
use interrupt::Interrupt;
use journal::Journal;
use parts::Parts;
use run::Run;

/// What the command line asks for.
pub struct Request {
    /// The run.
    pub config: Config,
    /// Where its files go, if not to the first free `runs/NAME-N`.
    pub out: Option<PathBuf>,
    /// The run that goes on from its last checkpoint, if it is not a new one.
    pub resume: Option<RunFolder>,
    /// Whether standard output is JSON.
    pub json: bool,
}

/// Trains; the program's exit code.
///
/// # Errors
/// Whatever keeps the run from being done; its last checkpoint is then whole.
pub fn train(request: &Request, backend: Backend) -> Result<u8> {
    let parts = Parts::of(&request.config, backend)?;
    let (config, json) = (&parts.config, request.json);
    // The folder is made last, so that a run that cannot begin leaves none.
    let (folder, _lock) = match &request.resume {
        Some(folder) => (folder.clone(), folder.take()?),
        None => RunFolder::create(request.out.as_deref(), &config.name)?,
    };
    folder.probe(parts.checkpoint_bytes())?;
    if request.resume.is_none() {
        let text = config.to_toml()?;
        ebm_files::write_bytes(&folder.config(), text.as_bytes())?;
    }
    let best = if config.objective.is_contrastive() { 0 } else { config.record.keep_best };
    let checkpoints = Checkpoints::new(folder.checkpoints(), folder.hash()?, config.record.keep_checkpoints);
    let checkpoints = checkpoints.with_best(best);
    checkpoints.recover()?;
    let state = if request.resume.is_some() { restore(&checkpoints, &parts)? } else { parts.beginning() };
    let (done_before, parameters) = (state.step(), state.model().num_params());
    let mut journal = Journal::open(&folder.journal(), done_before, config.record.journal_every, json)?;
    journal.write(&json!({
        "event": if request.resume.is_some() { "resumed" } else { "began" },
        "step": done_before,
        "run": folder.path(),
        "seed": config.seed,
        "parameters": parameters,
    }))?;
    say(&format!("run {}: {parameters} parameters, {} steps", folder.path().display(), config.train.steps));

    let (began, interrupt) = (Instant::now(), Interrupt::listen()?);
    let run = Run { parts: &parts, folder: &folder, checkpoints: &checkpoints, interrupt: &interrupt, json };
    let (trainer, finish) = run.to_the_end(state, journal)?;

    let state = trainer.state();
    if finish == Finish::Stopped {
        let path = checkpoints.save(state)?;
        let (step, run) = (state.step(), folder.path().display());
        let line = json!({"event": "stopped", "step": step, "checkpoint": path, "run": folder.path()});
        let kept = format!("stopped after {step} steps, all of them kept in {}", path.display());
        summary(json, &line, &format!("{kept}; `cargo xtask train --resume {run}` goes on"))?;
        return Ok(interrupt.exit_code().unwrap_or(1));
    }
    let (content, sample) = (parts.content.clone(), config.sample.clone());
    let card = ModelCard::new(config.name.clone(), state.step(), config.model.clone(), content, sample);
    card.save(&state.average(), &folder.model())?;
    let rows = (state.step() - done_before) * config.batch_size as u64;
    report(&folder, json, state, began.elapsed().as_secs_f64(), rows)?;
    Ok(0)
}

/// The state of the last checkpoint that is whole; later ones that are not are told of. A run that had come to none
/// begins: it is the same run.
fn restore(checkpoints: &Checkpoints, parts: &Parts) -> Result<TrainState<Network>> {
    let Restored { state, path, refused } = match checkpoints.latest(&parts.network) {
        Err(TrainError::NoCheckpoint { refused, .. }) if refused.is_empty() => {
            say("there is no checkpoint yet: beginning");
            return Ok(parts.beginning());
        }
        found => found?,
    };
    for reason in refused {
        say(&format!("not used: {reason}"));
    }
    say(&format!("going on from {}", path.display()));
    Ok(state)
}

fn report(
    folder: &RunFolder,
    json: bool,
    state: &TrainState<Network>,
    seconds: f64,
    rows: u64,
) -> Result<()> {
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
    text += &format!("more of them: cargo xtask sample {run} --n 100 --out more.png");
    summary(json, &line, &text)
}

fn summary(json: bool, line: &serde_json::Value, text: &str) -> Result<()> {
    let mut out = std::io::stdout();
    let written = if json { writeln!(out, "{line}") } else { writeln!(out, "{text}") };
    written.context("could not write to standard output")
}
