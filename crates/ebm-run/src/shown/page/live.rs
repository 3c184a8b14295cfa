//! The page as training goes.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use ebm_model::Network;
use ebm_train::{BoxError, Event, Observer};
use serde_json::json;

use super::file;
use crate::folder::RunFolder;
use crate::journal::Remarks;
use crate::level_losses::LevelLosses;
use crate::pictures::Allowance;

/// The share of the time of training that pages and what they show may take.
const SHARE: f64 = 0.01;

/// What a page is thought to take before the first one is written.
const EXPECTED: Duration = Duration::from_millis(50);

/// Writes a run's page as training goes, and measures its loss at single noise levels for it.
///
/// Both take at most a hundredth of the time of training; where they are slower, some are left out. A page that cannot
/// be written is said, once, and ends nothing. The page of the end is not written here: the run is not complete yet.
pub struct LivePage {
    folder: RunFolder,
    losses: Option<LevelLosses>,
    allowance: Allowance,
    remarks: Remarks,
    tell: Box<dyn Fn(&str)>,
    is_said: bool,
}

impl LivePage {
    /// From `step` on; `tell` is told what is wrong.
    pub fn new(
        folder: RunFolder,
        step: u64,
        losses: Option<LevelLosses>,
        remarks: Remarks,
        tell: impl Fn(&str) + 'static,
    ) -> Self {
        let allowance = Allowance::of(SHARE, step).expecting(EXPECTED);
        Self { folder, losses, allowance, remarks, tell: Box::new(tell), is_said: false }
    }

    fn measure(&self, network: &Network, step: u64) {
        let Some(losses) = &self.losses else { return };
        if let Some(found) = losses.at(network) {
            self.remarks
                .add(json!({"event": "levels", "loss": found, "sigma": losses.sigmas(), "step": step}));
        }
    }

    fn write(&mut self) {
        if let Err(error) = file::write(&self.folder, None)
            && !std::mem::replace(&mut self.is_said, true)
        {
            (self.tell)(&format!("warning: the run's page was not written: {error:#}"));
        }
    }
}

impl Observer<Network> for LivePage {
    fn observe(&mut self, event: &Event<'_, Network>) -> Result<ControlFlow<()>, BoxError> {
        let (step, is_last) = (event.state.step(), event.is_last());
        let limit = self.allowance.limit(step, event.settings.steps);
        if limit.is_none() && !is_last {
            return Ok(ControlFlow::Continue(()));
        }
        let began = Instant::now();
        if self.losses.is_some() {
            self.measure(&event.state.average(), step);
        }
        if !is_last {
            self.write();
        }
        let took = began.elapsed();
        self.allowance.took(took, limit.is_some_and(|limit| took <= limit));
        Ok(ControlFlow::Continue(()))
    }
}
