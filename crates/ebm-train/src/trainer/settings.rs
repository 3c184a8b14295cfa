//! The settings of a training run.

use ebm_ops::OutOfRange;
use serde::{Deserialize, Serialize};

use crate::range::{below_one, share};
use crate::{AdamSettings, OnNonfinite, Schedule};

/// The settings of a training run; [`validate`](Self::validate) checks them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainSettings {
    /// Steps of the whole run; at least 1.
    pub steps: u64,
    /// Parts into which a step's batch is cut, each computed on its own: at least 1, and at most the rows of a batch.
    ///
    /// The memory of a step falls with it (gradient accumulation), and the work stays. Each shard has its own noise and,
    /// where the objective remembers something, its own memory. Loss, gradient and report are the means of those of
    /// the shards, weighted by rows and summed in the order of the shards. With 1, the batch is not cut.
    pub shards: usize,
    /// The peak learning rate.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises linearly to its peak.
    pub warm_up: u64,
    /// The learning rate at the end of the run, as a share of the peak.
    pub floor: f64,
    /// The bound of the norm of the gradient over all parameters; longer gradients are scaled down.
    pub clip_norm: f64,
    /// The decay of the averaged weights after n steps is the smaller of this and (1 + n)/(10 + n).
    pub average_decay: f64,
    /// What to do with a step whose loss or gradient is not finite.
    pub on_nonfinite: OnNonfinite,
    /// Consecutive steps that may be skipped; one more ends the run.
    pub skip_limit: u64,
    /// The settings of Adam.
    pub adam: AdamSettings,
}

impl Default for TrainSettings {
    /// The settings of the reference run.
    fn default() -> Self {
        Self {
            steps: 3000,
            shards: 1,
            learning_rate: 1e-3,
            warm_up: 200,
            floor: 0.01,
            clip_norm: 1.0,
            average_decay: 0.999,
            on_nonfinite: OnNonfinite::Stop,
            skip_limit: 10,
            adam: AdamSettings::default(),
        }
    }
}

impl TrainSettings {
    /// # Errors
    /// [`OutOfRange`] with the field.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        if self.steps == 0 {
            return Err(OutOfRange::new("steps", 0, "at least 1"));
        }
        OutOfRange::at_least("shards", 1, self.shards)?;
        OutOfRange::positive("learning_rate", self.learning_rate)?;
        share("floor", self.floor)?;
        OutOfRange::positive("clip_norm", self.clip_norm)?;
        below_one("average_decay", self.average_decay)?;
        self.adam.validate().map_err(|error| error.within("adam"))
    }

    /// The learning rate over time.
    pub fn schedule(&self) -> Schedule {
        Schedule { peak: self.learning_rate, warm_up: self.warm_up, floor: self.floor, steps: self.steps }
    }
}
