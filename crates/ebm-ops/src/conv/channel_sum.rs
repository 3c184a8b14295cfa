//! Sums over each channel of a batch of images.

use crate::elementwise::Elementwise;
use crate::lanes::Lanes;
use crate::sums::Sums;
use crate::{buffer, simd};

/// The sum of each of `channels` channels of `pixels` elements over all images of `images`.
///
/// Each plane is summed in single precision, and the sums of the planes are added in double precision in the order
/// of the images, whatever the number of threads.
pub(super) fn channel_sums(images: &[f32], channels: usize, pixels: usize) -> Vec<f32> {
    if images.is_empty() {
        return vec![0.0; channels];
    }
    let (per_channel, arch) = (images.len() / channels, simd::arch());
    let sum = |channel: usize| {
        let planes = images.chunks_exact(pixels).skip(channel).step_by(channels);
        planes.map(|plane| f64::from(arch.dispatch(Sums::<_, 1, 1>([plane], Plain))[0])).sum::<f64>() as f32
    };
    let mut sums = vec![0.0; channels];
    buffer::fill(&mut sums, 1, per_channel, |channel, total| total[0] = sum(channel));
    sums
}

/// Σ x.
struct Plain;

impl Elementwise<1, 1> for Plain {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [sum]: [L::Floats; 1], [x]: [L::Floats; 1]) -> [L::Floats; 1] {
        [lanes.add(sum, x)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_added_once_to_its_own_channel() {
        for (batch, channels, pixels) in [(1, 1, 1), (3, 5, 7), (2, 3, 196), (4, 2, 65)] {
            // Integers: sums are exact.
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
