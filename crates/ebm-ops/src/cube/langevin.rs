//! A step of Langevin dynamics as one kernel, with noise generated in registers.

use burn_cubecl::cubecl::{self, prelude::*};
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

use super::{Distribution, Draw, cut, described, empty, fuses, grid, numbers};

/// x + η s + √(2η) z in single precision, for at least one element; z are the normals of draw number `draw`.
///
/// The buffer of `x` is reused unless another tensor shares it.
pub(crate) fn step(x: CubeTensor, score: CubeTensor, step_size: f64, key: [u32; 2], draw: u64) -> CubeTensor {
    let (x, score) = (into_contiguous(x), into_contiguous(score));
    let n = x.meta.shape().num_elements();
    let (count, dim, vector) = grid(&x, n);
    let (drift, diffusion) = (step_size as f32, (2.0 * step_size).sqrt() as f32);
    let (draw, native) = (described(key, draw), fuses(&x.device));
    let (out, out_arg) = if x.can_mut() {
        (x.clone(), x.as_tensor_alias(0).into_buffer_arg())
    } else {
        let out = empty(x.meta.shape().clone(), x.device.clone(), x.dtype);
        (out.clone(), out.into_buffer_arg())
    };
    step_kernel::launch(
        &out.client,
        count,
        dim,
        vector,
        x.into_buffer_arg(),
        score.into_buffer_arg(),
        out_arg,
        drift,
        diffusion,
        draw,
        native,
    );
    out
}

/// Each thread updates the elements of one block.
#[cube(launch)]
fn step_kernel<N: Size>(
    x: &[Vector<f32, N>],
    score: &[Vector<f32, N>],
    out: &mut [Vector<f32, N>],
    drift: f32,
    diffusion: f32,
    draw: Draw,
    #[comptime] native: bool,
) {
    let lanes = N::value().comptime();
    let parts = comptime!(4 / lanes);
    let block = ABSOLUTE_POS;
    if block <= out.len() / parts {
        let bits = numbers(block, &draw, comptime!(Distribution::Normals), native);
        let (drift, diffusion) = (Vector::<f32, N>::new(drift), Vector::<f32, N>::new(diffusion));
        #[unroll]
        for part in 0..parts {
            let i = block * parts + part;
            if i < out.len() {
                let z = Vector::<f32, N>::reinterpret(cut::<N>(bits, part));
                out[i] = fma(z, diffusion, fma(score[i], drift, x[i]));
            }
        }
    }
}

#[cfg(all(test, feature = "wgpu", feature = "flex"))]
mod tests;
