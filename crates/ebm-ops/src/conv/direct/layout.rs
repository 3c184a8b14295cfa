//! Between planes of one channel each and pixels that hold their channels side by side.

use std::mem::MaybeUninit;

use pulp::Simd;

/// Channels, and pixels, that are transposed at a time.
const SIDE: usize = 8;

/// Copies `planes`, `[channels, pixels]`, so that channel `c` of pixel `p` is element `places[p] + c` of `target`.
///
/// # Panics
/// If a place is out of bounds.
#[inline(always)]
pub(super) fn gather<S: Simd>(simd: S, planes: &[f32], channels: usize, places: &[u32], target: &mut [f32]) {
    let pixels = places.len();
    assert_eq!(planes.len(), channels * pixels, "planes of {channels} channels and {pixels} pixels");
    if channels < SIDE || pixels < SIDE {
        for (c, plane) in planes.chunks_exact(pixels).enumerate() {
            for (x, &place) in plane.iter().zip(places) {
                target[place as usize + c] = *x;
            }
        }
        return;
    }
    let farthest = places.iter().max().map_or(0, |&place| place as usize);
    assert!(farthest + channels <= target.len(), "a place outside of the target");
    let (squares, from, to) = (Squares::new(simd), planes.as_ptr(), target.as_mut_ptr());
    each_square(
        channels,
        pixels,
        #[inline(always)]
        |c, p| {
            // SAFETY: channels `c..c + 8` and pixels `p..p + 8` exist, so each plane is read within its bounds; and
            // a place is at most `farthest`, so eight channels from `c` on are in bounds.
            unsafe {
                squares.transpose(
                    #[inline(always)]
                    |i| from.add((c + i) * pixels + p),
                    #[inline(always)]
                    |j| to.add(*places.get_unchecked(p + j) as usize + c),
                );
            }
        },
    );
}

/// Copies pixels that are `stride` floats apart to `planes`, `[channels, pixels]`, from their first channels.
///
/// # Panics
/// If `pixels` or `planes` is too short.
#[inline(always)]
pub(super) fn scatter<S: Simd>(
    simd: S,
    source: &[f32],
    stride: usize,
    channels: usize,
    planes: &mut [MaybeUninit<f32>],
) {
    let pixels = planes.len() / channels;
    assert_eq!(planes.len(), channels * pixels, "planes of {channels} channels and {pixels} pixels");
    assert!(channels <= stride && pixels * stride <= source.len(), "{pixels} pixels, {stride} apart");
    if channels < SIDE || pixels < SIDE {
        for (c, plane) in planes.chunks_exact_mut(pixels).enumerate() {
            for (x, pixel) in plane.iter_mut().zip(source.chunks_exact(stride)) {
                *x = MaybeUninit::new(pixel[c]);
            }
        }
        return;
    }
    let (squares, from, to) = (Squares::new(simd), source.as_ptr(), planes.as_mut_ptr().cast::<f32>());
    each_square(
        channels,
        pixels,
        #[inline(always)]
        |c, p| {
            // SAFETY: pixels `p..p + 8` and channels `c..c + 8` exist, and the assertions say that both are in bounds.
            unsafe {
                squares.transpose(
                    #[inline(always)]
                    |i| from.add((p + i) * stride + c),
                    #[inline(always)]
                    |j| to.add((c + j) * pixels + p),
                );
            }
        },
    );
}

/// Calls `visit(c, p)` for squares of channels `c..c + 8` and pixels `p..p + 8` that cover all of them, both being
/// eight at least; the last squares overlap those before.
///
/// Pixels run inside, so that the planes are read or written in eight long streams.
#[inline(always)]
fn each_square(channels: usize, pixels: usize, visit: impl Fn(usize, usize)) {
    for c in (0..channels).step_by(SIDE) {
        for p in (0..pixels).step_by(SIDE) {
            visit(c.min(channels - SIDE), p.min(pixels - SIDE));
        }
    }
}

/// Transposes squares of 8×8 floats, in registers where the machine has them.
#[derive(Clone, Copy)]
struct Squares {
    #[cfg(target_arch = "x86_64")]
    simd: Option<pulp::x86::V3>,
}

impl Squares {
    /// For a kernel on vectors of `S`.
    #[inline(always)]
    fn new<S: Simd>(_: S) -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            simd: if SIDE <= S::F32_LANES { pulp::x86::V3::try_new() } else { None },
        }
    }

    /// Element `j` of row `i` becomes element `i` of column `j`.
    ///
    /// # Safety
    /// `row(i)` must be readable and `column(j)` writable for eight floats, and none of one be in the other.
    #[inline(always)]
    unsafe fn transpose(self, row: impl Fn(usize) -> *const f32, column: impl Fn(usize) -> *mut f32) {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = self.simd {
            // SAFETY: as the caller promises.
            return unsafe { transpose_in_registers(simd, row, column) };
        }
        for j in 0..SIDE {
            let column = column(j);
            for i in 0..SIDE {
                // SAFETY: as the caller promises.
                unsafe { *column.add(i) = *row(i).add(j) };
            }
        }
    }
}

/// The transposition of 8×8 floats by 256-bit registers that hold halves of two rows, four apart.
///
/// # Safety
/// As for [`Squares::transpose`].
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn transpose_in_registers(
    simd: pulp::x86::V3,
    row: impl Fn(usize) -> *const f32,
    column: impl Fn(usize) -> *mut f32,
) {
    let (sse, avx) = (simd.sse, simd.avx);
    for first in [0, 4] {
        let [a, b, c, d] = [0, 1, 2, 3].map(
            #[inline(always)]
            |i| {
                // SAFETY: four of eight readable floats.
                let [low, high] =
                    unsafe { [sse._mm_loadu_ps(row(i).add(first)), sse._mm_loadu_ps(row(i + 4).add(first))] };
                avx._mm256_insertf128_ps::<1>(avx._mm256_castps128_ps256(low), high)
            },
        );
        let [even, odd] = [avx._mm256_unpacklo_ps(a, b), avx._mm256_unpackhi_ps(a, b)];
        let [even_too, odd_too] = [avx._mm256_unpacklo_ps(c, d), avx._mm256_unpackhi_ps(c, d)];
        let columns = [
            avx._mm256_shuffle_ps::<0b01_00_01_00>(even, even_too),
            avx._mm256_shuffle_ps::<0b11_10_11_10>(even, even_too),
            avx._mm256_shuffle_ps::<0b01_00_01_00>(odd, odd_too),
            avx._mm256_shuffle_ps::<0b11_10_11_10>(odd, odd_too),
        ];
        for (j, values) in columns.into_iter().enumerate() {
            // SAFETY: eight writable floats.
            unsafe { avx._mm256_storeu_ps(column(first + j), values) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer;
    use crate::simd::{self, Instructions};

    struct Check;
    impl pulp::WithSimd for Check {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            check(simd);
        }
    }

    #[test]
    fn gather_puts_each_channel_of_each_pixel_in_its_place_and_scatter_takes_it_back() {
        simd::arch().dispatch(Check);
        simd::arch_within(Instructions::Scalar).dispatch(Check);
    }

    fn check<S: Simd>(simd: S) {
        for (channels, pixels) in [(1, 1), (3, 9), (8, 8), (12, 7), (12, 13), (32, 49), (9, 196)] {
            let planes: Vec<f32> = (0..channels * pixels).map(|i| i as f32).collect();
            let stride = channels + 3;
            let places: Vec<u32> = (0..pixels).map(|p| (p * stride + 2) as u32).collect();
            let mut spread = vec![-1.0; pixels * stride + 2];
            gather(simd, &planes, channels, &places, &mut spread);
            for (i, x) in spread.iter().enumerate() {
                let (p, c) = (i.wrapping_sub(2) / stride, i.wrapping_sub(2) % stride);
                let expected = if 2 <= i && c < channels { (c * pixels + p) as f32 } else { -1.0 };
                assert_eq!(*x, expected, "{channels} channels of {pixels} pixels at {i}");
            }
            let scatter = |back: &mut [_]| scatter(simd, &spread[2..], stride, channels, back);
            // SAFETY: every pixel of every channel is written.
            assert_eq!(unsafe { buffer::fresh(planes.len(), scatter) }, planes);
        }
    }
}
