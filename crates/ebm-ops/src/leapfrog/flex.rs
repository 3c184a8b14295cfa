//! The operations on the CPU in single precision.

use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata, tensor::FloatTensor};
use pulp::{Simd, WithSimd};

use super::{LeapfrogOps, plain};
use crate::buffer::{self, CHUNK, rows_together};
use crate::elementwise::{self, Elementwise};
use crate::lanes::Lanes;
use crate::slot::Slot;
use crate::sums::row_sums;
use crate::{kernels, simd};

impl LeapfrogOps for Flex {
    fn add_scaled(x: FloatTensor<Self>, y: FloatTensor<Self>, a: f64) -> FloatTensor<Self> {
        if !kernels::take([&x, &y]) {
            return plain::add_scaled::<Self>(x, y, a);
        }
        let (y, a, arch) = (buffer::contiguous(y), a as f32, simd::arch());
        let y = y.storage::<f32>();
        buffer::update(x, |i, x| {
            let y = &y[i * CHUNK..][..x.len()];
            arch.dispatch(Update { x, beside: [y], function: &PlusTimes(a) }).into()
        })
    }

    fn kinetic_change(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let [rows, dim] = a.shape().dims();
        if !kernels::take([&a, &b]) || rows * dim == 0 {
            return plain::kinetic_change::<Self>(a, b);
        }
        half_sums([a, b], SquareDifference)
    }

    fn leapfrog_position(
        x: FloatTensor<Self>,
        r: FloatTensor<Self>,
        s: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        if !kernels::take([&x, &r, &s]) {
            return plain::leapfrog_position::<Self>(x, r, s, epsilon);
        }
        let (r, s, arch) = (buffer::contiguous(r), buffer::contiguous(s), simd::arch());
        let (r, s) = (r.storage::<f32>(), s.storage::<f32>());
        let step = LeapfrogPosition { half: (0.5 * epsilon) as f32, whole: epsilon as f32 };
        buffer::update(x, |i, x| {
            let beside = [r, s].map(|y| &y[i * CHUNK..][..x.len()]);
            arch.dispatch(Update { x, beside, function: &step }).into()
        })
    }

    fn leapfrog_kinetic_change(
        r: FloatTensor<Self>,
        s: FloatTensor<Self>,
        end: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        let [rows, dim] = r.shape().dims();
        if !kernels::take([&r, &s, &end]) || rows * dim == 0 {
            return plain::leapfrog_kinetic_change::<Self>(r, s, end, epsilon);
        }
        half_sums([r, s, end], LeapfrogSquareDifference { half: (0.5 * epsilon) as f32 })
    }

    fn choose_rows(mask: FloatTensor<Self>, a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let [rows, dim] = a.shape().dims();
        if !kernels::take([&mask, &a, &b]) || rows * dim == 0 {
            return plain::choose_rows::<Self>(mask, a, b);
        }
        let mask = buffer::contiguous(mask);
        let (mut a, mut b) = (buffer::contiguous(a), buffer::contiguous(b));
        let mask = mask.storage::<f32>();
        // Reuses a buffer that is not shared; if neither is, the one that needs fewer rows copied from the other.
        let free = [&mut a, &mut b].map(|x| x.try_storage_mut::<f32>().is_some());
        let most_from_b = rows < 2 * mask.iter().filter(|&&above| 0.0 < above).count();
        let into_b = free[1] && (!free[0] || most_from_b);
        let (into, from) = if into_b { (b, a) } else { (a, b) };
        let from = from.storage::<f32>();
        let together = rows_together(dim);
        let mut nothing = vec![(); rows.div_ceil(together)];
        buffer::update_with(into, together * dim, &mut nothing, 1, |i, into, _| {
            let (first, into) = (i * together, into.copied());
            let from = from[first * dim..].chunks(dim);
            for ((row, from), mask) in into.chunks_mut(dim).zip(from).zip(&mask[first..]) {
                if (0.0 < *mask) != into_b {
                    row.copy_from_slice(from);
                }
            }
            into.into()
        })
    }
}

/// Half of the sum by `add` over each row of tensors of the same shape.
fn half_sums<const N: usize>(
    tensors: [FlexTensor; N],
    add: impl Elementwise<1, N> + Copy + Sync,
) -> FlexTensor {
    let rows = tensors[0].shape()[0];
    let halves = row_sums(tensors, add).into_iter().map(|sum| 0.5 * sum).collect();
    buffer::tensor(halves, [rows])
}

/// A task: updates the elements of `x`, given the corresponding elements of `beside`.
struct Update<'a, F, const N: usize> {
    x: Slot<'a>,
    beside: [&'a [f32]; N],
    function: &'a F,
}

impl<'a, F: Elementwise<1, N>, const N: usize> WithSimd for Update<'a, F, N> {
    type Output = &'a mut [f32];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let [x] = elementwise::update(simd, [self.x], self.beside, self.function);
        x
    }
}

/// x + a y.
struct PlusTimes(f32);

impl Elementwise<1, 1> for PlusTimes {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [x]: [L::Floats; 1], [y]: [L::Floats; 1]) -> [L::Floats; 1] {
        [lanes.mul_add(y, lanes.all(self.0), x)]
    }
}

/// x + ε (r + ½ε s).
struct LeapfrogPosition {
    half: f32,
    whole: f32,
}

impl Elementwise<1, 2> for LeapfrogPosition {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [x]: [L::Floats; 1], [r, s]: [L::Floats; 2]) -> [L::Floats; 1] {
        let r = lanes.mul_add(s, lanes.all(self.half), r);
        [lanes.mul_add(r, lanes.all(self.whole), x)]
    }
}

/// Σ a² - r² with a = r + ½ε s + ½ε end, rounded like the half steps of the momentum.
#[derive(Clone, Copy)]
struct LeapfrogSquareDifference {
    half: f32,
}

impl Elementwise<1, 3> for LeapfrogSquareDifference {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [sum]: [L::Floats; 1], [r, s, end]: [L::Floats; 3]) -> [L::Floats; 1] {
        let half = lanes.all(self.half);
        let a = lanes.mul_add(end, half, lanes.mul_add(s, half, r));
        [lanes.mul_add(lanes.sub(a, r), lanes.add(a, r), sum)]
    }
}

/// Σ a² - b², as Σ (a - b)(a + b).
#[derive(Clone, Copy)]
struct SquareDifference;

impl Elementwise<1, 2> for SquareDifference {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [sum]: [L::Floats; 1], [a, b]: [L::Floats; 2]) -> [L::Floats; 1] {
        [lanes.mul_add(lanes.sub(a, b), lanes.add(a, b), sum)]
    }
}
