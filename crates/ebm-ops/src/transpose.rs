//! Transposition between planar images and images with contiguous channels.

use pulp::Simd;

/// Number of channels, and of pixels, that are transposed at a time.
pub(crate) const SIDE: usize = 8;

/// A block of channels seen as planes: channel `c` of pixel `p` is element `c · stride + p`.
#[derive(Clone, Copy)]
pub(crate) struct Planes {
    pub stride: usize,
    pub pixels: usize,
}

/// Copies at least eight `channels` of planes so that those of pixel `p` are contiguous from `place(p)` on.
///
/// # Safety
/// Every element of both layouts must be in bounds of its pointer, and the two must not overlap.
#[inline(always)]
pub(crate) unsafe fn gather<S: Simd, F: Fn(usize) -> usize>(
    simd: S,
    channels: usize,
    (source, planes): (*const f32, Planes),
    (target, place): (*mut f32, F),
) {
    let squares = Squares::new(simd);
    for channel in steps(channels) {
        for first in steps(planes.pixels) {
            // SAFETY: rows are channels `channel..channel + 8` and columns pixels `first..first + n`, within both.
            unsafe {
                let (from, to) = (source.add(channel * planes.stride + first), target.add(channel));
                let columns = planes.pixels.min(SIDE);
                squares.transpose(columns, |c| from.add(c * planes.stride), |p| to.add(place(first + p)));
            }
        }
    }
}

/// Copies at least eight `channels` of pixels, contiguous from `place(p)` on for pixel `p`, to planes.
///
/// # Safety
/// Every element of both layouts must be in bounds of its pointer, and the two must not overlap.
#[inline(always)]
pub(crate) unsafe fn scatter<S: Simd, F: Fn(usize) -> usize>(
    simd: S,
    channels: usize,
    (source, place): (*const f32, F),
    (target, planes): (*mut f32, Planes),
) {
    let squares = Squares::new(simd);
    for channel in steps(channels) {
        for first in steps(planes.pixels) {
            // SAFETY: channels `channel..channel + 8` and pixels `first..first + n` are within both layouts.
            unsafe {
                let (from, to) = (source.add(channel), target.add(channel * planes.stride + first));
                bring(target, (channel + SIDE) * planes.stride + first * SIDE);
                if SIDE <= planes.pixels {
                    squares.transpose(SIDE, |p| from.add(place(first + p)), |c| to.add(c * planes.stride));
                } else {
                    for p in 0..planes.pixels {
                        (0..SIDE).for_each(|c| *to.add(c * planes.stride + p) = *from.add(place(p) + c));
                    }
                }
            }
        }
    }
}

/// Prefetches the destination of a square, `offset` floats after `data`, before it is written.
///
/// Eight planes are eight streams within a page or two, and hardware prefetchers follow only one of them; the
/// destination of the next eight pixels is one stream. Prefetching the source did not help.
#[inline(always)]
fn bring(data: *mut f32, offset: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..SIDE * SIDE).step_by(16) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch reads nothing and may have any address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(data.wrapping_add(offset + line).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (data, offset);
}

/// The beginnings of blocks of eight that cover `0..n`; the last block may overlap the one before.
#[inline(always)]
fn steps(n: usize) -> impl Iterator<Item = usize> {
    let last = n.saturating_sub(SIDE);
    (0..n.div_ceil(SIDE)).map(move |i| last.min(i * SIDE))
}

/// Transposes squares of 8×8 floats, in registers if the machine supports it.
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

    /// Copies element `j` of `from(i)` to element `i` of `to(j)`, for `i < 8` and `j < columns ≤ 8`.
    ///
    /// # Safety
    /// `from(i)` must be readable for `columns` floats, and `to(j)` writable for eight.
    #[inline(always)]
    unsafe fn transpose(
        self,
        columns: usize,
        from: impl Fn(usize) -> *const f32,
        to: impl Fn(usize) -> *mut f32,
    ) {
        #[cfg(target_arch = "x86_64")]
        if let (Some(simd), SIDE) = (self.simd, columns) {
            // SAFETY: the caller guarantees eight floats at each of the eight pointers.
            return unsafe { in_registers(simd, from, to) };
        }
        for j in 0..columns {
            // SAFETY: `j < columns` and `i < 8`.
            (0..SIDE).for_each(|i| unsafe { *to(j).add(i) = *from(i).add(j) });
        }
    }
}

/// Transposes 8×8 floats in 256-bit registers; rows `i` and `i + 4` share a register.
///
/// # Safety
/// `from(i)` must be readable and `to(j)` writable for eight floats.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn in_registers(
    simd: pulp::x86::V3,
    from: impl Fn(usize) -> *const f32,
    to: impl Fn(usize) -> *mut f32,
) {
    let (sse, avx) = (simd.sse, simd.avx);
    for half in [0, 4] {
        // SAFETY: four floats from the first or second half of eight readable ones.
        let pair = |i: usize| unsafe {
            let low = avx._mm256_castps128_ps256(sse._mm_loadu_ps(from(i).add(half)));
            avx._mm256_insertf128_ps::<1>(low, sse._mm_loadu_ps(from(i + 4).add(half)))
        };
        let (a, b, c, d) = (pair(0), pair(1), pair(2), pair(3));
        let (ab, cd) = (avx._mm256_unpacklo_ps(a, b), avx._mm256_unpacklo_ps(c, d));
        let (ef, gh) = (avx._mm256_unpackhi_ps(a, b), avx._mm256_unpackhi_ps(c, d));
        let rows = [
            avx._mm256_shuffle_ps::<0x44>(ab, cd),
            avx._mm256_shuffle_ps::<0xEE>(ab, cd),
            avx._mm256_shuffle_ps::<0x44>(ef, gh),
            avx._mm256_shuffle_ps::<0xEE>(ef, gh),
        ];
        for (j, row) in rows.into_iter().enumerate() {
            // SAFETY: eight writable floats.
            unsafe { avx._mm256_storeu_ps(to(half + j), row) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::with_widest_and_scalar;

    #[derive(Clone, Copy)]
    struct Check;

    impl pulp::WithSimd for Check {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            for (channels, pixels) in [(8, 1), (16, 7), (8, 8), (11, 9), (24, 13), (16, 64)] {
                let planes: Vec<f32> = (0..channels * pixels).map(|i| i as f32).collect();
                let (mut side_by_side, mut back) =
                    (vec![-1.0; 3 * pixels * channels], vec![-1.0; channels * pixels]);
                let from = Planes { stride: pixels, pixels };
                let place = |p: usize| (3 * p + 1) * channels;
                // SAFETY: places are at most `3 · pixels - 2`, each with `channels` channels; the planes have the
                // stated lengths.
                unsafe {
                    gather(simd, channels, (planes.as_ptr(), from), (side_by_side.as_mut_ptr(), place));
                    scatter(simd, channels, (side_by_side.as_ptr(), place), (back.as_mut_ptr(), from));
                }
                for (p, pixel) in side_by_side.chunks(channels).enumerate() {
                    for (c, &value) in pixel.iter().enumerate() {
                        let expected = if p % 3 == 1 { (c * pixels + p / 3) as f32 } else { -1.0 };
                        assert_eq!(value, expected, "{channels} channels of {pixels} pixels");
                    }
                }
                assert_eq!(back, planes);
            }
        }
    }

    #[test]
    fn gather_puts_channels_side_by_side_and_scatter_inverts_it() {
        with_widest_and_scalar(Check);
    }
}
