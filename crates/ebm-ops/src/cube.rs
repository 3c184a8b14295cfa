//! Noise generated on a CubeCL device, so that it need not be copied there.

pub(crate) mod langevin;
mod normal;
mod philox;
#[cfg(all(test, feature = "wgpu"))]
mod testing;
#[cfg(all(test, feature = "wgpu"))]
mod tests;

use burn::backend::{Cube, DispatchDevice};
use burn::tensor::{DType, Device, Shape, Tensor};
use burn_cubecl::cubecl::{self, calculate_cube_count_elemwise, prelude::*};
use burn_cubecl::{CubeDevice, tensor::CubeTensor};

use crate::distribution::Name as Distribution;
use philox::Four;

/// Largest number of elements that a kernel can index without overflow, whatever its threads are rounded up to.
const MOST: usize = i32::MAX as usize;

/// One draw of a stream, as a kernel argument.
#[derive(CubeType, CubeLaunch)]
struct Draw {
    key_low: u32,
    key_high: u32,
    low: u32,
    high: u32,
    /// 0, unknown to the compiler; see `normal`.
    zero: u32,
}

/// Draw number `draw` of the stream with this key, in single precision, generated on `device`; `None` if `device`
/// is not a CubeCL device, or the shape is empty.
pub(crate) fn draw<const D: usize>(
    distribution: Distribution,
    key: [u32; 2],
    draw: u64,
    shape: [usize; D],
    device: &Device,
) -> Option<Tensor<D>> {
    let DispatchDevice::Cube(cube) = device.clone().inner().as_dispatch().clone() else {
        return None;
    };
    if shape.contains(&0) {
        return None;
    }
    let tensor =
        Tensor::from_primitive::<Cube>(fill(distribution, key, draw, shape.into(), cube, DType::F32));
    Some(match device.gradient_checkpointing_strategy() {
        Some(strategy) => tensor.autodiff().with_gradient_checkpointing_strategy(strategy),
        None => tensor,
    })
}

/// A draw of at least one 32-bit number.
fn fill(
    distribution: Distribution,
    key: [u32; 2],
    draw: u64,
    shape: Shape,
    device: CubeDevice,
    dtype: DType,
) -> CubeTensor {
    let n = shape.num_elements();
    let out = empty(shape, device, dtype);
    let (count, dim, vector) = grid(&out, n);
    let (draw, native) = (described(key, draw), fuses(&out.device));
    fill_kernel::launch(
        &out.client,
        count,
        dim,
        vector,
        out.clone().into_buffer_arg(),
        draw,
        distribution,
        native,
    );
    out
}

fn empty(shape: Shape, device: CubeDevice, dtype: DType) -> CubeTensor {
    let client = device.client();
    let buffer = client.empty(shape.num_elements() * dtype.size());
    CubeTensor::new_contiguous(client, device, shape, buffer, dtype)
}

/// Launch grid with one thread per block of four elements, and how many elements a thread accesses at once.
fn grid(tensor: &CubeTensor, n: usize) -> (CubeCount, CubeDim, usize) {
    assert!(n <= MOST, "expected a draw of at most {MOST} elements, found {n}");
    let blocks = n.div_ceil(4);
    let dim = CubeDim::new(&tensor.client, blocks);
    let count = calculate_cube_count_elemwise(&tensor.client, blocks, dim);
    (count, dim, if n.is_multiple_of(4) { 4 } else { 1 })
}

fn described([key_low, key_high]: [u32; 2], draw: u64) -> DrawLaunch {
    DrawLaunch::new(key_low, key_high, draw as u32, (draw >> 32) as u32, 0)
}

/// Whether the specification of the device guarantees that a multiply-add is rounded once.
fn fuses(device: &CubeDevice) -> bool {
    #[cfg(feature = "cuda")]
    if matches!(device, CubeDevice::Cuda(_)) {
        return true;
    }
    let _ = device;
    false
}

/// The numbers of one block, as bits.
#[cube]
fn numbers(
    block: usize,
    draw: &Draw,
    #[comptime] distribution: Distribution,
    #[comptime] native: bool,
) -> Four<u32> {
    let words = philox::block(block as u32, 0u32, draw.low, draw.high, draw.key_low, draw.key_high);
    transformed(words, draw.zero, distribution, native)
}

#[cube]
fn transformed(
    words: Four<u32>,
    zero: u32,
    #[comptime] distribution: Distribution,
    #[comptime] native: bool,
) -> Four<u32> {
    let mut bits = words;
    match comptime!(distribution) {
        Distribution::Words => {}
        Distribution::Uniforms =>
        {
            #[unroll]
            for word in 0..4usize {
                bits.insert(word, u32::reinterpret(normal::uniform(words.extract(word))));
            }
        }
        Distribution::Signs =>
        {
            #[unroll]
            for word in 0..4usize {
                let sign = words.extract(word) & comptime!(1u32 << 31);
                bits.insert(word, sign | comptime!(1f32.to_bits()));
            }
        }
        Distribution::Normals =>
        {
            #[unroll]
            for pair in 0..2usize {
                let first = comptime!(2 * pair);
                let second = comptime!(2 * pair + 1);
                let (p, q) = normal::box_muller(words.extract(first), words.extract(second), zero, native);
                bits.insert(first, u32::reinterpret(p));
                bits.insert(second, u32::reinterpret(q));
            }
        }
    }
    bits
}

/// Each thread writes one block.
#[cube(launch)]
fn fill_kernel<N: Size>(
    out: &mut [Vector<u32, N>],
    draw: Draw,
    #[comptime] distribution: Distribution,
    #[comptime] native: bool,
) {
    let lanes = N::value().comptime();
    let parts = comptime!(4 / lanes);
    let block = ABSOLUTE_POS;
    if block <= out.len() / parts {
        let bits = numbers(block, &draw, distribution, native);
        #[unroll]
        for part in 0..parts {
            let i = block * parts + part;
            if i < out.len() {
                out[i] = cut::<N>(bits, part);
            }
        }
    }
}

/// Lanes `part · N` to `(part + 1) · N` of `four`.
#[cube]
fn cut<N: Size>(four: Four<u32>, #[comptime] part: usize) -> Vector<u32, N> {
    let lanes = N::value().comptime();
    let mut cut = Vector::<u32, N>::empty();
    #[unroll]
    for lane in 0..lanes {
        cut.insert(lane, four.extract(comptime!(part * lanes + lane)));
    }
    cut
}
