//! The numbers of a training run.

use serde::{Deserialize, Serialize};

use crate::{AdamSettings, OnNonfinite, Schedule, TrainError};

/// How a run goes; any value of it that [`validate`](Self::validate) lets pass can be trained with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainSettings {
    /// Steps of the whole run.
    pub steps: u64,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// Steps in which the learning rate rises.
    pub warm_up: u64,
    /// The share of the learning rate that is left at the end of its cosine.
    pub floor: f64,
    /// The gradient of all parameters together is made no longer than this.
    pub clip_norm: f64,
    /// The decay of the averaged weights is the lesser of this and (1 + n)/(10 + n) after n steps.
    pub average_decay: f64,
    /// What is done with a step whose loss or gradient is not finite.
    pub on_nonfinite: OnNonfinite,
    /// Steps in a row that may be skipped; one more ends the run.
    pub skip_limit: u64,
    /// Adam's own numbers.
    pub adam: AdamSettings,
}

impl Default for TrainSettings {
    /// The reference run's.
    fn default() -> Self {
        Self {
            steps: 3000,
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
    /// [`TrainError::Setting`], naming the field that is out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let positive = |value: f64| value.is_finite() && 0.0 < value;
        let share = |value: f64| (0.0..1.0).contains(&value);
        let [first, second] = self.adam.decays;
        let checks = [
            ("train.steps", self.steps as f64, 0 < self.steps, "at least 1"),
            ("train.learning_rate", self.learning_rate, positive(self.learning_rate), "a positive number"),
            ("train.floor", self.floor, (0.0..=1.0).contains(&self.floor), "between 0 and 1"),
            ("train.clip_norm", self.clip_norm, positive(self.clip_norm), "a positive number"),
            ("train.average_decay", self.average_decay, share(self.average_decay), "at least 0 and below 1"),
            ("train.adam.decays", first, share(first), "at least 0 and below 1"),
            ("train.adam.decays", second, share(second), "at least 0 and below 1"),
            ("train.adam.epsilon", self.adam.epsilon, positive(self.adam.epsilon), "a positive number"),
        ];
        match checks.into_iter().find(|(.., fits, _)| !fits) {
            Some((field, value, _, expected)) => {
                Err(TrainError::Setting { field, found: value.to_string(), expected })
            }
            None => Ok(()),
        }
    }

    /// The learning rate over time.
    pub fn schedule(&self) -> Schedule {
        Schedule { peak: self.learning_rate, warm_up: self.warm_up, floor: self.floor, steps: self.steps }
    }
}
