//! What a run's journal tells, for charts and sentences.

use std::collections::BTreeMap;

use serde_json::Value;

/// Lines of progress that are read; of more, some are left out evenly.
const MOST: usize = 20_000;

/// Events that are kept of each kind.
const EVENTS: usize = 200;

/// A line of progress.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub step: u64,
    pub loss: f64,
    pub rate: f64,
    /// The norm of the gradient; NaN in journals that do not have it.
    pub norm: f64,
    /// Seconds of training until here, over all sessions.
    pub seconds: f64,
    /// How the sampler inside the objective did, by name.
    pub sampler: BTreeMap<String, f64>,
}

/// What a journal tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    pub progress: Vec<Progress>,
    /// The lines with which sessions began, in order.
    pub sessions: Vec<Value>,
    /// What was read of the data, at last.
    pub data: Option<Value>,
    /// Steps at which a session went on.
    pub resumed: Vec<u64>,
    /// Steps to which the run went back, and why.
    pub retreats: Vec<(u64, String)>,
    /// Steps that were skipped, and why.
    pub skipped: Vec<(u64, String)>,
    /// How many there were.
    pub n_skipped: usize,
    /// Whether pictures were left out, and how many seconds one takes.
    pub left_out: Option<f64>,
    /// Losses by noise level: the step, and σ with its loss.
    pub levels: Vec<(u64, Vec<[f64; 2]>)>,
    /// How the last session ended: `stopped`, `complete`, or the reason of a failure.
    pub ended: Option<Ended>,
    /// The last step that it tells of.
    pub last_step: u64,
    /// Lines that cannot be read.
    pub n_unreadable: usize,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Complete,
    Stopped,
    Failed(String),
}

impl Record {
    /// Of the text of a journal, of which a killed run may have cut the last line.
    pub fn of(text: &str) -> Self {
        let is_progress = |line: &str| line.contains("\"event\":\"progress\"");
        let stride = text.lines().filter(|line| is_progress(line)).count().div_ceil(MOST).max(1);
        let (mut record, mut n, mut clock) = (Self::default(), 0, Clock::default());
        let last = text.lines().rfind(|line| is_progress(line)).map(str::as_ptr);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if is_progress(line) {
                n += 1;
                if !usize::is_multiple_of(n, stride) && last != Some(line.as_ptr()) {
                    continue;
                }
            }
            match serde_json::from_str::<Value>(line) {
                Ok(line) if line["event"].is_string() => record.add(&line, &mut clock),
                _ => record.n_unreadable += 1,
            }
        }
        record
    }

    fn add(&mut self, line: &Value, clock: &mut Clock) {
        let step = line["step"].as_u64().unwrap_or(0);
        let reason = || line["reason"].as_str().unwrap_or("no reason is given").to_owned();
        let event = line["event"].as_str().unwrap_or_default();
        self.last_step = self.last_step.max(step);
        if !matches!(event, "ended" | "failed") {
            self.ended = None;
        }
        match event {
            "progress" => self.progress.push(clock.progress(step, line)),
            "began" | "resumed" => {
                clock.next_session();
                if event == "resumed" {
                    push(&mut self.resumed, step);
                }
                push(&mut self.sessions, line.clone());
            }
            "data" => self.data = Some(line.clone()),
            "retreat" => {
                clock.next_session();
                push(&mut self.retreats, (step, reason()));
            }
            "skipped" => {
                self.n_skipped += 1;
                push(&mut self.skipped, (step, reason()));
            }
            "pictures left out" => self.left_out = line["seconds_each"].as_f64(),
            "levels" => {
                let of = |name: &str| line[name].as_array().into_iter().flatten().map(number);
                let levels: Vec<[f64; 2]> = of("sigma").zip(of("loss")).map(|(s, l)| [s, l]).collect();
                push(&mut self.levels, (step, levels));
            }
            "ended" if line["how"] == "complete" => self.ended = Some(Ended::Complete),
            "ended" => self.ended = Some(Ended::Stopped),
            "failed" => self.ended = Some(Ended::Failed(reason())),
            _ => {}
        }
    }

    /// A value of the last session that has it.
    pub fn told(&self, name: &str) -> Option<&Value> {
        self.sessions.iter().rev().find_map(|line| line.get(name))
    }

    /// Seconds of training so far, as far as the journal tells.
    pub fn seconds(&self) -> f64 {
        self.progress.last().map_or(0.0, |line| line.seconds)
    }
}

fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() < EVENTS {
        list.push(item);
    }
}

/// A number; NaN where there is none.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// Seconds over sessions, each of which counts from 0.
#[derive(Debug, Default)]
struct Clock {
    before: f64,
    last: f64,
}

impl Clock {
    fn next_session(&mut self) {
        self.before = self.last;
    }

    fn progress(&mut self, step: u64, line: &Value) -> Progress {
        let seconds = line["seconds"].as_f64().unwrap_or(0.0);
        self.last = self.before + seconds;
        let sampler = line["sampler"].as_object().into_iter().flatten();
        Progress {
            step,
            loss: number(&line["loss"]),
            rate: number(&line["learning_rate"]),
            norm: number(&line["gradient_norm"]),
            seconds: self.last,
            sampler: sampler.map(|(name, value)| (name.clone(), number(value))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_read_over_sessions_and_past_what_is_damaged() {
        let text = r#"{"event":"began","step":0,"seed":7,"version":"0.1.0"}
{"event":"progress","loss":1.5,"learning_rate":0.1,"gradient_norm":2.0,"seconds":3.0,"step":10}
{"event":"levels","loss":[0.9,null],"sigma":[0.1,1.0],"step":10}
nonsense
{"event":"resumed","step":10}
{"event":"progress","loss":null,"learning_rate":0.1,"seconds":2.0,"sampler":{"energy_gap":-0.5},"step":20}
{"event":"retreat","step":15,"reason":"the energies drifted apart"}
{"event":"skipped","step":16,"reason":"the loss is NaN","skipped":1}
{"event":"ended","how":"stopped","step":20}
{"event":"progress","loss":"#;
        let record = Record::of(text);
        assert_eq!(record.progress.len(), 2);
        assert_eq!((record.progress[0].norm, record.progress[1].seconds), (2.0, 5.0));
        assert!(record.progress[1].loss.is_nan() && record.progress[1].norm.is_nan());
        assert_eq!(record.progress[1].sampler["energy_gap"], -0.5);
        assert_eq!(
            (record.resumed.as_slice(), record.n_skipped, record.n_unreadable),
            ([10].as_slice(), 1, 2)
        );
        assert_eq!(record.retreats, [(15, "the energies drifted apart".to_owned())]);
        assert_eq!(record.levels[0].1[0], [0.1, 0.9]);
        assert_eq!(record.told("version").unwrap(), "0.1.0");
        assert_eq!(record.ended, Some(Ended::Stopped));
        assert_eq!(Record::of("").progress.len(), 0);
    }

    #[test]
    fn a_long_journal_is_thinned_and_keeps_its_last_line() {
        let line =
            |i: usize| format!("{{\"event\":\"progress\",\"loss\":1.0,\"seconds\":1.0,\"step\":{i}}}\n");
        let text: String = (1..=50_001).map(line).collect();
        let record = Record::of(&text);
        assert!(record.progress.len() <= MOST + 1, "{}", record.progress.len());
        assert_eq!(record.progress.last().unwrap().step, 50_001);
    }
}
