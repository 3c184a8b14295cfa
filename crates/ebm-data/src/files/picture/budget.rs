//! A bound on what threads hold together.

use std::sync::{Condvar, Mutex, PoisonError};

/// An amount that threads share: who wants more than is left waits until others have given back.
pub(super) struct Budget {
    whole: u64,
    taken: Mutex<u64>,
    given_back: Condvar,
}

/// What a thread holds until it is dropped.
pub(super) struct Share<'a> {
    budget: &'a Budget,
    amount: u64,
}

impl Budget {
    pub(super) const fn new(whole: u64) -> Self {
        Self { whole, taken: Mutex::new(0), given_back: Condvar::new() }
    }

    /// Takes `amount`; who wants more than the whole gets it when nobody else holds any.
    pub(super) fn take(&self, amount: u64) -> Share<'_> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while 0 < *taken && self.whole.saturating_sub(*taken) < amount {
            taken = self.given_back.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += amount;
        Share { budget: self, amount }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.taken.lock().unwrap_or_else(PoisonError::into_inner) -= self.amount;
        self.budget.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn threads_never_hold_more_than_the_whole_unless_one_is_alone() {
        let (budget, held) = (Budget::new(10), AtomicU64::new(0));
        thread::scope(|scope| {
            for i in 0..24 {
                let (budget, held) = (&budget, &held);
                scope.spawn(move || {
                    let amount = [3, 5, 40][i % 3];
                    let _share = budget.take(amount);
                    let now = held.fetch_add(amount, Ordering::SeqCst) + amount;
                    assert!(now <= 10 || now == 40, "{now}");
                    thread::yield_now();
                    held.fetch_sub(amount, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(*budget.taken.lock().unwrap(), 0);
    }
}
