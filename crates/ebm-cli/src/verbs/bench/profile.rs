//! Where the time of a training step goes.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use burn::tensor::Tensor;
use ebm_ops::Noise;
use ebm_ops::profile::{Span, profile, span};
use ebm_train::{Batch, Memory, Objective, Outcome, Shard};
use serde_json::json;

use super::{RUNS, Subject, WARM_UP};

/// What the way forward costs beside the operations of `ebm-ops`: Burn's own operations, and the tape.
const LOSS: &str = "rest of the loss";

/// What everything after it costs beside them: Burn's own operations backward, the tape, clipping, the module.
const REST: &str = "rest of backward and update";

/// The time of some training steps, by kind of operation.
pub struct Profile {
    /// Of all steps.
    whole: Duration,
    parts: BTreeMap<&'static str, Span>,
}

/// An objective whose loss is a span.
struct Watched<O>(O);

impl<M, O: Objective<M>> Objective<M> for Watched<O> {
    fn start(&self, model: &M, data: &Tensor<2>, noise: &mut Noise) -> Memory {
        self.0.start(model, data, noise)
    }

    fn check(&self, memory: &Memory, dim: Option<usize>) -> Result<(), String> {
        self.0.check(memory, dim)
    }

    fn start_shard(&self, shard: Shard, model: &M, data: &Tensor<2>, noise: &mut Noise) -> Memory {
        self.0.start_shard(shard, model, data, noise)
    }

    fn check_shard(&self, shard: Shard, memory: &Memory, dim: Option<usize>) -> Result<(), String> {
        self.0.check_shard(shard, memory, dim)
    }

    fn loss(&self, model: &M, batch: &Batch, memory: Memory, noise: &mut Noise) -> Outcome {
        span(LOSS, || self.0.loss(model, batch, memory, noise))
    }
}

impl Subject<'_> {
    /// Measures training steps.
    pub(super) fn profile(&self) -> Result<Profile> {
        let mut trainer = self.trainer(Watched(self.objective()?))?;
        let mut steps = |n: usize| -> Result<Duration> {
            let began = Instant::now();
            for _ in 0..n {
                trainer.step(self.batch.clone())?;
                self.wait()?;
            }
            Ok(began.elapsed())
        };
        steps(WARM_UP)?;
        let (whole, mut parts) = profile(|| steps(RUNS));
        let whole = whole?;
        let inside: Duration = parts.values().map(|part| part.time).sum();
        parts.insert(REST, Span { calls: RUNS as u64, time: whole.saturating_sub(inside) });
        Ok(Profile { whole, parts })
    }
}

impl Profile {
    /// As JSON.
    pub fn to_json(&self) -> serde_json::Value {
        let part = |(name, span): (&&str, &Span)| {
            let (calls, ms) = (span.calls as usize / RUNS, milliseconds(span.time));
            ((*name).to_owned(), json!({"calls": calls, "ms": ms}))
        };
        let parts: serde_json::Map<_, _> = self.parts.iter().map(part).collect();
        json!({"event": "profile", "step_ms": milliseconds(self.whole), "parts": parts})
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<_> = self.parts.iter().collect();
        parts.sort_by_key(|(_, span)| std::cmp::Reverse(span.time));
        writeln!(f, "{:28}  calls        ms      %", "of a training step")?;
        for (name, span) in parts {
            let share = 100.0 * span.time.as_secs_f64() / self.whole.as_secs_f64();
            let (calls, time) = (span.calls / RUNS as u64, milliseconds(span.time));
            writeln!(f, "{name:28} {calls:>6} {time:>9.3} {share:>6.1}")?;
        }
        writeln!(f, "{:28} {:>6} {:>9.3} {:>6.1}", "whole", "", milliseconds(self.whole), 100.0)
    }
}

/// Of one step.
fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3 / RUNS as f64
}
