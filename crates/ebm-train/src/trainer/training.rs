//! The training loop.

use std::sync::Arc;

use burn::module::Module;
use ebm_ops::adam::AdamStep;
use ebm_ops::{Noise, OutOfRange};

use crate::trainer::evaluation::Evaluation;
use crate::trainer::memories;
use crate::trainer::nonfinite::Attempt;
use crate::trainer::rounds::Rounds;
use crate::trainer::team::Team;
use crate::{
    Batch, BoxError, ContrastReport, Divergence, Event, Memory, Objective, Observer, OnNonfinite, Optimizer,
    Ranks, Shard, TrainError, TrainSettings, TrainState, agree,
};

/// Steps from one check for divergence to the next; each waits for the device.
const CHECK_EVERY: u64 = 20;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// All steps are done.
    Complete,
    /// An observer ended the run.
    Stopped,
}

/// A training run: its state, its objective, and its settings.
#[derive(Debug)]
pub struct Trainer<M, O> {
    state: TrainState<M>,
    objective: O,
    settings: TrainSettings,
    /// What the objective reported in the last step.
    report: Option<ContrastReport>,
    team: Team,
}

impl<M: Module, O: Objective<M>> Trainer<M, O> {
    /// A run that begins, or continues, at `state`.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] with the field of the settings, [`TrainError::Memory`] if the objective cannot
    /// continue from the memory in the state, for instance because it is of another number of shards.
    pub fn new(state: TrainState<M>, objective: O, settings: TrainSettings) -> Result<Self, TrainError> {
        settings.validate()?;
        if state.has_memory() {
            memories::check_all::<M, O>(&objective, &state.memory, settings.shards)
                .map_err(|reason| TrainError::Memory { reason })?;
        }
        Ok(Self { state, objective, settings, report: None, team: Team::default() })
    }

    /// The same run as one of several ranks, each with this state and these settings. Shard k of a batch is computed by
    /// rank k mod R. Every rank is given the whole batch, and all come to the same weights, to the last bit, which are
    /// those of one process.
    ///
    /// What the objective remembers of a shard stays on its rank. It is gathered, and the states of all ranks are
    /// compared, every `gather_every` steps (0: never), after the last step, and where an observer ends the run; only
    /// then can the state be saved, by any rank. An observer that ends the run, or fails, on one rank ends all of them.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] if there are more ranks than shards, [`TrainError::Rank`] with the rank whose
    /// settings or state are others.
    pub fn with_ranks(self, ranks: Arc<dyn Ranks>, gather_every: u64) -> Result<Self, TrainError> {
        let (size, shards) = (ranks.size(), self.settings.shards);
        if shards < size {
            let expected = format!("at least one for each of {size} ranks");
            return Err(OutOfRange::new("shards", shards, expected).into());
        }
        let team = Team::new(ranks, gather_every);
        if !team.is_alone() {
            let step = self.state.step.to_string();
            let (settings, state) = (format!("{:?}", self.settings), team.or_tell(self.state.digest())?);
            let facts = [("step", &*step), ("settings", &*settings), ("state", &*state)];
            agree(team.ranks(), &facts)?;
        }
        Ok(Self { team, ..self })
    }

    /// The state after the last step.
    pub fn state(&self) -> &TrainState<M> {
        &self.state
    }

    /// Trains until the last step or until `observer` ends the run; `batches` maps a step, counted from 0, to its
    /// batch: a [`Batch`], or rows alone, `[batch, dim]`.
    ///
    /// # Errors
    /// [`TrainError`]; the state is then that of the last step that was done.
    pub fn run<B: Into<Batch>>(
        &mut self,
        mut batches: impl FnMut(u64) -> Result<B, BoxError>,
        observer: &mut dyn Observer<M>,
    ) -> Result<Finish, TrainError> {
        while self.state.step < self.settings.steps {
            let step = self.state.step;
            let batch = batches(step).map_err(|source| TrainError::Data { step, source });
            self.step(self.team.or_tell(batch)?)?;
            let (step, last) = (self.state.step, self.state.step == self.settings.steps);
            if last || step.is_multiple_of(CHECK_EVERY) {
                self.state.check()?;
            }
            let every = self.team.gather_every;
            if last || (every != 0 && step.is_multiple_of(every)) {
                self.gather()?;
            }
            let event = Event { state: &self.state, settings: &self.settings, report: self.report.as_ref() };
            let flow = observer.observe(&event).map_err(|source| TrainError::observed(step, source));
            let flow = self.team.or_tell(flow)?;
            if self.team.any(flow.is_break())? && !last {
                self.gather()?;
                return Ok(Finish::Stopped);
            }
        }
        Ok(Finish::Complete)
    }

    /// Gathers what the ranks remember, and compares their states.
    fn gather(&mut self) -> Result<(), TrainError> {
        if self.team.is_alone() {
            return Ok(());
        }
        if self.state.is_partial {
            let mine = self.team.or_tell(self.state.memory_bytes())?;
            for bytes in self.team.gather(&mine)? {
                let gathered = self.state.remember(&bytes);
                self.team.or_tell(gathered)?;
            }
            self.state.is_partial = false;
        }
        let digest = self.team.or_tell(self.state.digest())?;
        agree(self.team.ranks(), &[("state", &digest)])
    }

    /// One step on one batch: a [`Batch`], or rows alone, `[batch, dim]`.
    ///
    /// # Errors
    /// [`TrainError::NoGradient`] if the loss depends on no parameter; [`TrainError::Diverged`] if the loss or a
    /// gradient is not finite and this is known at once; [`TrainError::Skipped`] if too many consecutive steps would be
    /// skipped; [`TrainError::Memory`] if the objective's memory does not fit the data; [`TrainError::OutOfRange`] if
    /// the batch has fewer rows than shards; [`TrainError::Rank`] if another rank has failed.
    pub fn step(&mut self, batch: impl Into<Batch>) -> Result<(), TrainError> {
        let batch = batch.into();
        let skip = self.settings.on_nonfinite == OnNonfinite::Skip;
        // A GPU is not made to wait at every step for what is checked every twenty steps.
        let look = skip || !ebm_ops::reading_waits(&batch.rows.device());
        let before = if skip { self.state.memory.clone() } else { Memory::new() };
        let (Evaluation { loss, gradients, report }, noise) = self.evaluate(&batch)?;
        self.report = report;
        let (state, settings) = (&mut self.state, &self.settings);
        let Some(square_norm) = Optimizer::square_norm(&gradients) else {
            return Err(TrainError::NoGradient { step: state.step });
        };
        // Adam and the average count only the steps that were not skipped.
        let done = state.step - state.skips.total;
        let rate = state.learning_rate(settings, state.step);
        if look {
            let attempt = Attempt {
                data: &batch.rows,
                model: state.model(),
                report: self.report.as_ref(),
                loss: &loss,
                gradients: &gradients,
                square_norm: &square_norm,
                step_size: rate / (1.0 - settings.adam.decays[0].powf(done as f64 + 1.0)),
                rate,
            };
            if let Some(reason) = attempt.wrong() {
                // If the energies had drifted apart before, that is the cause, and skipping would hide it.
                state.check()?;
                return if skip { self.skip(noise, before, reason) } else { Err(state.diverged(reason)) };
            }
        }
        let n = done as f64;
        let update = AdamStep {
            step: done + 1,
            learning_rate: rate,
            decays: settings.adam.decays,
            epsilon: settings.adam.epsilon,
            gradient_scale: 1.0,
            average_decay: settings.average_decay.min((1.0 + n) / (10.0 + n)),
        };
        let (norm, clip) = (square_norm.clone(), settings.clip_norm);
        state.update(|optimizer, model| optimizer.step(model, gradients, norm, clip, update));
        (state.noise, state.last_rate) = (noise, rate);
        state.square_norm = Some(square_norm.clone());
        state.record(loss, self.report.as_ref(), (!look).then_some(square_norm));
        Ok(())
    }

    /// Loss, gradient and report of `batch`, and the noise after it; what the objective remembers has changed.
    fn evaluate(&mut self, batch: &Batch) -> Result<(Evaluation, Noise), TrainError> {
        let ([rows, dim], count) = (batch.rows.dims(), self.settings.shards);
        if rows < count {
            return Err(
                OutOfRange::new("shards", count, format!("at most the {rows} rows of a batch")).into()
            );
        }
        if self.state.has_memory() {
            let shards = self.team.shards(count);
            let checked = memories::check::<M, O>(&self.objective, &self.state.memory, shards, Some(dim));
            self.team.or_tell(checked.map_err(|reason| TrainError::Memory { reason }))?;
        }
        if !self.team.is_alone() {
            return self.evaluate_together(batch);
        }
        let mut noise = self.state.noise_of(Shard::WHOLE);
        let mut sum: Option<Evaluation> = None;
        for shard in Shard::all(count) {
            let mut of_shard = self.state.noise_of(shard);
            let next = self.state.evaluate(&self.objective, shard, batch, &mut of_shard);
            if shard.is_whole() {
                noise = of_shard;
            }
            sum = Some(match sum {
                Some(sum) => sum.plus(next),
                None => next,
            });
        }
        Ok((sum.expect("there is at least one shard"), noise))
    }

    /// The same with the other ranks, each of which computes its shards.
    fn evaluate_together(&mut self, batch: &Batch) -> Result<(Evaluation, Noise), TrainError> {
        let (team, count) = (&self.team, self.settings.shards);
        // What was gathered of other ranks' shards is theirs to change.
        memories::forget(&mut self.state.memory, |shard| team.has(shard));
        let mut rounds = Rounds::new(team, &self.state.optimizer);
        let mut mine = team.shards(count);
        for _ in 0..count.div_ceil(team.ranks().size()) {
            let next = mine.next().map(|shard| {
                let mut noise = self.state.noise_of(shard);
                self.state.evaluate(&self.objective, shard, batch, &mut noise)
            });
            rounds.add(next)?;
        }
        self.state.is_partial = !self.state.memory.is_empty();
        Ok((rounds.finish()?, self.state.noise.clone()))
    }

    /// Skips a step: only the step number and the noise advance.
    fn skip(&mut self, noise: Noise, before: Memory, reason: Divergence) -> Result<(), TrainError> {
        self.state.skip(noise, before, reason.clone());
        let (skipped, limit, step) = (self.state.skips.in_a_row, self.settings.skip_limit, self.state.step);
        if skipped <= limit { Ok(()) } else { Err(TrainError::Skipped { skipped, limit, step, reason }) }
    }
}
