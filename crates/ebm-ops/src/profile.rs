//! Where the time of a piece of work goes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What was measured under one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// How often it was entered.
    pub calls: u64,
    /// The time in it, less that in the spans within it.
    pub time: Duration,
}

/// Spans that have not ended, the outermost first, and the sum of those that have.
#[derive(Default)]
struct Record {
    open: Vec<Duration>,
    ended: BTreeMap<&'static str, Span>,
}

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
    static RECORD: RefCell<Record> = RefCell::default();
}

/// Runs `work` and says where its time went: in each [`span`] that this thread entered meanwhile, by name.
///
/// The operations of this crate are spans, forward and backward: `convolution`, `normalisation`, `activation`,
/// each also with ` gradient`, and so on.
/// Times exclude one another, so the time of `work` less their sum is that outside of every span.
/// Where a device works on its own, as a GPU does, they are the times until the work is handed over.
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

/// Runs `work` as a part of what [`profile`] measures; without one, which costs nothing to speak of.
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
    fn a_span_within_another_counts_once() {
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
        // A sleep may be longer than asked for, never shorter; counted twice, the sum would exceed the whole.
        assert!(Duration::from_millis(40) <= found["inner"].time);
        assert!(Duration::from_millis(2) <= found["outer"].time);
        assert!(found["outer"].time + found["inner"].time <= whole);
    }

    #[test]
    fn nothing_is_kept_outside_of_a_profile_or_after_a_panic_in_one() {
        span("before", || ());
        let panicked = std::panic::catch_unwind(|| profile(|| span("lost", || panic!("on purpose"))));
        assert!(panicked.is_err());
        let (_, found) = profile(|| span("kept", || ()));
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), ["kept"]);
        assert!(profile(|| ()).1.is_empty());
    }
}
