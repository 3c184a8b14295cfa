//! Thread-local settings with a scope.

use std::cell::Cell;
use std::thread::LocalKey;

/// Runs `work` with `choice` set to `value` on this thread; the previous value is restored even after a panic.
pub(crate) fn with<T: Copy, R>(choice: &'static LocalKey<Cell<T>>, value: T, work: impl FnOnce() -> R) -> R {
    struct Restore<T: Copy + 'static>(&'static LocalKey<Cell<T>>, T);
    impl<T: Copy> Drop for Restore<T> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _restore = Restore(choice, choice.replace(value));
    work()
}
