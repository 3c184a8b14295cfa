//! A profiler: the time spent in each named span.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Measurements of the spans of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Number of calls.
    pub calls: u64,
    /// Time in these spans, excluding nested spans.
    pub time: Duration,
}

/// Time in the nested spans of each open span, outermost first, and the measurements of finished spans.
#[derive(Default)]
struct Record {
    open: Vec<Duration>,
    ended: BTreeMap<&'static str, Span>,
}

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
    static RECORD: RefCell<Record> = RefCell::default();
}

/// Runs `work`, and returns its result and the time spent in each [`span`] that this thread entered during it, by
/// name.
///
/// The operations of this crate are spans, forward and backward: `convolution`, `normalisation`, `activation`, and
/// so on. Each time excludes nested spans, so the total time minus their sum was spent outside of all spans. On an
/// asynchronous device, such as a GPU, the times are those of enqueueing the work.
pub fn profile<R>(work: impl FnOnce() -> R) -> (R, BTreeMap<&'static str, Span>) {
    struct Restore(bool, Option<Record>);
    impl Drop for Restore {
        fn drop(&mut self) {
            ON.set(self.0);
            RECORD.set(self.1.take().unwrap_or_default());
        }
    }
    let restore = Restore(ON.replace(true), Some(RECORD.take()));
    let result = work();
    let found = RECORD.take().ended;
    drop(restore);
    (result, found)
}

/// Runs `work` as a span named `name`, if a [`profile`] is running; otherwise the overhead is negligible.
pub fn span<R>(name: &'static str, work: impl FnOnce() -> R) -> R {
    if !ON.get() {
        return work();
    }
    RECORD.with_borrow_mut(|record| record.open.push(Duration::ZERO));
    let began = Instant::now();
    let result = work();
    let whole = began.elapsed();
    RECORD.with_borrow_mut(|record| {
        let within = record.open.pop().unwrap_or_default();
        if let Some(outer) = record.open.last_mut() {
            *outer += whole;
        }
        let span = record.ended.entry(name).or_default();
        span.calls += 1;
        span.time += whole.saturating_sub(within);
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(milliseconds));
    }

    #[test]
    fn the_time_of_a_nested_span_counts_once() {
        let began = Instant::now();
        let (result, found) = profile(|| {
            span("outer", || {
                wait(2);
                span("inner", || wait(20));
                span("inner", || wait(20));
            });
            7
        });
        let whole = began.elapsed();
        assert_eq!((result, found.len(), found["outer"].calls, found["inner"].calls), (7, 2, 1, 2));
        // A sleep may take longer than requested, never less; if time counted twice, the sum would exceed the
        // total.
        assert!(Duration::from_millis(40) <= found["inner"].time);
        assert!(Duration::from_millis(2) <= found["outer"].time);
        assert!(found["outer"].time + found["inner"].time <= whole);
    }

    #[test]
    fn spans_outside_of_a_profile_or_in_one_that_panicked_are_dropped() {
        span("before", || ());
        let panicked = std::panic::catch_unwind(|| profile(|| span("lost", || panic!("on purpose"))));
        assert!(panicked.is_err());
        let (_, found) = profile(|| span("kept", || ()));
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), ["kept"]);
        assert!(profile(|| ()).1.is_empty());
    }
}
