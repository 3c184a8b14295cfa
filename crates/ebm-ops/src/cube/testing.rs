//! Test helpers: a device, and transfers of words.

use std::panic::catch_unwind;

use burn::backend::{Cube, DispatchDevice};
use burn::tensor::{DType, Device, DeviceKind, Int, Tensor, TensorData};
use burn_cubecl::{CubeDevice, tensor::CubeTensor};

/// The device to test on, if there is one.
#[allow(clippy::print_stdout, reason = "a test says that it skips")]
pub(super) fn device() -> Option<Device> {
    let device = catch_unwind(|| {
        let device = Device::wgpu(DeviceKind::DefaultDevice);
        Tensor::<1>::ones([1], &device).into_data();
        device
    });
    if device.is_err() {
        println!("skipped: no adapter for wgpu; install a Vulkan driver, such as Mesa's llvmpipe");
    }
    device.ok()
}

pub(super) fn cube(device: &Device) -> CubeDevice {
    match device.as_dispatch() {
        DispatchDevice::Cube(cube) => cube.clone(),
        other => unreachable!("{other:?}"),
    }
}

/// `values` in a buffer on a device.
pub(super) fn sent(values: &[u32], device: &Device) -> CubeTensor {
    let data = TensorData::new(values.to_vec(), [values.len()]);
    Tensor::<1, Int>::from_data(data, (device, DType::U32)).try_into_primitive::<Cube>().unwrap()
}

pub(super) fn fetched(tensor: CubeTensor) -> Vec<u32> {
    Tensor::<1, Int>::from_primitive::<Cube>(tensor).into_data().try_to_vec().unwrap()
}

/// Distance in units in the last place between two floating-point numbers, given as bits.
pub(super) fn distance(a: u32, b: u32) -> u64 {
    let place = |bits: u32| {
        let magnitude = i64::from(bits & !(1 << 31));
        if bits >> 31 == 0 { magnitude } else { -magnitude }
    };
    place(a).abs_diff(place(b))
}
