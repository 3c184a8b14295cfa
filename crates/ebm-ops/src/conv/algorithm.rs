//! Choice of the convolution algorithm on the CPU.

use std::cell::Cell;

use crate::scoped;

/// Algorithm of a convolution on the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// The fastest algorithm for the shape.
    #[default]
    Auto,
    /// Direct summation, which has the smallest rounding errors.
    Direct,
}

thread_local! {
    static ALGORITHM: Cell<Algorithm> = const { Cell::new(Algorithm::Auto) };
}

/// Runs `work` with `algorithm` for all convolutions, forward and backward, that this thread starts during it.
///
/// The choice applies to this thread only, so concurrent tests, or training and an exact evaluation, do not affect
/// each other. The previous choice is restored afterwards, even after a panic.
pub fn with_algorithm<R>(algorithm: Algorithm, work: impl FnOnce() -> R) -> R {
    scoped::with(&ALGORITHM, algorithm, work)
}

/// The current choice of this thread.
#[cfg(feature = "flex")]
pub(super) fn current() -> Algorithm {
    ALGORITHM.get()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn the_choice_nests_is_per_thread_and_is_restored_after_a_panic() {
        with_algorithm(Algorithm::Direct, || {
            assert_eq!(std::thread::spawn(current).join().unwrap(), Algorithm::Auto);
            let panicked =
                std::panic::catch_unwind(|| with_algorithm(Algorithm::Auto, || panic!("on purpose")));
            assert!(panicked.is_err());
            assert_eq!(current(), Algorithm::Direct);
        });
        assert_eq!(current(), Algorithm::Auto);
    }
}
