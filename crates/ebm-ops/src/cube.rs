//! Noise made by kernels on a CubeCL device, so that it never crosses the bus.

pub(crate) mod langevin;
mod normal;
mod philox;

use burn::backend::{Cube, DispatchDevice};
use burn::tensor::{DType, Device, Shape, Tensor};
use burn_cubecl::cubecl::{self, calculate_cube_count_elemwise, prelude::*};
use burn_cubecl::{CubeDevice, tensor::CubeTensor};

/// Four of a kind, one for each word of a block.
type Four<T> = Vector<T, Const<4>>;

/// Elements that a kernel can count without overflow, whatever its threads are rounded up to.
const MOST: usize = i32::MAX as usize;

/// How the four words of a block become four numbers; [`crate::stream::Law`] on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Law {
    /// Every word as it is.
    Words,
    /// Uniform on `[0, 1)`, multiples of 2⁻²⁴.
    Uniforms,
    /// -1 or 1, by the highest bit.
    Signs,
    /// Standard normal.
    Normals,
}

/// One draw of a stream, as a kernel is told of it.
#[derive(CubeType, CubeLaunch)]
struct Draw {
    key_low: u32,
    key_high: u32,
    low: u32,
    high: u32,
    /// 0, which no compiler knows.
    zero: u32,
}

/// Draw number `draw` of the stream with this key, in single precision, made on `device`; `None` if that is no CubeCL
/// device, or nothing is to be drawn.
pub(crate) fn draw<const D: usize>(
    law: Law,
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
    let tensor = Tensor::from_primitive::<Cube>(fill(law, key, draw, shape.into(), cube, DType::F32));
    Some(match device.gradient_checkpointing_strategy() {
        Some(strategy) => tensor.autodiff().with_gradient_checkpointing_strategy(strategy),
        None => tensor,
    })
}

/// A draw of numbers of 32 bits, at least one.
fn fill(law: Law, key: [u32; 2], draw: u64, shape: Shape, device: CubeDevice, dtype: DType) -> CubeTensor {
    let n = shape.num_elements();
    let out = empty(shape, device, dtype);
    let (count, dim, vector) = grid(&out, n);
    let (draw, native) = (described(key, draw), fuses(&out.device));
    fill_kernel::launch(&out.client, count, dim, vector, out.clone().into_buffer_arg(), draw, law, native);
    out
}

fn empty(shape: Shape, device: CubeDevice, dtype: DType) -> CubeTensor {
    let client = device.client();
    let buffer = client.empty(shape.num_elements() * dtype.size());
    CubeTensor::new_contiguous(client, device, shape, buffer, dtype)
}

/// One thread a block, and how many elements it reads and writes at once.
fn grid(tensor: &CubeTensor, n: usize) -> (CubeCount, CubeDim, usize) {
    assert!(n <= MOST, "a draw on this device has at most {MOST} elements, found {n}");
    let blocks = n.div_ceil(4);
    let dim = CubeDim::new(&tensor.client, blocks);
    let count = calculate_cube_count_elemwise(&tensor.client, blocks, dim);
    (count, dim, if n.is_multiple_of(4) { 4 } else { 1 })
}

fn described([key_low, key_high]: [u32; 2], draw: u64) -> DrawLaunch {
    DrawLaunch::new(key_low, key_high, draw as u32, (draw >> 32) as u32, 0)
}

/// Whether a multiply-add of the device is rounded once, by its specification.
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
fn numbers(block: usize, draw: &Draw, #[comptime] law: Law, #[comptime] native: bool) -> Four<u32> {
    let words = philox::block(block as u32, 0u32, draw.low, draw.high, draw.key_low, draw.key_high);
    transformed(words, draw.zero, law, native)
}

#[cube]
fn transformed(words: Four<u32>, zero: u32, #[comptime] law: Law, #[comptime] native: bool) -> Four<u32> {
    let mut bits = words;
    match comptime!(law) {
        Law::Words => {}
        Law::Uniforms =>
        {
            #[unroll]
            for word in 0..4usize {
                bits.insert(word, u32::reinterpret(normal::uniform(words.extract(word))));
            }
        }
        Law::Signs =>
        {
            #[unroll]
            for word in 0..4usize {
                let sign = words.extract(word) & comptime!(1u32 << 31);
                bits.insert(word, sign | comptime!(1f32.to_bits()));
            }
        }
        Law::Normals =>
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

/// Every thread writes a block.
#[cube(launch)]
fn fill_kernel<N: Size>(
    out: &mut [Vector<u32, N>],
    draw: Draw,
    #[comptime] law: Law,
    #[comptime] native: bool,
) {
    let lanes = N::value().comptime();
    let parts = comptime!(4 / lanes);
    let block = ABSOLUTE_POS;
    if block <= out.len() / parts {
        let bits = numbers(block, &draw, law, native);
        #[unroll]
        for part in 0..parts {
            let i = block * parts + part;
            if i < out.len() {
                out[i] = cut::<N>(bits, part);
            }
        }
    }
}

/// The `part`th N of four.
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

#[cfg(all(test, feature = "wgpu"))]
mod tests {
    use std::panic::catch_unwind;

    use burn::tensor::{DeviceKind, Element, Int};

    use super::*;
    use crate::Noise;
    use crate::stream::{self, Normals, Signs, Uniforms, Words};

    /// The device that the tests run on, if there is one.
    #[allow(clippy::print_stdout, reason = "a test says that it skips")]
    pub(super) fn device() -> Option<Device> {
        let device = catch_unwind(|| {
            let device = Device::wgpu(DeviceKind::DefaultDevice);
            Tensor::<1>::ones([1], &device).into_data();
            device
        });
        if device.is_err() {
            println!("skipped: no adapter for wgpu; a Vulkan driver such as Mesa's llvmpipe is one");
        }
        device.ok()
    }

    pub(super) fn cube(device: &Device) -> CubeDevice {
        match device.as_dispatch() {
            DispatchDevice::Cube(cube) => cube.clone(),
            other => unreachable!("{other:?}"),
        }
    }

    /// The buffer of `values` on a device.
    pub(super) fn sent(values: &[u32], device: &Device) -> CubeTensor {
        let data = burn::tensor::TensorData::new(values.to_vec(), [values.len()]);
        Tensor::<1, Int>::from_data(data, (device, DType::U32)).try_into_primitive::<Cube>().unwrap()
    }

    pub(super) fn fetched(tensor: CubeTensor) -> Vec<u32> {
        Tensor::<1, Int>::from_primitive::<Cube>(tensor).into_data().try_to_vec().unwrap()
    }

    fn values<T: Element, const D: usize>(tensor: Tensor<D>) -> Vec<T> {
        tensor.into_data().try_to_vec().unwrap()
    }

    /// How many floating-point numbers lie between two, given as bits.
    pub(super) fn distance(a: u32, b: u32) -> u64 {
        let place = |bits: u32| {
            let magnitude = i64::from(bits & !(1 << 31));
            if bits >> 31 == 0 { magnitude } else { -magnitude }
        };
        place(a).abs_diff(place(b))
    }

    #[test]
    fn words_uniforms_and_signs_are_those_of_the_host_to_the_bit() {
        let Some(device) = device() else { return };
        let bits = |numbers: Vec<f32>| numbers.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        for (key, draw) in [([0, 0], 0), ([71, u32::MAX], 1), ([1 << 31, 73], 1 << 40), ([!0, !0], u64::MAX)]
        {
            for n in [1, 2, 3, 4, 5, 7, 8, 255, 1024, 1025, 100_003, 262_144] {
                let found = |law| fetched(fill(law, key, draw, Shape::new([n]), cube(&device), DType::U32));
                assert!(found(Law::Words) == stream::draw::<Words>(key, draw, n), "{n} words of draw {draw}");
                assert!(found(Law::Uniforms) == bits(stream::draw::<Uniforms>(key, draw, n)));
                assert!(found(Law::Signs) == bits(stream::draw::<Signs>(key, draw, n)));
            }
        }
    }

    #[test]
    fn a_million_normals_are_within_two_units_in_the_last_place_of_the_host() {
        let Some(device) = device() else { return };
        for (draw, n) in [(0, 1_000_003), (1 << 33, 1_000_000)] {
            let expected = stream::draw::<Normals>([79, 83], draw, n);
            let found =
                fetched(fill(Law::Normals, [79, 83], draw, Shape::new([n]), cube(&device), DType::U32));
            let worst = found.iter().zip(&expected).map(|(f, e)| distance(*f, e.to_bits())).max().unwrap();
            assert!(worst <= 2, "{worst} units");
        }
    }

    #[test]
    fn noise_is_made_on_the_device_and_is_that_of_any_other() {
        let Some(device) = device() else { return };
        let (mut here, mut there) = (Noise::seeded(5), Noise::seeded(5));
        for _ in 0..2 {
            let found = values::<f32, 2>(there.uniform([33, 5], &device));
            assert_eq!(found, here.uniforms(165));
            let found = values::<f32, 3>(there.normal([4, 3, 2], &device));
            for (found, expected) in found.iter().zip(here.normals(24)) {
                assert!(distance(found.to_bits(), expected.to_bits()) <= 2);
            }
            let x = Tensor::<2>::zeros([7, 9], &device).transpose();
            let found = values::<f32, 2>(there.rademacher_like(&x));
            assert_eq!(found, here.signs(63));
            assert_eq!(there.normal_like(&x).dims(), [9, 7]);
            here.normals(63);
            assert_eq!(there, here);
        }
        assert_eq!(there.normal([0, 3], &device).dims(), [0, 3]);
    }

    #[test]
    fn noise_on_a_differentiable_device_belongs_to_it() {
        let Some(device) = device() else { return };
        for device in [device.clone().autodiff(), device.autodiff().gradient_checkpointing()] {
            let x = Tensor::<1>::ones([6], &device).require_grad();
            let z = Noise::seeded(7).normal([6], &device);
            assert_eq!(z.gradient_checkpointing_strategy(), x.gradient_checkpointing_strategy());
            assert!(!Noise::seeded(7).normal_like(&x).is_autodiff());
            let gradients = (x.clone() * z.clone()).sum().backward();
            assert_eq!(values::<f32, 1>(x.grad(&gradients).unwrap()), values::<f32, 1>(z.inner()));
        }
    }

    #[test]
    #[should_panic(expected = "at most 2147483647 elements, found 2147483648")]
    fn a_draw_whose_elements_cannot_be_counted_is_refused() {
        let Some(device) = device() else { panic!("at most 2147483647 elements, found 2147483648") };
        grid(&sent(&[0], &device), 1 << 31);
    }
}
