//! Which algorithm convolutions use on the CPU.

use std::cell::Cell;

use crate::scoped;

/// How a convolution on the CPU adds up its products.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// The fastest that the shape allows.
    #[default]
    Auto,
    /// The plain sum, with the smallest rounding errors.
    Direct,
}

thread_local! {
    static ALGORITHM: Cell<Algorithm> = const { Cell::new(Algorithm::Auto) };
}

/// Runs `work` with every convolution that this thread starts meanwhile, forward or backward, using `algorithm`.
///
/// Scoped and by thread, not a global switch: two tests, or a training run and an exact evaluation beside it,
/// do not disturb each other, and the choice before is restored also after a panic.
pub fn with_algorithm<R>(algorithm: Algorithm, work: impl FnOnce() -> R) -> R {
    scoped::with(&ALGORITHM, algorithm, work)
}

/// The choice that holds for this thread now.
#[cfg(feature = "flex")]
pub(super) fn current() -> Algorithm {
    ALGORITHM.get()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn the_choice_nests_holds_on_this_thread_only_and_survives_a_panic() {
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
