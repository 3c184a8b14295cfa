//! The way from a state to the last step, watched, and taken again from a healthy state where it diverges.

use std::ops::ControlFlow;

use anyhow::{Context, Result};
use ebm_model::{Network, NetworkConfig};
use ebm_train::{
    BoxError, Checkpoints, Divergence, Event, Every, Finish, Observer, Observers, Retreats, TrainError,
    TrainState, Trainer,
};
use serde_json::json;

use super::interrupt::Interrupt;
use super::journal::Journal;
use super::parts::Parts;
use super::pictures::Pictures;
use super::progress::Progress;
use crate::objective::Loss;
use crate::run_folder::RunFolder;
use crate::say;

/// What a run needs besides where it is.
pub struct Run<'a> {
    pub parts: &'a Parts,
    pub folder: &'a RunFolder,
    pub checkpoints: &'a Checkpoints,
    pub interrupt: &'a Interrupt,
    pub json: bool,
}

impl<'a> Run<'a> {
    /// Trains from `state` until the last step or a signal; a run of contrastive divergence that diverges goes back
    /// to its last healthy state, so often as the configuration allows.
    ///
    /// # Errors
    /// Whatever keeps a step from being done or recorded, a divergence among it.
    pub fn to_the_end(
        &self,
        state: TrainState<Network>,
        journal: Journal,
    ) -> Result<(Trainer<Network, Loss>, Finish)> {
        let Self { parts, folder, json, .. } = *self;
        let mut batches = parts.batches.clone();
        let mut observers = self.observers(journal, state.step());
        let mut trainer = parts.trainer(state)?;
        loop {
            let error = match trainer.run(|step| Ok(batches.batch(step, &parts.device)?), &mut observers) {
                Ok(finish) => return Ok((trainer, finish)),
                Err(error) => error,
            };
            let reason = match &error {
                TrainError::Diverged { reason, .. }
                    if self.may_retreat(reason, trainer.state().retreats()) =>
                {
                    reason
                }
                _ => return Err(error).with_context(|| self.what_is_left()),
            };
            let state = self.retreat(trainer.state(), reason)?;
            let learning_rate = state.learning_rate(&parts.config.train, state.step());
            let scale = state.retreats().sampler_scale();
            let sampler_step_size =
                parts.config.objective.sampler_step_size().map(|step_size| step_size * scale);
            // What the journal says after that step did not come to be.
            let every = parts.config.record.journal_every;
            let mut journal = Journal::open(&folder.journal(), state.step(), every, json)?;
            journal.write(&json!({
                "event": "retreat",
                "step": state.step(),
                "reason": error.to_string(),
                "retreats": state.retreats().count(),
                "learning_rate": learning_rate,
                "sampler_step_size": sampler_step_size,
            }))?;
            let halved = match reason {
                Divergence::Acceptance { .. } => "the sampler's step",
                _ => "the learning rate and of the sampler's step",
            };
            say(&format!("{error}; going on from step {} with half of {halved}", state.step()));
            observers = self.observers(journal, state.step());
            trainer = parts.trainer(state)?;
        }
    }

    /// Whether smaller steps may keep this from happening: of the model's or of the sampler's, not of what the data
    /// are.
    fn may_retreat(&self, reason: &Divergence, retreats: Retreats) -> bool {
        let config = &self.parts.config;
        let of_the_model = !matches!(reason, Divergence::Batch { .. } | Divergence::LearningRate { .. });
        of_the_model && config.objective.is_contrastive() && retreats.count() < config.record.retreats
    }

    /// Where a run that cannot go on has come to, in a line.
    fn what_is_left(&self) -> String {
        match self.checkpoints.latest(&self.parts.network) {
            Ok(restored) => format!("the run ends; its last checkpoint is {}", restored.path.display()),
            Err(_) => "the run ends without a checkpoint".into(),
        }
    }

    /// The last healthy state, from the last checkpoint or from the beginning, made to go on more carefully than
    /// `diverged` did; on disk too, so that a run that is killed does not diverge again.
    fn retreat(&self, diverged: &TrainState<Network>, reason: &Divergence) -> Result<TrainState<Network>> {
        let healthy = match self.checkpoints.latest(&self.parts.network) {
            Ok(restored) => restored.state,
            Err(TrainError::NoCheckpoint { .. }) => self.parts.beginning(),
            Err(error) => return Err(error.into()),
        };
        let state = healthy.retreat(diverged, reason);
        self.checkpoints.save(&state)?;
        Ok(state)
    }

    /// Who watches the run from `step` on, in the order in which they are asked: what is told, what is kept, what
    /// is drawn.
    fn observers(&self, journal: Journal, step: u64) -> Observers<'a, Network> {
        let Self { parts, folder, checkpoints, interrupt, .. } = *self;
        let record = &parts.config.record;
        let progress = Progress::new(parts.config.train.steps, step);
        let pictures = Pictures {
            run: folder.clone(),
            sampler: parts.sampler.clone(),
            content: parts.content.clone(),
            shape: [record.picture_samples, parts.config.model.dim()],
            noise: parts.noise.derive("pictures"),
            sigma: parts.config.sample.heun.bottom,
            device: parts.device.clone(),
            background: parts.background.clone(),
            bar: progress.bar(),
            interrupt: interrupt.clone(),
        };
        let checkpoint = |event: &Event<'_, Network>| -> Result<ControlFlow<()>, BoxError> {
            checkpoints.save(event.state)?;
            Ok(ControlFlow::Continue(()))
        };
        let mut observers: Vec<Box<dyn Observer<Network> + 'a>> = vec![
            Box::new(progress),
            Box::new(journal),
            Box::new(Every { steps: record.checkpoint_every, observer: checkpoint }),
        ];
        if 0 < record.picture_samples {
            observers.push(Box::new(Every { steps: record.picture_every, observer: pictures }));
        }
        observers.push(Box::new(interrupt.clone()));
        Observers(observers)
    }
}
