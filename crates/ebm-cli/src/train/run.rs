//! The way from a state to the last step, watched, and taken again from a healthy state where it diverges.

use std::ops::ControlFlow;

use anyhow::Result;
use ebm_model::Network;
use ebm_train::{
    BoxError, Checkpoints, Event, Every, Finish, Observer, Observers, TrainError, TrainState, Trainer,
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
    /// Trains from `state` until the last step or a signal; a run that diverges goes back to its last healthy
    /// state, so often as the configuration allows.
    ///
    /// # Errors
    /// Whatever keeps a step from being done or recorded, a divergence too many among it.
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
            let diverged = match trainer.run(|step| Ok(batches.batch(step, &parts.device)?), &mut observers) {
                Ok(finish) => return Ok((trainer, finish)),
                Err(error @ TrainError::Diverged { .. }) => error,
                Err(error) => return Err(error.into()),
            };
            if parts.config.record.retreats <= trainer.state().retreats() {
                return Err(diverged.into());
            }
            let state = self.retreat(trainer.state())?;
            // What the journal says after that step did not come to be.
            let mut journal = Journal::open(&folder.journal(), state.step(), json)?;
            journal.write(&json!({
                "event": "retreat",
                "step": state.step(),
                "reason": diverged.to_string(),
                "retreats": state.retreats(),
                "learning_rate": state.learning_rate(&parts.config.train, state.step()),
            }))?;
            say(&format!("{diverged}; going on from step {} with half of the learning rate", state.step()));
            observers = self.observers(journal, state.step());
            trainer = parts.trainer(state)?;
        }
    }

    /// The last healthy state, from the last checkpoint or from the beginning, made to go on more carefully than
    /// `diverged` did; on disk too, so that a run that is killed does not diverge again.
    fn retreat(&self, diverged: &TrainState<Network>) -> Result<TrainState<Network>> {
        let healthy = match self.checkpoints.latest(&self.parts.network) {
            Ok(restored) => restored.state,
            Err(TrainError::NoCheckpoint { .. }) => self.parts.beginning(),
            Err(error) => return Err(error.into()),
        };
        let state = healthy.retreat(diverged);
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
        };
        let checkpoint = |event: &Event<'_, Network>| -> Result<ControlFlow<()>, BoxError> {
            checkpoints.save(event.state)?;
            Ok(ControlFlow::Continue(()))
        };
        let mut observers: Vec<Box<dyn Observer<Network> + 'a>> = vec![
            Box::new(progress),
            Box::new(Every { steps: record.journal_every, observer: journal }),
            Box::new(Every { steps: record.checkpoint_every, observer: checkpoint }),
        ];
        if 0 < record.picture_samples {
            observers.push(Box::new(Every { steps: record.picture_every, observer: pictures }));
        }
        observers.push(Box::new(interrupt.clone()));
        Observers(observers)
    }
}
