//! Which vector instructions the kernels use.

use std::cell::Cell;

use pulp::Arch;

use crate::scoped;

/// Vector instructions, from the fewest to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Instructions {
    /// One number at a time.
    Scalar,
    /// Vectors of 256 bits at the most: AVX2 with FMA on x86-64, whatever there is elsewhere.
    Avx2,
    /// The widest vectors that the machine has.
    #[default]
    Widest,
}

thread_local! {
    static MOST: Cell<Instructions> = const { Cell::new(Instructions::Widest) };
}

/// Runs `work` with every kernel of this crate that this thread starts meanwhile limited to `most`.
///
/// For tests and measurements: it shows what a smaller machine would compute, and how fast.
/// Noise, activations, Adam's, Langevin's and leapfrog steps are the same to the bit on every machine;
/// convolutions, normalisations and changes of kinetic energy add up in another order, and differ in rounding.
/// The limit reaches the threads that a kernel uses, not the operations that Burn itself carries out.
///
/// Scoped and by thread, as [`with_algorithm`](crate::conv::with_algorithm); the limit before is restored also
/// after a panic.
pub fn with_instructions<R>(most: Instructions, work: impl FnOnce() -> R) -> R {
    scoped::with(&MOST, most, work)
}

/// What kernels that this thread starts now run on.
///
/// An operation asks once, where it begins, and hands the answer to its tasks: they all see the same lanes.
pub(crate) fn arch() -> Arch {
    arch_within(Instructions::Widest)
}

/// As [`arch`], with no more than `most`.
pub(crate) fn arch_within(most: Instructions) -> Arch {
    match most.min(MOST.get()) {
        Instructions::Scalar => scalar(),
        Instructions::Avx2 => narrow(),
        Instructions::Widest => Arch::new(),
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn scalar() -> Arch {
    Arch::Scalar
}

/// Where pulp does not let one choose, it is what there is.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn scalar() -> Arch {
    Arch::new()
}

#[cfg(target_arch = "x86_64")]
fn narrow() -> Arch {
    pulp::x86::V3::try_new().map_or(Arch::Scalar, Arch::V3)
}

#[cfg(not(target_arch = "x86_64"))]
fn narrow() -> Arch {
    Arch::new()
}

/// The lanes of a register of `arch`.
#[cfg(feature = "flex")]
pub(crate) fn lanes(arch: Arch) -> usize {
    struct Lanes;
    impl pulp::WithSimd for Lanes {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    arch.dispatch(Lanes)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_kept_nests_and_ends_with_its_scope() {
        let widest = lanes(arch());
        with_instructions(Instructions::Avx2, || {
            assert!(lanes(arch()) <= 8);
            with_instructions(Instructions::Scalar, || assert_eq!(lanes(arch()), 1));
            assert!(
                std::panic::catch_unwind(|| with_instructions(Instructions::Scalar, || panic!())).is_err()
            );
            assert_eq!(lanes(arch()), widest.min(8));
            assert_eq!(std::thread::spawn(|| lanes(arch())).join().unwrap(), widest);
        });
        assert_eq!(lanes(arch()), widest);
    }
}
