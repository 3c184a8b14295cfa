//! Choices that hold for one thread while a piece of work runs.

use std::cell::Cell;
use std::thread::LocalKey;

/// Runs `work` while `choice` has this value on this thread; what was before is restored also after a panic.
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
