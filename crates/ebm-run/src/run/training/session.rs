//! A run at a step, trained to its last one.

use std::path::PathBuf;

use burn::module::Module;
use ebm_train::{
    Checkpoints, Divergence, Every, Finish, Objective, Observer, Observers, Retreats, TrainError, TrainState,
};
use serde_json::json;

use super::description::{Notice, Training};
use crate::config::RecordConfig;
use crate::error::{Context, Result};
use crate::folder::RunFolder;
use crate::history;
use crate::journal::{Echo, Journal, Remarks};
use crate::lock::Lock;

/// A run whose folder is taken, at a step.
pub struct Session<'a, M, O> {
    pub(super) training: Training<'a, M, O>,
    pub(super) folder: RunFolder,
    pub(super) checkpoints: Checkpoints,
    pub(super) state: TrainState<M>,
    pub(super) resumed: bool,
    pub(super) notice: Notice<'a>,
    pub(super) echo: Option<Echo>,
    pub(super) remarks: Remarks,
    /// What is said of the program and the machine where the run begins or goes on.
    pub(super) machine: serde_json::Map<String, serde_json::Value>,
    pub(super) _lock: Option<Lock>,
}

/// What a session came to.
pub struct Ended<M> {
    /// The state after the last step.
    pub state: TrainState<M>,
    /// Whether all steps were done.
    pub finish: Finish,
    /// The checkpoint of a run that was stopped, on rank 0.
    pub checkpoint: Option<PathBuf>,
    /// Steps that this session did.
    pub steps: u64,
}

impl<'a, M: Module, O: Objective<M>> Session<'a, M, O> {
    /// The folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Steps that are done.
    pub fn step(&self) -> u64 {
        self.state.step()
    }

    /// The state at which it begins or goes on.
    pub fn state(&self) -> &TrainState<M> {
        &self.state
    }

    /// Whether the run goes on, and does not begin.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Where observers leave lines for the journal.
    pub fn remarks(&self) -> Remarks {
        self.remarks.clone()
    }

    /// What the journal is to say of the program and the machine: names and values beside those of its first line.
    #[must_use]
    pub fn with_machine(self, machine: serde_json::Map<String, serde_json::Value>) -> Self {
        Self { machine, ..self }
    }

    /// Where lines of the journal go besides.
    pub fn with_echo(mut self, echo: Echo) -> Self {
        self.echo = Some(echo);
        self
    }

    /// Tells the other ranks where the run is.
    pub(super) fn announce(self) -> Result<Self> {
        let path = std::path::absolute(self.folder.path())?;
        let path = path.to_str().context("the name of the run's folder is no text")?;
        let told = [&[u8::from(self.resumed)], path.as_bytes()].concat();
        self.training.ranks.gather(&told)?;
        Ok(self)
    }

    /// Trains until the last step, or until an observer ends it; a run that is ended so is kept as a checkpoint.
    ///
    /// `observers(step)` are asked after the journal and the checkpoints; they are made anew after a retreat. Rank 0
    /// alone has a journal and writes checkpoints.
    ///
    /// # Errors
    /// Whatever keeps a step from being done or recorded; the last checkpoint is then whole.
    pub fn run<'o>(mut self, observers: impl Fn(u64) -> Vec<Box<dyn Observer<M> + 'o>>) -> Result<Ended<M>> {
        let begun_at = self.state.step();
        let is_first = self.training.ranks.rank() == 0;
        let mut journal = if is_first { Some(self.begun_journal()?) } else { None };
        let mut trainer = self.training.trainer(self.state)?;
        let finish = loop {
            let others = observers(trainer.state().step());
            let record = is_first.then_some((&self.checkpoints, &self.training.record));
            let mut watch = watching(journal, record, others);
            let error = match trainer.run(|step| (self.training.batches)(step), &mut watch) {
                Ok(finish) => break finish,
                Err(error) => error,
            };
            let reason = match &error {
                TrainError::Diverged { reason, .. }
                    if may_retreat(&self.training, reason, trainer.state().retreats()) =>
                {
                    reason
                }
                _ => {
                    if is_first {
                        let reason = error.to_string();
                        let line =
                            json!({"event": "failed", "step": trainer.state().step(), "reason": reason});
                        // The failure itself is what is to be said.
                        let _ = last_words(&self.folder, &self.training, self.echo, &self.remarks, line);
                    }
                    return Err(error).with_context(|| what_is_left(&self.training, &self.checkpoints));
                }
            };
            let state = retreat(&self.training, &self.checkpoints, trainer.state(), reason)?;
            journal = None;
            if is_first {
                // What the journal says after that step did not come to be.
                let every = self.training.record.journal_every;
                let mut again = Journal::open(&self.folder.journal(), state.step(), every, self.echo)?
                    .with_remarks(self.remarks.clone());
                again.write(&json!({
                    "event": "retreat",
                    "step": state.step(),
                    "reason": error.to_string(),
                    "retreats": state.retreats().count(),
                    "learning_rate": state.learning_rate(&self.training.settings, state.step()),
                    "sampler_step_size":
                        self.training.sampler_step_size.map(|size| size * state.retreats().sampler_scale()),
                }))?;
                journal = Some(again);
            }
            let halved = match reason {
                Divergence::Acceptance { .. } => "the sampler's step",
                _ => "the learning rate and of the sampler's step",
            };
            (self.notice)(&format!("{error}; going on from step {} with half of {halved}", state.step()));
            trainer = self.training.trainer(state)?;
        };
        let state = trainer.state().clone();
        let checkpoint = match finish {
            Finish::Stopped if is_first => Some(self.checkpoints.save(&state)?),
            Finish::Stopped | Finish::Complete => None,
        };
        let steps = state.step() - begun_at;
        if is_first {
            let how = if finish == Finish::Stopped { "stopped" } else { "complete" };
            let line = json!({"event": "ended", "how": how, "step": state.step()});
            last_words(&self.folder, &self.training, self.echo, &self.remarks, line)?;
        }
        Ok(Ended { state, finish, checkpoint, steps })
    }

    /// The journal, with what it says of a session that starts.
    fn begun_journal(&mut self) -> Result<Journal> {
        let (begun_at, every) = (self.state.step(), self.training.record.journal_every);
        let journal = Journal::open(&self.folder.journal(), begun_at, every, self.echo)?;
        let mut journal = journal.with_remarks(self.remarks.clone());
        // Those that an earlier session was killed before it could write are caught up on.
        for entry in history::read(&self.folder)?.iter().skip(journal.changes()) {
            journal.write(&json!({
                "event": "changed", "step": entry.step.min(begun_at), "changes": entry.changes,
            }))?;
        }
        let mut line = json!({
            "event": if self.resumed { "resumed" } else { "began" },
            "step": begun_at,
            "run": self.folder.path().to_string_lossy(),
            "seed": self.training.seed,
            "parameters": self.state.model().num_params(),
            "steps": self.training.settings.steps,
        });
        for (name, value) in std::mem::take(&mut self.machine) {
            line[name] = value;
        }
        journal.write(&line)?;
        if let Some(mut line) = self.training.data.take() {
            line["event"] = json!("data");
            line["step"] = json!(begun_at);
            journal.write(&line)?;
        }
        Ok(journal)
    }
}

/// Adds to the journal what observers still had for it, and the last line of a session.
fn last_words<M, O>(
    folder: &RunFolder,
    training: &Training<'_, M, O>,
    echo: Option<Echo>,
    remarks: &Remarks,
    line: serde_json::Value,
) -> Result<()> {
    let mut journal = Journal::open(&folder.journal(), u64::MAX, training.record.journal_every, echo)?;
    for line in remarks.take().iter().chain([&line]) {
        journal.write(line)?;
    }
    Ok(())
}

/// Who watches the run, in the order in which they are asked; `record` is for the rank that writes.
fn watching<'o, M: Module + 'o>(
    journal: Option<Journal>,
    record: Option<(&'o Checkpoints, &RecordConfig)>,
    observers: Vec<Box<dyn Observer<M> + 'o>>,
) -> Observers<'o, M> {
    let mut all: Vec<Box<dyn Observer<M> + 'o>> = Vec::new();
    if let Some(journal) = journal {
        all.push(Box::new(journal));
    }
    if let Some((checkpoints, record)) = record {
        all.push(Box::new(Every { steps: record.checkpoint_every, observer: checkpoints }));
    }
    all.extend(observers);
    Observers(all)
}

/// Whether smaller steps may keep this from happening: of the model's or of the sampler's, not of what the data are.
fn may_retreat<M, O>(training: &Training<'_, M, O>, reason: &Divergence, retreats: Retreats) -> bool {
    let of_the_model = !matches!(reason, Divergence::Batch { .. } | Divergence::LearningRate { .. });
    of_the_model && training.sampler_step_size.is_some() && retreats.count() < training.record.retreats
}

/// Where a run that cannot go on has come to, in a line.
fn what_is_left<M: Module, O>(training: &Training<'_, M, O>, checkpoints: &Checkpoints) -> String {
    match checkpoints.latest(&training.network) {
        Ok(restored) => format!("the run ends; its last checkpoint is {}", restored.path.display()),
        Err(_) => "the run ends without a checkpoint".into(),
    }
}

/// The last healthy state, from the last checkpoint or from the beginning, to go on from with smaller steps; saved,
/// so that a run that is killed does not diverge again.
fn retreat<M: Module, O: Objective<M>>(
    training: &Training<'_, M, O>,
    checkpoints: &Checkpoints,
    diverged: &TrainState<M>,
    reason: &Divergence,
) -> Result<TrainState<M>> {
    let healthy = match checkpoints.latest(&training.network) {
        Ok(restored) => restored.state,
        Err(TrainError::NoCheckpoint { .. }) => training.beginning(),
        Err(error) => return Err(error.into()),
    };
    let state = healthy.retreat(diverged, reason);
    // All ranks have read before one writes.
    training.ranks.gather(&[])?;
    if training.ranks.rank() == 0 {
        checkpoints.save(&state)?;
    }
    Ok(state)
}
