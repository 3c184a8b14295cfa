//! How far a run is, for a person's eyes.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use ebm_train::{BoxError, Event, Observer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::say;

/// Steps between readings of the loss, each of which waits for the device.
const READ_EVERY: u64 = 10;

/// The first pause between lines, which doubles with each line, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(300)];

/// Steps, rate, what is left, and the running loss on standard error: a bar on a terminal, and elsewhere a line now and
/// then.
pub struct Progress {
    steps: u64,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines { began: Instant, first: u64, clock: Clock },
    Nothing,
}

/// When the next line is due.
pub(super) struct Clock {
    pause: Duration,
    due: Duration,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { pause: PAUSES[0], due: PAUSES[0] }
    }

    /// Whether a line is due after this time; the next one is then due later.
    pub(super) fn strikes(&mut self, elapsed: Duration) -> bool {
        let is_due = self.due <= elapsed;
        if is_due {
            self.pause = (self.pause * 2).min(PAUSES[1]);
            self.due = elapsed + self.pause;
        }
        is_due
    }
}

impl Progress {
    /// Of `steps` steps, `done` are done; without a word if it is `quiet`.
    pub fn new(steps: u64, done: u64, quiet: bool) -> Self {
        if quiet {
            return Self { steps, shown: Shown::Nothing };
        }
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
        if bar.is_hidden() {
            return Self {
                steps,
                shown: Shown::Lines { began: Instant::now(), first: done, clock: Clock::new() },
            };
        }
        let template = "{bar:30} {pos}/{len} steps  {per_sec}  {elapsed} gone, {eta} left  {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("a template that was tried"));
        bar.set_position(done);
        bar.reset_eta();
        Self { steps, shown: Shown::Bar(bar) }
    }

    /// Writes lines so that they stand above the bar.
    pub fn teller(&self) -> Box<dyn Fn(&str)> {
        match &self.shown {
            Shown::Bar(bar) => {
                let bar = bar.clone();
                Box::new(move |line| bar.println(line))
            }
            Shown::Lines { .. } => Box::new(say),
            Shown::Nothing => Box::new(|_| {}),
        }
    }
}

impl<M: burn::module::Module> Observer<M> for Progress {
    fn observe(&mut self, event: &Event<'_, M>) -> Result<ControlFlow<()>, BoxError> {
        let step = event.state.step();
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                bar.set_position(step);
                if step.is_multiple_of(READ_EVERY) {
                    bar.set_message(format!("loss {:.4}", event.state.loss()));
                }
                if event.is_last() {
                    bar.finish();
                }
            }
            Shown::Lines { began, first, clock } => {
                let elapsed = began.elapsed();
                if clock.strikes(elapsed) && !event.is_last() {
                    let rate = step.saturating_sub(*first) as f64 / elapsed.as_secs_f64();
                    say(&line(step, self.steps, rate, event.state.loss()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn line(step: u64, steps: u64, rate: f64, loss: f64) -> String {
    let share = 100.0 * step as f64 / steps.max(1) as f64;
    let left = steps.saturating_sub(step) as f64 / rate;
    let rate = if rate < 10.0 { format!("{rate:.2}") } else { format!("{rate:.0}") };
    format!(
        "step {step} of {steps} ({share:.0} %), {rate} steps/s, loss {loss:.4}, about {} left",
        time(left)
    )
}

/// Seconds in the units in which one would say them.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        ..90.0 => format!("{seconds:.0} s"),
        90.0..5400.0 => format!("{:.0} min", seconds / 60.0),
        5400.0..172_800.0 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{:.1} days", seconds / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_after_ten_seconds_and_then_more_rarely_up_to_every_five_minutes() {
        let mut clock = Clock::new();
        let struck: Vec<u64> =
            (0..1600).filter(|&second| clock.strikes(Duration::from_secs(second))).collect();
        assert_eq!(struck, [10, 30, 70, 150, 310, 610, 910, 1210, 1510]);
    }

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        assert_eq!(
            line(1200, 3000, 210.4, 0.7313),
            "step 1200 of 3000 (40 %), 210 steps/s, loss 0.7313, about 9 s left"
        );
        assert_eq!(
            line(1, 100, 0.25, 1.0),
            "step 1 of 100 (1 %), 0.25 steps/s, loss 1.0000, about 7 min left"
        );
        assert_eq!(time(7200.0), "2.0 h");
        assert_eq!(time(259_200.0), "3.0 days");
    }
}
