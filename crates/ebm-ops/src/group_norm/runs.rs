//! Sums over groups and over the images that share a map.

use burn::backend::flex::FlexTensor;
use pulp::Simd;

use crate::buffer;
use crate::elementwise::Elementwise;
use crate::sums::sums;

/// Number of elements summed in single precision before the sum continues in double precision.
pub(super) const RUN: usize = 2048;

/// [`sums`] in single precision over each [`RUN`], and in double precision from run to run.
#[inline(always)]
pub(super) fn sums_of_runs<S: Simd, const M: usize, const N: usize>(
    simd: S,
    slices: [&[f32]; N],
    add: &impl Elementwise<M, N>,
) -> [f64; M] {
    let (n, mut total) = (slices[0].len(), [0.0; M]);
    for start in (0..n).step_by(RUN) {
        let end = n.min(start + RUN);
        let run = sums(simd, slices.map(|slice| &slice[start..end]), add);
        for (total, run) in total.iter_mut().zip(run) {
            *total += f64::from(run);
        }
    }
    total
}

/// Both sums of each image and channel, added over the images that share a map: two tensors of `[rows, channels]`.
pub(super) fn over_rows(sums: &[[f32; 2]], rows: usize, channels: usize) -> [FlexTensor; 2] {
    let maps = rows * channels;
    let mut totals = [vec![0.0; maps], vec![0.0; maps]];
    // An empty batch with a map per image has none.
    for image in sums.chunks_exact(maps.max(1)) {
        for (i, sum) in image.iter().enumerate() {
            totals[0][i] += sum[0];
            totals[1][i] += sum[1];
        }
    }
    totals.map(|total| buffer::tensor(total, [rows, channels]))
}
