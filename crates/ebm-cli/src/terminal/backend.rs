//! A backend's name made into a device.

use anyhow::{Result, bail};
use burn::tensor::Device;
use clap::ValueEnum;

use crate::terminal::usage::usage;

/// Where tensors live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// Pure Rust on the CPU, with this workspace's own kernels.
    Flex,
    /// Rust on the CPU by ndarray; for comparison.
    Ndarray,
    /// Any GPU through WebGPU.
    Wgpu,
    /// NVIDIA's GPUs.
    Cuda,
}

impl Backend {
    /// The backend that a build was made for: the accelerator that was compiled in, or else `flex`.
    pub fn default_of_build() -> Self {
        if cfg!(feature = "cuda") {
            Self::Cuda
        } else if cfg!(feature = "wgpu") {
            Self::Wgpu
        } else if cfg!(feature = "flex") {
            Self::Flex
        } else {
            Self::Ndarray
        }
    }

    /// The backend that needs no accelerator, if there is one in this build.
    pub fn host() -> Self {
        if cfg!(feature = "flex") { Self::Flex } else { Self::default_of_build() }
    }

    /// The first device of this backend; of CUDA's, each of several processes on a host has its own.
    ///
    /// # Errors
    /// A wrong use of the command line if the backend was not compiled in; a failure if the machine has no
    /// such device.
    pub fn device(self) -> Result<Device> {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "ndarray")]
            #[allow(deprecated, reason = "Burn keeps it, and it is a second opinion on every number")]
            Self::Ndarray => Ok(Device::ndarray()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => answering(self, || Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "cuda")]
            Self::Cuda => answering(self, || Device::cuda(super::ranks::local())),
            #[allow(unreachable_patterns, reason = "which arms there are is up to the features")]
            missing => {
                let name = missing.name();
                let error = anyhow::anyhow!(
                    "backend {name} is not compiled in; from the sources, any verb of cargo xtask with --backend {name} \
                     builds it in"
                );
                bail!(usage(error))
            }
        }
    }

    /// The flag that names it in a command that is suggested; nothing for that of the build.
    pub fn flag(self) -> String {
        if self == Self::default_of_build() { String::new() } else { format!(" --backend {}", self.name()) }
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }
}

/// The device, if it answers: Burn panics where a driver or a card is missing.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn answering(backend: Backend, device: impl FnOnce() -> Device + std::panic::UnwindSafe) -> Result<Device> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let answer = std::panic::catch_unwind(|| {
        let device = device();
        burn::tensor::Tensor::<1>::zeros([1], &device).into_data();
        device
    });
    std::panic::set_hook(hook);
    let device = answer.map_err(|_| {
        anyhow::anyhow!(
            "backend {}: no device or driver answers; --backend flex runs on the CPU",
            backend.name()
        )
    })?;
    if let Some(driver) = software_driver(&device) {
        SOFTWARE.call_once(|| super::say(&slow(backend, &driver)));
    }
    Ok(device)
}

/// Whether it has been said that a graphics card is imitated.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
static SOFTWARE: std::sync::Once = std::sync::Once::new();

/// The name of the driver that imitates a graphics card on the CPU, where the device is one.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn software_driver(device: &Device) -> Option<String> {
    let identity = device.identity()?;
    identity.physical.is_none().then_some(identity.name)
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn slow(backend: Backend, driver: &str) -> String {
    let faster = if cfg!(feature = "flex") { "; --backend flex is many times faster" } else { "" };
    format!(
        "warning: backend {} found no graphics card and runs on the CPU by {driver}{faster}",
        backend.name()
    )
}
