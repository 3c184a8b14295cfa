//! `ebm train`: data → network → objective → training → model.

mod arguments;
mod start;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use burn::module::Module;
use ebm_model::Network;
use ebm_run::card::Content;
use ebm_run::config::Config;
use ebm_run::fingerprint::{self, Fingerprint};
use ebm_run::folder::RunFolder;
use ebm_run::hint::quoted;
use ebm_run::journal::Remarks;
use ebm_run::objective::Loss;
use ebm_run::origin::Begun;
use ebm_run::parts::Parts;
use ebm_run::training::{Ended, Session, Training};
use ebm_run::{keys, model, normalization_of_run, page, presets};
use ebm_train::{Finish, Observer, Ranks, TrainState};
use serde_json::json;

use crate::terminal::columns::counted;
use crate::terminal::interrupt::{EndsAtSignal, Interrupt};
use crate::terminal::progress::Progress;
use crate::terminal::{machine, program, ranks, say, tell};

pub use self::arguments::Train;
use self::start::{Resumed, Start, described};

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
        if self.keys {
            keys::of(&self.start()?.config)?.iter().for_each(|key| tell!("{key}"));
            return Ok(0);
        }
        let ranks = ranks::ranks()?;
        ranks::ended(&*ranks, self.train(&ranks))
    }

    /// Trains as one of these ranks.
    fn train(&self, ranks: &Arc<dyn Ranks>) -> Result<u8> {
        let beginning = EndsAtSignal::begin("train")?;
        let Start { config, begun, resumed } = self.start()?;
        let resumed = resumed.as_ref();
        let units = units(&config, begun.as_ref(), resumed)?;
        let mut parts = Parts::with_units(&config, units.as_ref(), || Ok(self.backend.device()?))?;
        say(&parts.about_data());
        parts.found.iter().for_each(|line| say(line));
        parts.warnings.iter().for_each(|line| say(&format!("warning: {line}")));
        let fingerprint = checked_fingerprint(&parts, resumed)?;
        if let Some(begun) = begun {
            say(&described(&begun));
            parts.network = begun.network;
        }
        ebm_run::ranks::agree(&**ranks, &parts.config, fingerprint.as_ref())?;
        // The folder is made last, so that a run that cannot begin leaves none.
        let session = self.session(&parts, ranks, resumed)?;
        let interrupt = beginning.over();
        if ranks.rank() != 0 {
            return follow(session, &interrupt);
        }
        let folder = session.folder();
        model::write_content(folder, &parts.content)?;
        fingerprint.iter().try_for_each(|found| found.write(folder))?;
        let (parameters, steps) = (parts.network.num_params(), parts.config.train.steps);
        let steps = counted(steps, "step");
        say(&format!("run {}: {parameters} parameters, {steps}", folder.path().display()));
        if let Some(resumed) = resumed {
            resumed.changes(session.state(), &parts.config).iter().for_each(|line| say(line));
        }
        self.lead(&parts, session, &interrupt)
    }

    /// The run in its folder: that of rank 0 for the other ranks, one that goes on, or a new one.
    fn session<'p>(
        &self,
        parts: &'p Parts,
        ranks: &Arc<dyn Ranks>,
        resumed: Option<&Resumed>,
    ) -> Result<Session<'p, Network, Loss>> {
        let is_first = ranks.rank() == 0;
        let training = |config: String| Training { ranks: ranks.clone(), ..parts.training(config) };
        let session = match resumed {
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
        Ok(session)
    }

    /// Trains as the rank that has the folder; the exit code.
    fn lead(&self, parts: &Parts, session: Session<'_, Network, Loss>, interrupt: &Interrupt) -> Result<u8> {
        let session = session.with_machine(machine::described(self.backend));
        let session = if self.json { session.with_echo(tell::echo) } else { session };
        let (folder, steps) = (session.folder().clone(), parts.config.train.steps);
        let began = Instant::now();
        let was_complete = session.is_resumed() && session.step() == steps;
        if session.is_resumed() && 0 < parts.config.record.picture_samples {
            let signal = interrupt.clone();
            let given_up = move || signal.exit_code().is_some();
            let pictures = parts.pictures(&folder, session.step(), session.remarks(), say, given_up);
            pictures.observer.catch_up(session.state(), pictures.steps, steps)?;
        }
        let remarks = session.remarks();
        let watch = |step| observers(parts, &folder, interrupt, &remarks, step, self.quiet);
        // Its page is complete too, however the run ends.
        let ended = session.run(watch).inspect_err(|_| write_page(&folder))?;
        let run = quoted(folder.path()) + &self.backend.flag();
        if ended.finish == Finish::Stopped {
            write_page(&folder);
            self.say_stopped(ended, &folder, &run)?;
            return Ok(interrupt.exit_code().unwrap_or(1));
        }
        write_model(parts, &folder, &ended.state)?;
        write_page(&folder);
        if was_complete {
            let more = steps.saturating_mul(2);
            say(&format!(
                "the run is complete: all {steps} steps are done; `ebm train --resume {run} --steps {more}` goes on"
            ));
        }
        let is_shown = 0 < parts.config.record.picture_samples && parts.extension()? == "png";
        if interrupt.exit_code().is_some() && is_shown && !folder.picture(steps).exists() {
            say(&format!("the picture of the last step was given up; `ebm train --resume {run}` draws it"));
        }
        let rows = ended.steps * parts.config.batch_size as u64;
        report(parts, &folder, &run, self.json, &ended.state, began.elapsed().as_secs_f64(), rows)?;
        Ok(0)
    }

    /// Says where a run has stopped, and how it goes on.
    fn say_stopped(&self, ended: Ended<Network>, folder: &RunFolder, run: &str) -> Result<()> {
        let checkpoint = ended.checkpoint.context("a run that is stopped is kept")?;
        let step = ended.state.step();
        let line = json!({"event": "stopped", "step": step, "checkpoint": checkpoint.to_string_lossy(), "run": folder.path().to_string_lossy()});
        let (steps, checkpoint) = (counted(step, "step"), checkpoint.display());
        let kept = format!("stopped after {steps}, all of them kept in {checkpoint}");
        summary(self.json, &line, &format!("{kept}; `ebm train --resume {run}` goes on"));
        Ok(())
    }
}

/// What rows of a table are in the units of, where these are not the data's own.
fn units(config: &Config, begun: Option<&Begun>, resumed: Option<&Resumed>) -> Result<Option<Content>> {
    Ok(match (begun, resumed, &config.origin) {
        (Some(begun), ..) => Some(begun.card.content.clone()),
        // The units that the run began with, whatever the data have become.
        (None, Some(resumed), origin) if origin.is_some() || resumed.folder.content().exists() => {
            Some(model::content(&resumed.folder, config)?)
        }
        _ => None,
    })
}

/// The fingerprint of the data, which for a run that goes on have to be those that it began with.
fn checked_fingerprint(parts: &Parts, resumed: Option<&Resumed>) -> Result<Option<Fingerprint>> {
    let data = parts.batches.data();
    let Some(resumed) = resumed else { return Ok(Fingerprint::of(data)?) };
    let found = Fingerprint::of_resumed(&resumed.folder, data)?;
    fingerprint::check(&resumed.folder, found.as_ref())?;
    Ok(found)
}

/// Trains as a rank that has no folder; the exit code.
fn follow(session: Session<'_, Network, Loss>, interrupt: &Interrupt) -> Result<u8> {
    let ended = session.run(|_| vec![Box::new(interrupt.clone())])?;
    let was_signalled = ended.finish == Finish::Stopped;
    Ok(interrupt.exit_code().filter(|_| was_signalled).unwrap_or(0))
}

/// Writes the model file of a run that is complete.
fn write_model(parts: &Parts, folder: &RunFolder, state: &TrainState<Network>) -> Result<()> {
    let network = state.average();
    let normalization = normalization_of_run::of_config(&parts.config, &network, &parts.device);
    // A model is kept also if it is no density.
    let normalization = normalization.unwrap_or_else(|error| {
        say(&format!("the energies could not be normalised: {error:#}"));
        None
    });
    Ok(parts.card(state.step()).normalized(normalization).save(&network, &folder.model())?)
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
    let (steps, model) = (counted(step, "step"), model.display());
    let mut text = format!("done: {steps} in {seconds:.0} s, running loss {loss:.4}\nmodel: {model}\n");
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
