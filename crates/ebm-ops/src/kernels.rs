//! Whether operations on the processor are those of this crate, or Burn's own.

use std::cell::Cell;

use burn::backend::flex::FlexTensor;
use burn::tensor::DType;

use crate::scoped;

thread_local! {
    static OFF: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` with every operation of this crate that this thread starts meanwhile carried out as its meaning says,
/// by operations that Burn has on every backend, and not by a kernel of its own on the processor (Flex).
///
/// For tests and measurements: it shows what a kernel is worth. Noise is the same; results differ in rounding.
///
/// Scoped and by thread, as [`with_instructions`](crate::simd::with_instructions); what was before is restored also
/// after a panic.
pub fn without_kernels<R>(work: impl FnOnce() -> R) -> R {
    scoped::with(&OFF, true, work)
}

/// Whether a kernel takes these tensors: they are of single precision, and kernels are wanted.
pub(crate) fn take<'a>(tensors: impl IntoIterator<Item = &'a FlexTensor>) -> bool {
    !OFF.get() && tensors.into_iter().all(|tensor| tensor.dtype() == DType::F32)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::activation::silu;

    #[test]
    fn without_kernels_results_are_the_same_but_for_rounding_and_only_meanwhile() {
        let numbers = |x: Tensor<1>| x.into_data().try_to_vec::<f32>().unwrap();
        let x = crate::Noise::seeded(5).normal([10_000], &Device::flex());
        let ours = numbers(silu(x.clone()));
        let plain = without_kernels(|| numbers(silu(x.clone())));
        assert!(ours.iter().zip(&plain).all(|(x, y)| (x - y).abs() <= 1e-6 * (1.0 + y.abs())));
        assert_ne!(ours, plain, "another way of computing them");
        assert!(std::panic::catch_unwind(|| without_kernels(|| panic!("on purpose"))).is_err());
        assert_eq!(numbers(silu(x)), ours);
    }
}
