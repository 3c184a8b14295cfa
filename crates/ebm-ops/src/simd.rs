//! Choice of the vector instructions of the kernels.

use std::cell::Cell;

use pulp::Arch;

use crate::scoped;

/// Vector instructions, from the fewest to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Instructions {
    /// Scalar instructions.
    Scalar,
    /// At most 256-bit vectors: AVX2 with FMA on x86-64; the same as `Widest` elsewhere.
    Avx2,
    /// The widest vectors of the machine.
    #[default]
    Widest,
}

thread_local! {
    static MOST: Cell<Instructions> = const { Cell::new(Instructions::Widest) };
}

/// Runs `work` with the kernels of this crate limited to `most`, for all operations that this thread starts during
/// it.
///
/// For tests and benchmarks: it shows what a machine with fewer instructions computes, and how fast. Noise,
/// activations, and Adam, Langevin and leapfrog steps are the same on every machine, bit for bit. Convolutions,
/// normalisations and changes of kinetic energy are summed in another order, and differ in rounding. The limit
/// applies to all threads that a kernel uses, but not to Burn's own operations.
///
/// Operations that other threads start are not affected, as in [`with_algorithm`](crate::conv::with_algorithm). The
/// previous limit is restored even after a panic.
pub fn with_instructions<R>(most: Instructions, work: impl FnOnce() -> R) -> R {
    scoped::with(&MOST, most, work)
}

/// The instructions of kernels that this thread starts now.
///
/// An operation calls this once and passes the result to its tasks, so that all of them use the same lanes.
pub(crate) fn arch() -> Arch {
    arch_within(Instructions::Widest)
}

/// [`arch`], limited to `most`.
pub(crate) fn arch_within(most: Instructions) -> Arch {
    match most.min(MOST.get()) {
        Instructions::Scalar => scalar(),
        Instructions::Avx2 => narrow(),
        Instructions::Widest => Arch::new(),
    }
}

/// Runs `work` with the widest vectors of the machine, then with scalar instructions.
#[cfg(all(test, feature = "flex"))]
pub(crate) fn with_widest_and_scalar(work: impl pulp::WithSimd + Copy) {
    arch().dispatch(work);
    arch_within(Instructions::Scalar).dispatch(work);
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn scalar() -> Arch {
    Arch::Scalar
}

/// pulp offers no choice on other architectures.
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

/// Number of lanes of a register of `arch`.
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
    fn a_limit_nests_is_per_thread_and_ends_with_its_scope() {
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
