//! The operations that are compared, as their descriptions in JSON say.

use std::cell::Cell;

use anyhow::Result;
use burn::backend::Dispatch;
use burn::tensor::{Device, Tensor, TensorData};
use ebm_ops::Noise;
use ebm_ops::activation::{Activation, ActivationFunctionOps};
use ebm_ops::adam::{AdamStep, Moments};
use ebm_ops::conv::{ConvOps, Geometry};
use ebm_ops::group_norm::{GroupNormOps, group_norm_silu};
use ebm_ops::langevin::langevin_step;
use serde::Deserialize;

use crate::mlp;

const GROUPS: usize = 8;
const EPSILON: f64 = 1e-5;
const STEP_SIZE: f64 = 1e-3;

/// Which way through an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pass {
    /// The result.
    Forward,
    /// The gradients of all arguments.
    Backward,
    /// The gradient of the image.
    Input,
    /// The gradient of the weight.
    Weight,
}

/// One operation.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Operation {
    /// A convolution with bias, or its transpose.
    Convolution {
        pass: Pass,
        batch: usize,
        channels: [usize; 2],
        side: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        transposed: bool,
    },
    /// Group normalisation and SiLU, modulated between the two or not.
    Normalisation { pass: Pass, shape: [usize; 4], film: bool },
    /// SiLU.
    Silu { pass: Pass, shape: [usize; 4] },
    /// ln(1 + exp(x)).
    Softplus { pass: Pass, shape: [usize; 4] },
    /// Standard normals.
    Noise { shape: [usize; 4] },
    /// A step of Langevin dynamics, in place.
    Langevin { shape: [usize; 4] },
    /// A step of Adam on one tensor, with the running average.
    Adam { parameters: usize },
    /// A training step of a small network by denoising.
    Mlp { hidden: usize, batch: usize },
}

/// A call that can be repeated.
pub type Call = Box<dyn FnMut()>;

impl Operation {
    /// Everything but the call itself.
    ///
    /// # Errors
    /// If a network cannot be trained.
    pub fn prepare(&self) -> Result<Call> {
        Ok(match *self {
            Self::Convolution { pass, batch, channels, side, kernel, stride, padding, transposed } => {
                let geometry = Geometry { stride, padding };
                convolution(pass, batch, channels, side, kernel, geometry, transposed)
            }
            Self::Normalisation { pass, shape, film } => normalisation(pass, shape, film),
            Self::Silu { pass, shape } => activation(pass, shape, Activation::Silu),
            Self::Softplus { pass, shape } => activation(pass, shape, Activation::Softplus),
            Self::Noise { shape } => {
                let (mut noise, device) = (Noise::seeded(2), Device::flex());
                Box::new(move || drop(noise.normal(shape, &device)))
            }
            Self::Langevin { shape } => {
                let (score, mut noise) = (normal("score", shape), Noise::seeded(2));
                let position = Cell::new(Some(normal("x", shape)));
                Box::new(move || {
                    let x = position.take().expect("every call puts it back");
                    position.set(Some(langevin_step(x, score.clone(), STEP_SIZE, &mut noise)));
                })
            }
            Self::Adam { parameters } => adam(parameters),
            Self::Mlp { hidden, batch } => mlp::training_step(hidden, batch)?,
        })
    }
}

fn normal<const D: usize>(label: &str, shape: [usize; D]) -> Tensor<D> {
    let values = Noise::seeded(1).derive(label).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn convolution(
    pass: Pass,
    batch: usize,
    [inputs, outputs]: [usize; 2],
    side: usize,
    kernel: usize,
    geometry: Geometry,
    transposed: bool,
) -> Call {
    let Geometry { stride, padding } = geometry;
    let result = match transposed {
        true => (side - 1) * stride + kernel - 2 * padding,
        false => (side + 2 * padding - kernel) / stride + 1,
    };
    let first = if transposed { [inputs, outputs] } else { [outputs, inputs] };
    let x = normal("x", [batch, inputs, side, side]).into_dispatch();
    let dy = normal("dy", [batch, outputs, result, result]).into_dispatch();
    let weight = normal("weight", [first[0], first[1], kernel, kernel]).into_dispatch();
    let bias = normal("bias", [outputs]).into_dispatch();
    let (x, dy) = (move || x.clone(), move || dy.clone());
    let (weight, bias) = (move || weight.clone(), move || bias.clone());
    match (pass, transposed) {
        (Pass::Forward | Pass::Backward, false) => {
            Box::new(move || drop(Dispatch::convolve_with_bias(x(), weight(), bias(), geometry)))
        }
        (Pass::Forward | Pass::Backward, true) => Box::new(move || {
            drop(Dispatch::conv_transpose_with_bias(x(), weight(), bias(), geometry, [result; 2]));
        }),
        (Pass::Input, false) => {
            Box::new(move || drop(Dispatch::conv_transpose(dy(), weight(), geometry, [side; 2])))
        }
        (Pass::Input, true) => Box::new(move || drop(Dispatch::convolve(dy(), weight(), geometry))),
        (Pass::Weight, false) => {
            Box::new(move || drop(Dispatch::convolve_weight_grad(x(), weight(), dy(), geometry)))
        }
        (Pass::Weight, true) => {
            Box::new(move || drop(Dispatch::convolve_weight_grad(dy(), weight(), x(), geometry)))
        }
    }
}

fn normalisation(pass: Pass, shape: [usize; 4], film: bool) -> Call {
    let [batch, channels, ..] = shape;
    let (x, grad) = (normal("x", shape), normal("grad", shape));
    let (gamma, beta) = (normal("gamma", [channels]), normal("beta", [channels]));
    let (scale, shift) = (normal("scale", [batch, channels]), normal("shift", [batch, channels]));
    if pass == Pass::Forward {
        return Box::new(move || {
            let film = film.then(|| (scale.clone(), shift.clone()));
            drop(group_norm_silu(x.clone(), gamma.clone(), beta.clone(), film, GROUPS, EPSILON));
        });
    }
    let rows = if film { batch } else { 1 };
    let x = x.into_dispatch();
    let grad = grad.into_dispatch();
    let gain = normal("gain", [rows, channels]).into_dispatch();
    let bias = normal("bias", [rows, channels]).into_dispatch();
    let (_, statistics) = Dispatch::group_norm_silu(x.clone(), gain.clone(), bias.clone(), GROUPS, EPSILON);
    Box::new(move || {
        drop(Dispatch::group_norm_silu_backward(
            x.clone(),
            gain.clone(),
            bias.clone(),
            statistics.clone(),
            grad.clone(),
            true,
        ));
    })
}

fn activation(pass: Pass, shape: [usize; 4], function: Activation) -> Call {
    let (x, grad) = (normal("x", shape).into_dispatch(), normal("grad", shape).into_dispatch());
    match pass {
        Pass::Forward => Box::new(move || drop(Dispatch::activation(x.clone(), function, 0))),
        _ => Box::new(move || drop(Dispatch::activation_backward(x.clone(), grad.clone(), function, 1))),
    }
}

fn adam(parameters: usize) -> Call {
    let (theta, gradient) = (normal("theta", [parameters]), normal("gradient", [parameters]));
    let state = Cell::new(Some((theta.clone(), Moments::new(&theta))));
    let mut step = AdamStep {
        step: 0,
        learning_rate: 1e-3,
        decays: [0.9, 0.999],
        epsilon: 1e-8,
        gradient_scale: 1.0,
        average_decay: 0.99,
    };
    Box::new(move || {
        step.step += 1;
        let (theta, moments) = state.take().expect("every call puts it back");
        state.set(Some(step.apply(theta, gradient.clone(), moments)));
    })
}
