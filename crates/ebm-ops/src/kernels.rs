//! Switch between the CPU kernels of this crate and Burn's own operations.

use std::cell::Cell;

use burn::backend::flex::FlexTensor;
use burn::tensor::DType;

use crate::scoped;

thread_local! {
    static OFF: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` with the CPU kernels of this crate (Flex) disabled for all operations that this thread starts during
/// it; the reference implementations, composed of Burn's own operations, are used instead.
///
/// For tests and benchmarks. Noise stays the same; other results differ in rounding.
///
/// The choice applies to this thread only, as in [`with_instructions`](crate::simd::with_instructions), and the
/// previous one is restored even after a panic.
pub fn without_kernels<R>(work: impl FnOnce() -> R) -> R {
    scoped::with(&OFF, true, work)
}

/// Whether to use a kernel for these tensors: they have single precision, and kernels are enabled.
pub(crate) fn take<'a>(tensors: impl IntoIterator<Item = &'a FlexTensor>) -> bool {
    !OFF.get() && tensors.into_iter().all(|tensor| tensor.dtype() == DType::F32)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::activation::silu;

    #[test]
    fn without_kernels_changes_results_by_rounding_only_and_ends_with_its_scope() {
        let numbers = |x: Tensor<1>| x.into_data().try_to_vec::<f32>().unwrap();
        let x = crate::Noise::seeded(5).normal([10_000], &Device::flex());
        let ours = numbers(silu(x.clone()));
        let plain = without_kernels(|| numbers(silu(x.clone())));
        assert!(ours.iter().zip(&plain).all(|(x, y)| (x - y).abs() <= 1e-6 * (1.0 + y.abs())));
        assert_ne!(ours, plain, "expected another way of computing them");
        assert!(std::panic::catch_unwind(|| without_kernels(|| panic!("on purpose"))).is_err());
        assert_eq!(numbers(silu(x)), ours);
    }
}
