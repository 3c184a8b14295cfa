//! Conversion between planar images and images with contiguous channels.

use std::mem::MaybeUninit;

use pulp::Simd;

use crate::transpose::{self, Planes, SIDE};

/// Copies `planes`, `[channels, pixels]`, so that channel `c` of pixel `p` is element `places[p] + c` of `target`.
///
/// # Panics
/// If a place is out of bounds.
#[inline(always)]
pub(super) fn gather<S: Simd>(simd: S, planes: &[f32], channels: usize, places: &[u32], target: &mut [f32]) {
    let pixels = places.len();
    assert_eq!(planes.len(), channels * pixels, "planes of {channels} channels and {pixels} pixels");
    if channels < SIDE {
        for (c, plane) in planes.chunks_exact(pixels).enumerate() {
            for (x, &place) in plane.iter().zip(places) {
                target[place as usize + c] = *x;
            }
        }
        return;
    }
    let farthest = places.iter().max().map_or(0, |&place| place as usize);
    assert!(farthest + channels <= target.len(), "place outside of the target");
    // SAFETY: every plane has as many pixels as there are places, and no place exceeds `farthest`, so all its
    // channels are in bounds.
    unsafe {
        let place = |p: usize| *places.get_unchecked(p) as usize;
        let planes = (planes.as_ptr(), Planes { stride: pixels, pixels });
        transpose::gather(simd, channels, planes, (target.as_mut_ptr(), place));
    }
}

/// Copies the first channels of pixels that are `stride` floats apart to `planes`, `[channels, pixels]`.
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
    if channels < SIDE {
        for (c, plane) in planes.chunks_exact_mut(pixels).enumerate() {
            for (x, pixel) in plane.iter_mut().zip(source.chunks_exact(stride)) {
                *x = MaybeUninit::new(pixel[c]);
            }
        }
        return;
    }
    // SAFETY: by the assertions every channel of every pixel is in bounds of both slices.
    unsafe {
        let planes = (planes.as_mut_ptr().cast(), Planes { stride: pixels, pixels });
        transpose::scatter(simd, channels, (source.as_ptr(), |p: usize| p * stride), planes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer;
    use crate::simd::with_widest_and_scalar;

    #[derive(Clone, Copy)]
    struct Check;

    impl pulp::WithSimd for Check {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            for (channels, pixels) in [(1, 1), (3, 9), (8, 8), (12, 7), (12, 13), (32, 49), (9, 196)] {
                let planes: Vec<f32> = (0..channels * pixels).map(|i| i as f32).collect();
                let stride = channels + 3;
                let places: Vec<u32> = (0..pixels).map(|p| (p * stride + 2) as u32).collect();
                let mut side_by_side = vec![-1.0; pixels * stride + 2];
                gather(simd, &planes, channels, &places, &mut side_by_side);
                for (i, x) in side_by_side.iter().enumerate() {
                    let (p, c) = (i.wrapping_sub(2) / stride, i.wrapping_sub(2) % stride);
                    let expected = if 2 <= i && c < channels { (c * pixels + p) as f32 } else { -1.0 };
                    assert_eq!(*x, expected, "{channels} channels of {pixels} pixels at {i}");
                }
                let scatter = |back: &mut [_]| scatter(simd, &side_by_side[2..], stride, channels, back);
                // SAFETY: every pixel of every channel is written.
                assert_eq!(unsafe { buffer::fresh(planes.len(), scatter) }, planes);
            }
        }
    }

    #[test]
    fn gather_moves_each_channel_to_its_place_and_scatter_inverts_it() {
        with_widest_and_scalar(Check);
    }
}
