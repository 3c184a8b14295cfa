//! Sums over slices, several registers at a time.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use pulp::{Scalar, Simd, WithSimd};

use crate::elementwise::{self, Elementwise};
use crate::lanes::{Lanes, Several};
use crate::{buffer, simd};

/// Registers per sum, so that an addition seldom waits for the previous one.
const REGISTERS: usize = 4;

/// Number of elements below which vectors do not pay.
const FEW: usize = 8;

/// `M` sums over corresponding elements of `slices`: `add` adds the contribution of `N` elements to them.
///
/// Each lane is summed separately, then the lanes are added, in an order that depends only on the length.
///
/// # Panics
/// If the slices differ in length.
#[inline(always)]
pub(crate) fn sums<S: Simd, const M: usize, const N: usize>(
    simd: S,
    slices: [&[f32]; N],
    add: &impl Elementwise<M, N>,
) -> [f32; M] {
    let n = slices[0].len();
    slices.iter().for_each(|slice| assert_eq!(slice.len(), n, "slices must have the same length"));
    if n < FEW {
        let mut sums = [0.0; M];
        for i in 0..n {
            sums = add.at(Scalar, sums, slices.map(|slice| slice[i]));
        }
        return sums;
    }
    let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; M];
    let vectors = n / S::F32_LANES;
    let parts = slices.map(|slice| S::as_simd_f32s(slice).0.as_chunks::<REGISTERS>());
    for i in 0..vectors / REGISTERS {
        sums = add.at(Several::<S, REGISTERS>(simd), sums, parts.map(|part| part.0[i]));
    }
    for k in 0..vectors % REGISTERS {
        let new = add.at(simd, sums.map(|sum| sum[k]), parts.map(|part| part.1[k]));
        sums.iter_mut().zip(new).for_each(|(sum, new)| sum[k] = new);
    }
    if !n.is_multiple_of(S::F32_LANES) {
        const LAST: usize = REGISTERS - 1;
        let fresh = elementwise::last(simd, slices[0]).1;
        let all =
            add.at(simd, sums.map(|sum| sum[LAST]), slices.map(|slice| elementwise::last(simd, slice).0));
        for (sum, all) in sums.iter_mut().zip(all) {
            sum[LAST] = simd.select_f32s(fresh, all, sum[LAST]);
        }
    }
    // A loop, because a closure passed to `map` would be compiled without the vector instructions of this function.
    let mut totals = [0.0; M];
    for (total, [a, b, c, d]) in totals.iter_mut().zip(sums) {
        *total = simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)));
    }
    totals
}

/// Σ x y.
#[derive(Clone, Copy)]
pub(crate) struct Products;

impl Elementwise<1, 2> for Products {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [sum]: [L::Floats; 1], [x, y]: [L::Floats; 2]) -> [L::Floats; 1] {
        [lanes.mul_add(x, y, sum)]
    }
}

/// [`sums`] as a task: the slices and `add`.
pub(crate) struct Sums<'a, F, const M: usize, const N: usize>(pub [&'a [f32]; N], pub F);

impl<F: Elementwise<M, N>, const M: usize, const N: usize> WithSimd for Sums<'_, F, M, N> {
    type Output = [f32; M];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f32; M] {
        sums(simd, self.0, &self.1)
    }
}

/// The sum by `add` over each row of nonempty tensors of the same shape, on all threads.
pub(crate) fn row_sums<const N: usize>(
    tensors: [FlexTensor; N],
    add: impl Elementwise<1, N> + Copy + Sync,
) -> Vec<f32> {
    let [rows, dim] = tensors[0].shape().dims();
    let (tensors, arch) = (tensors.map(buffer::contiguous), simd::arch());
    let all = tensors.each_ref().map(|x| x.storage::<f32>());
    let mut totals = vec![0.0; rows];
    let together = buffer::rows_together(dim);
    buffer::fill(&mut totals, together, together * dim, |i, sums| {
        let rows = all.map(|x| &x[i * together * dim..]);
        arch.dispatch(RowSums { dim, rows, add, sums });
    });
    totals
}

/// A task of [`row_sums`].
struct RowSums<'a, F, const N: usize> {
    dim: usize,
    rows: [&'a [f32]; N],
    add: F,
    sums: &'a mut [f32],
}

impl<F: Elementwise<1, N>, const N: usize> WithSimd for RowSums<'_, F, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { dim, mut rows, add, sums: totals } = self;
        for total in totals {
            let mut row = rows;
            for (row, rest) in row.iter_mut().zip(&mut rows) {
                (*row, *rest) = rest.split_at(dim);
            }
            [*total] = sums(simd, row, &add);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Σ x y. and Σ x
    struct Both;

    impl Elementwise<2, 2> for Both {
        #[inline(always)]
        fn at<L: Lanes>(&self, lanes: L, [xy, x]: [L::Floats; 2], [a, b]: [L::Floats; 2]) -> [L::Floats; 2] {
            [lanes.mul_add(a, b, xy), lanes.add(x, a)]
        }
    }

    #[test]
    fn every_element_is_added_once_for_every_length() {
        for n in 0..150u32 {
            // Integers: sums are exact.
            let (x, y): (Vec<f32>, Vec<f32>) = (0..n).map(|i| ((i % 7) as f32, (i % 5 + 1) as f32)).unzip();
            let expected = [(0..n).map(|i| i % 7 * (i % 5 + 1)).sum::<u32>(), (0..n).map(|i| i % 7).sum()];
            let found = pulp::Arch::new().dispatch(Sums::<_, 2, 2>([&x, &y], Both));
            assert_eq!(found, expected.map(|sum| sum as f32), "{n}");
        }
    }
}
