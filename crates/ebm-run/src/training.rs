//! A run from its first step, or from its last checkpoint, to its end.
//!
//! [`Training`] is what determines a run; [`Training::open`] takes its folder and finds out where it is, and
//! [`Session::run`] trains it to its last step: with a journal, checkpoints, and, for contrastive divergence, retreats.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::Noise;
use ebm_train::{
    Alone, Batch, BoxError, Checkpoints, Divergence, Every, Finish, Objective, Observer, Observers, Ranks,
    Restored, Retreats, TrainError, TrainSettings, TrainState, Trainer,
};
use serde_json::json;

use crate::config::RecordConfig;
use crate::error::{Context, Result, anyhow, disagreement, ensure, usage};
use crate::folder::RunFolder;
use crate::history::{self, Change, Entry};
use crate::journal::{Echo, Journal, Remarks};
use crate::lock::Lock;

/// Batches by step, counted from 0: rows, `[batch, dim]`, with labels for a network of classes, a pure function of the
/// step.
pub type Source<'a> = Box<dyn FnMut(u64) -> Result<Batch, BoxError> + 'a>;

/// The objective, anew after a retreat.
pub type ObjectiveSource<'a, O> = Box<dyn Fn(Retreats) -> Result<O> + 'a>;

/// Lines for the person who waits.
pub type Notice<'a> = &'a dyn Fn(&str);

/// All that determines a run, besides its data.
pub struct Training<'a, M, O> {
    /// The run's `config.toml`. A run is resumed under the text that it began with.
    pub config: String,
    /// Seed of the random number generator, for the journal.
    pub seed: u64,
    /// What was read of the data, for the journal.
    pub data: Option<serde_json::Value>,
    /// The network before its first step.
    pub network: M,
    /// The objective, of what its sampler's step has left after retreats.
    pub objective: ObjectiveSource<'a, O>,
    /// The step size of the objective's sampler, if it has one: then a run that diverges retreats.
    pub sampler_step_size: Option<f64>,
    /// The data.
    pub batches: Source<'a>,
    /// Steps, learning rate, optimiser.
    pub settings: TrainSettings,
    /// What is recorded, and how often.
    pub record: RecordConfig,
    /// The noise of the objective.
    pub noise: Noise,
    /// Numbers that the objective remembers from step to step, for the size of a checkpoint.
    pub memory_numbers: usize,
    /// What a resume changes in the run's settings, which are the new ones already.
    pub changes: Vec<Change>,
    /// Whether the network has weights of another run: then the beginning is kept as a checkpoint.
    pub has_origin: bool,
    /// The ranks that compute the shards of a batch. Rank 0 has the folder; the others [`follow`](Self::follow) it.
    pub ranks: Arc<dyn Ranks>,
}

/// How a session starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// With a run that is not there yet.
    Begin,
    /// With the run that is there.
    Resume,
    /// With the run that is there, or else a new one.
    ResumeOrBegin,
}

/// A run whose folder is taken, at a step.
pub struct Session<'a, M, O> {
    training: Training<'a, M, O>,
    folder: RunFolder,
    checkpoints: Checkpoints,
    state: TrainState<M>,
    resumed: bool,
    notice: Notice<'a>,
    echo: Option<Echo>,
    remarks: Remarks,
    /// What is said of the program and the machine where the run begins or goes on.
    machine: serde_json::Map<String, serde_json::Value>,
    _lock: Option<Lock>,
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

impl<'a, M: Module, O: Objective<M>> Training<'a, M, O> {
    /// A run of `network` by an objective that has no sampler inside; `rows(step)` is the batch of a step, counted
    /// from 0, and a function of the step only. The settings are the run's configuration.
    pub fn new(
        network: M,
        objective: impl Fn() -> O + 'a,
        mut rows: impl FnMut(u64) -> Tensor<2> + 'a,
        settings: TrainSettings,
        noise: Noise,
    ) -> Result<Self> {
        let config = toml::to_string(&settings).context("the settings cannot be written")?;
        Ok(Self {
            // Not in the text of runs from before there were shards, which go on as well.
            config: config.replacen("shards = 1\n", "", 1),
            seed: 0,
            data: None,
            network,
            objective: Box::new(move |_| Ok(objective())),
            sampler_step_size: None,
            batches: Box::new(move |step| Ok(rows(step).into())),
            settings,
            record: RecordConfig::default(),
            noise,
            memory_numbers: 0,
            changes: Vec::new(),
            has_origin: false,
            ranks: Arc::new(Alone),
        })
    }

    /// Takes the folder at `path`, where a run begins or goes on from its last checkpoint that is whole.
    ///
    /// # Errors
    /// A folder that another process trains in, that holds another run, or that cannot be written; checkpoints of
    /// which none can be used.
    pub fn open(self, path: &Path, opening: Opening, notice: Notice<'a>) -> Result<Session<'a, M, O>> {
        let is_run = path.join("config.toml").is_file();
        match opening {
            Opening::Resume => self.resume(RunFolder::open(path)?, notice),
            Opening::ResumeOrBegin if is_run => self.resume(RunFolder::open(path)?, notice),
            Opening::Begin | Opening::ResumeOrBegin => {
                let (folder, lock) = RunFolder::create(Some(path), "run")?;
                self.begin(folder, lock, notice)
            }
        }
    }

    /// Begins a run in a folder that was created for it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn begin(self, folder: RunFolder, lock: Lock, notice: Notice<'a>) -> Result<Session<'a, M, O>> {
        folder.probe(self.checkpoint_bytes())?;
        folder.write_config(&self.config)?;
        let session = self.session(folder, Some(lock), false, notice)?;
        if session.training.has_origin {
            session.checkpoints.save(&session.state)?;
        }
        session.announce()
    }

    /// Goes on with the run in a folder; changes of its settings are written to its history first.
    ///
    /// # Errors
    /// As [`open`](Self::open), or fewer steps than are done.
    pub fn resume(mut self, folder: RunFolder, notice: Notice<'a>) -> Result<Session<'a, M, O>> {
        let lock = folder.take()?;
        ensure!(
            folder.config_text()? == self.config,
            disagreement(anyhow!("{} is not the configuration of this run", folder.config().display()))
        );
        folder.probe(self.checkpoint_bytes())?;
        let changes = std::mem::take(&mut self.changes);
        let session = self.session(folder, Some(lock), true, notice)?;
        let (step, steps) = (session.step(), session.training.settings.steps);
        ensure!(
            step <= steps,
            usage(anyhow!("train.steps: {step} steps are done, expected at least as many, found {steps}"))
        );
        if !changes.is_empty() {
            history::append(&session.folder, &Entry { step, changes })?;
        }
        session.announce()
    }

    /// Begins or goes on with the run that rank 0 has begun or gone on with, on another rank. Its folder is only read.
    ///
    /// # Errors
    /// If rank 0 has failed, its folder is not where it is for this rank, or it is of another run.
    pub fn follow(self, notice: Notice<'a>) -> Result<Session<'a, M, O>> {
        let told = self.ranks.gather(&[])?.swap_remove(0);
        let (resumed, path) = told.split_first().context("rank 0 has named no folder")?;
        let folder = RunFolder::open(Path::new(&String::from_utf8_lossy(path).into_owned()))
            .context("every rank reads the run's folder, where rank 0 has it")?;
        ensure!(
            folder.config_text()? == self.config,
            disagreement(anyhow!("{} is not the configuration of this rank", folder.config().display()))
        );
        self.session(folder, None, *resumed == 1, notice)
    }

    fn session(
        self,
        folder: RunFolder,
        lock: Option<Lock>,
        resumed: bool,
        notice: Notice<'a>,
    ) -> Result<Session<'a, M, O>> {
        if lock.as_ref().is_some_and(|lock| !lock.is_exclusive()) {
            let path = folder.path().display();
            notice(&format!("{path} cannot be locked there: nothing keeps a second trainer out"));
        }
        let record = &self.record;
        // The loss of contrastive divergence does not say how good a model is.
        let best = if self.sampler_step_size.is_some() { 0 } else { record.keep_best };
        let checkpoints = Checkpoints::new(folder.checkpoints(), folder.hash()?, record.keep_checkpoints);
        let checkpoints = checkpoints.with_best(best);
        // Without the lock, files are only read.
        if lock.is_some() {
            checkpoints.recover()?;
        }
        let state = if resumed { self.restore(&checkpoints, notice)? } else { self.beginning() };
        Ok(Session {
            training: self,
            folder,
            checkpoints,
            state,
            resumed,
            notice,
            echo: None,
            remarks: Remarks::default(),
            machine: serde_json::Map::new(),
            _lock: lock,
        })
    }

    /// The state before the first step.
    fn beginning(&self) -> TrainState<M> {
        TrainState::new(self.network.clone(), self.noise.clone())
    }

    /// The state of the last checkpoint that is whole; a run that had come to none begins.
    fn restore(&self, checkpoints: &Checkpoints, notice: Notice<'_>) -> Result<TrainState<M>> {
        let restored = match checkpoints.latest(&self.network) {
            Err(TrainError::NoCheckpoint { refused, .. }) if refused.is_empty() => {
                notice("there is no checkpoint yet: beginning");
                return Ok(self.beginning());
            }
            found => found?,
        };
        if self.ranks.rank() == 0 {
            checkpoints.tidy(&restored);
        }
        let Restored { state, path, refused } = restored;
        refused.iter().for_each(|reason| notice(&format!("not used: {reason}")));
        notice(&format!("going on from {}", path.display()));
        Ok(state)
    }

    /// About as many bytes as a checkpoint has: weights, two moments and the average, and the objective's memory.
    fn checkpoint_bytes(&self) -> u64 {
        4 * (4 * self.network.num_params() + self.memory_numbers) as u64
    }

    fn trainer(&self, state: TrainState<M>) -> Result<Trainer<M, O>> {
        let objective = (self.objective)(state.retreats())?;
        let trainer = Trainer::new(state, objective, self.settings.clone()).map_err(usage)?;
        // As often as there are checkpoints, which have to be of a whole state.
        let trainer = trainer.with_ranks(self.ranks.clone(), self.record.checkpoint_every);
        trainer.map_err(|error| usage(error.within("train")))
    }
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
    fn announce(self) -> Result<Self> {
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
