//! The sums of the channels of a batch of images.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::simd;

/// Elements below which a second thread costs more than it brings.
const GRAIN: usize = 32 * 1024;

/// The sum of each of `channels` channels of `pixels` elements over all images of `images`.
///
/// Each plane is summed in single precision on the lanes of a few registers, planes in double precision in the
/// order of the images, whatever the number of threads.
pub(super) fn channel_sums(images: &[f32], channels: usize, pixels: usize) -> Vec<f32> {
    if images.is_empty() {
        return vec![0.0; channels];
    }
    let (per_channel, arch) = (images.len() / channels, simd::arch());
    let sum = |channel: usize| {
        let planes = images.chunks_exact(pixels).skip(channel).step_by(channels);
        planes.map(|plane| f64::from(arch.dispatch(Sum(plane)))).sum::<f64>() as f32
    };
    (0..channels).into_par_iter().with_min_len((GRAIN / per_channel).max(1)).map(sum).collect()
}

struct Sum<'a>(&'a [f32]);

impl WithSimd for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (vectors, rest) = S::as_simd_f32s(self.0);
        let mut sums = [simd.splat_f32s(0.0); 4];
        let mut quads = vectors.chunks_exact(4);
        for quad in &mut quads {
            for (sum, x) in sums.iter_mut().zip(quad) {
                *sum = simd.add_f32s(*sum, *x);
            }
        }
        for (sum, x) in sums.iter_mut().zip(quads.remainder()) {
            *sum = simd.add_f32s(*sum, *x);
        }
        let [a, b, c, d] = sums;
        let total = simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d));
        simd.reduce_sum_f32s(total) + rest.iter().sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_counts_once_in_its_own_channel() {
        for (batch, channels, pixels) in [(1, 1, 1), (3, 5, 7), (2, 3, 196), (4, 2, 65)] {
            // Integers, whose sums are exact.
            let images: Vec<f32> = (0..batch * channels * pixels).map(|i| (i % 97) as f32).collect();
            let mut expected = vec![0.0; channels];
            for (i, x) in images.iter().enumerate() {
                expected[i / pixels % channels] += x;
            }
            assert_eq!(channel_sums(&images, channels, pixels), expected);
        }
        assert_eq!(channel_sums(&[], 3, 49), [0.0; 3]);
    }
}
