//! What differs between devices.

use burn::tensor::Device;

/// Whether a number that is read from this device has to be waited for: on a GPU, which is behind with its work,
/// and not where the processor computes.
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
