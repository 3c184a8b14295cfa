//! First weights, drawn by name.

use burn::module::Param;
use burn::tensor::{Device, Tensor};
use ebm_ops::Noise;

/// Draws the first weights of a network on a plain device.
///
/// Each weight has a stream of its own, named by its place in the network, so that a layer added somewhere
/// changes no other layer's weights. Burn's own initialisers draw from a global generator when a weight is
/// first used; these do not.
#[derive(Debug)]
pub struct Init<'a> {
    noise: Noise,
    device: &'a Device,
}

impl<'a> Init<'a> {
    /// Weights drawn from `noise`, on `device`.
    pub fn new(noise: Noise, device: &'a Device) -> Self {
        Self { noise, device }
    }

    /// The drawing of a part of the network.
    pub fn part(&self, name: &str) -> Self {
        Self { noise: self.noise.derive(name), device: self.device }
    }

    /// The drawing of part number `index`.
    pub fn nth(&self, index: usize) -> Self {
        Self { noise: self.noise.child(index as u64), device: self.device }
    }

    /// Uniform on ±1/√`fan_in`, the law that PyTorch gives the weights and biases of linear and
    /// convolution layers.
    pub fn uniform<const D: usize>(&self, name: &str, shape: [usize; D], fan_in: usize) -> Param<Tensor<D>> {
        let bound = 1.0 / (fan_in as f64).sqrt();
        let unit = self.noise.derive(name).uniform(shape, self.device);
        Param::from_tensor(unit * (2.0 * bound) - bound)
    }

    /// Zeros.
    pub fn zeros<const D: usize>(&self, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::zeros(shape, self.device))
    }

    /// Ones.
    pub fn ones<const D: usize>(&self, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::ones(shape, self.device))
    }

    /// Numbers that are part of the network and are never trained.
    pub fn fixed(&self, values: &[f32]) -> Param<Tensor<1>> {
        Param::from_tensor(Tensor::from_data(values, self.device)).set_require_grad(false)
    }
}
