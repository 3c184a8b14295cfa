//! One block of a sum of outer products over the pixels of an image.

use pulp::Simd;

use super::tile::load;

/// Largest number of rows in a block: twelve sums, two vectors and one broadcast fill 16 registers.
pub(super) const ROWS: usize = 6;

/// Numbers at a list of offsets.
#[derive(Clone, Copy)]
pub(super) struct Numbers<'a> {
    pub first: *const f32,
    /// Offset of each pixel, relative to `first`.
    pub places: &'a [u32],
}

/// Adds Σ `left` ⊗ `right` over the pixels to `rows` rows (at most [`ROWS`]) of `V` vectors, `stride` floats apart.
///
/// # Safety
/// At every place `rows` numbers of `left` and `V` vectors of `right` must be readable, and both must have the
/// same number of places; the rows of `sum` must be readable and writable.
#[inline(always)]
pub(super) unsafe fn any<S: Simd, const V: usize>(
    simd: S,
    rows: usize,
    left: Numbers<'_>,
    right: Numbers<'_>,
    sum: *mut f32,
    stride: usize,
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match rows {
            1 => outer::<S, 1, V>(simd, left, right, sum, stride),
            2 => outer::<S, 2, V>(simd, left, right, sum, stride),
            3 => outer::<S, 3, V>(simd, left, right, sum, stride),
            4 => outer::<S, 4, V>(simd, left, right, sum, stride),
            5 => outer::<S, 5, V>(simd, left, right, sum, stride),
            6 => outer::<S, 6, V>(simd, left, right, sum, stride),
            n => unreachable!("{n} rows in a block"),
        }
    }
}

/// [`any`] for `M` rows.
#[inline(always)]
unsafe fn outer<S: Simd, const M: usize, const V: usize>(
    simd: S,
    left: Numbers<'_>,
    right: Numbers<'_>,
    sum: *mut f32,
    stride: usize,
) {
    let mut sums = [[simd.splat_f32s(0.0); V]; M];
    for (a, b) in left.places.iter().zip(right.places) {
        // SAFETY: `V` vectors of `right` and `M` numbers of `left` are readable at every place.
        unsafe {
            let (a, b) = (left.first.add(*a as usize), right.first.add(*b as usize));
            let b: [S::f32s; V] = std::array::from_fn(|v| load::<S>(b, v));
            for (m, sum) in sums.iter_mut().enumerate() {
                let a = simd.splat_f32s(*a.add(m));
                for (sum, b) in sum.iter_mut().zip(b) {
                    *sum = simd.mul_add_e_f32s(a, b, *sum);
                }
            }
        }
    }
    for (m, row) in sums.iter().enumerate() {
        for (v, value) in row.iter().enumerate() {
            // SAFETY: `M` rows of `V` vectors are readable and writable, `stride` floats apart.
            unsafe {
                let place = sum.add(m * stride).cast::<S::f32s>().add(v);
                place.write_unaligned(simd.add_f32s(place.read_unaligned(), *value));
            }
        }
    }
}
