//! How long pictures may take beside training.

use std::time::{Duration, Instant};

/// The share of the time of training that pictures before the last one may take.
const SHARE: f64 = 0.05;

/// The time that pictures took and may take.
#[derive(Debug)]
pub struct Allowance {
    /// The share of the time of training.
    share: f64,
    began: Instant,
    /// The step at which the session began.
    first: u64,
    spent: Duration,
    longest: Duration,
    /// One alone took more than all of them may.
    is_over: bool,
    is_said: bool,
}

impl Allowance {
    /// From now on, at the step at which training begins or goes on.
    pub fn new(first: u64) -> Self {
        Self::of(SHARE, first)
    }

    /// The same for what may take another share of the time.
    pub fn of(share: f64, first: u64) -> Self {
        let zero = Duration::ZERO;
        Self {
            share,
            began: Instant::now(),
            first,
            spent: zero,
            longest: zero,
            is_over: false,
            is_said: false,
        }
    }

    /// The same where one is thought to take this long before the first one is known.
    #[must_use]
    pub fn expecting(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    /// How long the picture of `step` may take at most, or nothing if it shall be left out.
    pub fn limit(&self, step: u64, steps: u64) -> Option<Duration> {
        self.limit_after(self.began.elapsed(), step, steps)
    }

    fn limit_after(&self, elapsed: Duration, step: u64, steps: u64) -> Option<Duration> {
        let trained = elapsed.saturating_sub(self.spent);
        let [done, all] = [step, steps].map(|to| to.saturating_sub(self.first).max(1) as f64);
        // The first one's time is not known: it may take what all of them may.
        let whole = trained.mul_f64(self.share * all / done);
        let so_far = trained.mul_f64(self.share);
        let is_allowed = self.longest.is_zero() || self.spent + self.longest <= so_far;
        (!self.is_over && is_allowed).then(|| whole.saturating_sub(self.spent))
    }

    /// A picture took this long; `is_whole` unless it was given up for that.
    pub fn took(&mut self, time: Duration, is_whole: bool) {
        self.spent += time;
        self.longest = self.longest.max(time);
        self.is_over |= !is_whole;
    }

    /// The longest time of a picture so far.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// Whether it is asked for the first time.
    pub fn first_left_out(&mut self) -> bool {
        !std::mem::replace(&mut self.is_said, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds that pictures take in a run of 100 steps of a second each, if one takes `each` seconds.
    fn spent(each: f64, every: u64) -> (f64, usize) {
        let (mut allowance, mut n) = (Allowance::new(0), 0);
        for step in (1..100).filter(|step| step % every == 0) {
            let elapsed = Duration::from_secs(step) + allowance.spent;
            let Some(limit) = allowance.limit_after(elapsed, step, 100) else { continue };
            let took = Duration::from_secs_f64(each).min(limit);
            allowance.took(took, took < limit);
            n += 1;
        }
        (allowance.spent.as_secs_f64(), n)
    }

    #[test]
    fn pictures_take_at_most_a_twentieth_of_the_time_however_slow_they_are() {
        for each in [0.001, 0.01, 0.1, 0.5, 2.0, 4.9, 6.0, 1000.0] {
            for every in [1, 7, 10, 50] {
                let (seconds, n) = spent(each, every);
                assert!(0 < n && seconds <= 5.0 + 1e-9, "{n} pictures take {seconds} s of 100 s");
            }
        }
    }

    #[test]
    fn fast_pictures_are_all_drawn() {
        assert_eq!(spent(0.04, 1).1, 99);
        assert_eq!(spent(0.4, 10).1, 9);
        assert!(spent(0.4, 1).1 < 13);
    }
}
