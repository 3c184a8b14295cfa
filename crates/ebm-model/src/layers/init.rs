//! First weights, drawn by name.

use burn::module::{Param, ParamId};
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
    /// Whether weights have a shape and no memory.
    is_plan: bool,
}

impl<'a> Init<'a> {
    /// Weights drawn from `noise`, on `device`.
    pub fn new(noise: Noise, device: &'a Device) -> Self {
        Self { noise, device, is_plan: false }
    }

    /// Weights of which only the shapes are to be asked: they take no memory, however large.
    pub(crate) fn plan(device: &'a Device) -> Self {
        Self { noise: Noise::seeded(0), device, is_plan: true }
    }

    /// Where the weights are.
    pub(crate) fn device(&self) -> &'a Device {
        self.device
    }

    /// The drawing of a part of the network.
    pub fn part(&self, name: &str) -> Self {
        Self { noise: self.noise.derive(name), ..*self }
    }

    /// The drawing of part number `index`.
    pub fn nth(&self, index: usize) -> Self {
        Self { noise: self.noise.child(index as u64), ..*self }
    }

    /// Uniform on ±1/√`fan_in`, the law that PyTorch gives the weights and biases of linear and
    /// convolution layers.
    pub fn uniform<const D: usize>(&self, name: &str, shape: [usize; D], fan_in: usize) -> Param<Tensor<D>> {
        self.uniform_within(name, shape, 1.0 / (fan_in as f64).sqrt())
    }

    /// Uniform on ±√(6/`fans`)·`gain`, where `fans` is the sum of the numbers of inputs and outputs of a unit.
    ///
    /// # Reference
    /// Glorot and Bengio (2010), *Understanding the difficulty of training deep feedforward neural networks*, eq. 16.
    pub fn glorot<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        fans: usize,
        gain: f64,
    ) -> Param<Tensor<D>> {
        self.uniform_within(name, shape, (6.0 / fans as f64).sqrt() * gain)
    }

    fn uniform_within<const D: usize>(&self, name: &str, shape: [usize; D], bound: f64) -> Param<Tensor<D>> {
        self.parameter(shape, || {
            let unit = self.noise.derive(name).uniform(shape, self.device);
            unit * (2.0 * bound) - bound
        })
    }

    /// Normal with this mean and standard deviation.
    pub fn normal<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        mean: f64,
        deviation: f64,
    ) -> Param<Tensor<D>> {
        self.parameter(shape, || self.noise.derive(name).normal(shape, self.device) * deviation + mean)
    }

    /// Zeros.
    pub fn zeros<const D: usize>(&self, shape: [usize; D]) -> Param<Tensor<D>> {
        self.parameter(shape, || Tensor::zeros(shape, self.device))
    }

    /// Ones.
    pub fn ones<const D: usize>(&self, shape: [usize; D]) -> Param<Tensor<D>> {
        self.parameter(shape, || Tensor::ones(shape, self.device))
    }

    fn parameter<const D: usize>(
        &self,
        shape: [usize; D],
        value: impl FnOnce() -> Tensor<D>,
    ) -> Param<Tensor<D>> {
        if !self.is_plan {
            return Param::from_tensor(value());
        }
        let none = |_: &Device, _| unreachable!("the weights of a plan are not to be used");
        Param::uninitialized(ParamId::new(), none, self.device.clone(), true, shape.into())
    }

    /// Normal numbers of this standard deviation, which are part of the network and are never trained.
    pub fn fixed_normal<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        deviation: f64,
    ) -> Param<Tensor<D>> {
        let normal = || self.noise.derive(name).normal(shape, self.device) * deviation;
        self.parameter(shape, normal).set_require_grad(false)
    }

    /// `n` standard normals, for numbers that are drawn once and never trained.
    pub(crate) fn normals(&self, name: &str, n: usize) -> Vec<f32> {
        self.noise.derive(name).normals(n)
    }

    /// Numbers that are part of the network and are never trained.
    pub fn fixed(&self, values: &[f32]) -> Param<Tensor<1>> {
        Param::from_tensor(Tensor::from_data(values, self.device)).set_require_grad(false)
    }
}
