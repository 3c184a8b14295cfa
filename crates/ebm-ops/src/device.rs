//! Properties of devices.

use burn::tensor::Device;

/// Whether reading a value from this device waits for queued work: true on a GPU, which computes asynchronously,
/// false on the CPU.
pub fn reading_waits(device: &Device) -> bool {
    is_cube(device)
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn is_cube(device: &Device) -> bool {
    matches!(device.clone().inner().as_dispatch(), burn::backend::DispatchDevice::Cube(_))
}

#[cfg(not(any(feature = "wgpu", feature = "cuda")))]
fn is_cube(_: &Device) -> bool {
    false
}
