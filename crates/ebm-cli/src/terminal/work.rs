//! How far work other than training is, for a person's eyes.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::progress::{Clock, time};
use super::say;

/// How much of a piece of work is done, on standard error: a bar on a terminal, and elsewhere a line now and then.
pub struct Work {
    what: &'static str,
    all: u64,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines(RefCell<Lines>),
}

struct Lines {
    began: Instant,
    /// What was done before.
    first: u64,
    done: u64,
    clock: Clock,
}

impl Work {
    /// Work of `all` pieces, of which `done` were done before.
    pub fn new(what: &'static str, all: usize, done: usize) -> Self {
        let (all, done) = (all as u64, done as u64);
        let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
        if bar.is_hidden() {
            let lines = Lines { began: Instant::now(), first: done, done, clock: Clock::new() };
            return Self { what, all, shown: Shown::Lines(RefCell::new(lines)) };
        }
        let template = "{msg}  {bar:30} {percent} %  {elapsed} gone, {eta} left";
        bar.set_style(ProgressStyle::with_template(template).expect("a template that was tried"));
        bar.set_message(what);
        bar.set_position(done);
        bar.reset_eta();
        // It is there before the first piece is done.
        bar.tick();
        Self { what, all, shown: Shown::Bar(bar) }
    }

    /// Takes note of `n` more pieces.
    pub fn add(&self, n: usize) {
        match &self.shown {
            Shown::Bar(bar) => bar.inc(n as u64),
            Shown::Lines(lines) => {
                let mut lines = lines.borrow_mut();
                lines.done += n as u64;
                let elapsed = lines.began.elapsed();
                if lines.clock.strikes(elapsed) && lines.done < self.all {
                    say(&line(self.what, [lines.first, lines.done, self.all], elapsed));
                }
            }
        }
    }

    /// Leaves the terminal as if it had not been there.
    pub fn finish(self) {
        if let Shown::Bar(bar) = self.shown {
            bar.finish_and_clear();
        }
    }
}

/// How much of `all` is done and how long the rest takes at the rate since `first`.
fn line(what: &str, [first, done, all]: [u64; 3], elapsed: Duration) -> String {
    let share = 100.0 * done as f64 / all.max(1) as f64;
    let (new, left) = (done.saturating_sub(first), all.saturating_sub(done));
    let seconds = elapsed.as_secs_f64();
    let left = time(seconds * left as f64 / new.max(1) as f64);
    format!("{what}: {share:.0} %, {} gone, about {left} left", time(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_is_done_and_how_long_the_rest_takes() {
        let after = Duration::from_secs(10);
        assert_eq!(line("drawing", [0, 25, 100], after), "drawing: 25 %, 10 s gone, about 30 s left");
        // what was done by an earlier call took no time of this one
        assert_eq!(line("drawing", [50, 60, 100], after), "drawing: 60 %, 10 s gone, about 40 s left");
        assert_eq!(line("drawing", [0, 0, 0], after), "drawing: 0 %, 10 s gone, about 0 s left");
    }
}
