//! Gradients of losses in the parameters.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Gradients, Tensor};
use ebm_ops::Noise;

use crate::testing::numbers::{TOLERANCE, fine_slope, points};
use crate::weights::ParameterPath;
use crate::{Directional, Potential, Score};

/// The means over rows of ½‖s‖², of the curvature, and of ½ slope²: the terms of score matching.
pub fn losses<M: Score + Directional>(model: &M, x: Tensor<2>, v: Tensor<2>) -> Vec<Tensor<1>> {
    let along = model.along(x.clone(), v);
    let square = model.score(x).square().sum_dim(1).mean();
    vec![square * 0.5, along.curvature.mean(), along.slope.square().mean() * 0.5]
}

/// The [`losses`], and the mean energy.
pub fn losses_and_energy<M: Potential + Directional>(
    model: &M,
    x: Tensor<2>,
    v: Tensor<2>,
) -> Vec<Tensor<1>> {
    let mut losses = losses(model, x.clone(), v);
    losses.push(model.energy(x).mean());
    losses
}

/// Checks the gradient of each of the `losses` in every trained parameter, along a random direction in each, against
/// differences; `model` is in double precision and not tracked by autodiff.
///
/// # Panics
/// If a gradient is wrong, or a loss depends on no parameter.
pub fn assert_trainable<M: Module>(
    model: &M,
    dim: usize,
    seed: u64,
    losses: impl Fn(&M, Tensor<2>, Tensor<2>) -> Vec<Tensor<1>>,
) {
    let (x, v) = (points(5, dim, 100 * seed + 7), points(5, dim, 100 * seed + 8));
    let tracked = model.clone().train();
    for k in 0..losses(model, x.clone(), v.clone()).len() {
        // a pass for each: going back consumes what the losses share
        let loss = losses(&tracked, x.clone(), v.clone()).swap_remove(k);
        assert!(loss.is_tracked(), "loss {k} depends on no parameter");
        let mut slopes = Slopes { path: ParameterPath::default(), gradients: loss.backward(), found: vec![] };
        tracked.visit(&mut slopes);
        let largest = slopes.found.iter().fold(0.0, |largest: f64, (_, slope)| largest.max(slope.abs()));
        assert!(1e-3 < largest, "loss {k} hardly depends on its parameters: {:?}", slopes.found);
        for (name, found) in slopes.found {
            let moved = |t: f64| {
                let mut step = Step { path: ParameterPath::default(), name: name.clone(), length: t };
                losses(&model.clone().map(&mut step), x.clone(), v.clone())
                    .swap_remove(k)
                    .into_scalar::<f64>()
            };
            let expected = fine_slope(moved);
            let error = (found - expected).abs();
            assert!(
                error <= TOLERANCE * expected.abs().max(1e-3 * largest),
                "loss {k} in {name}: {found} against {expected}"
            );
        }
    }
}

/// The direction in which the parameter of this name is moved.
fn direction<const D: usize>(name: &str, weight: &Tensor<D>) -> Tensor<D> {
    Noise::seeded(3).derive(name).normal(weight.dims(), &Device::flex()).cast(DType::F64)
}

/// The slope of a loss along each parameter's direction.
struct Slopes {
    path: ParameterPath,
    gradients: Gradients,
    found: Vec<(String, f64)>,
}

impl ModuleVisitor for Slopes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, weight) = (self.path.name(), param.val());
        if weight.is_require_grad() {
            let along =
                |gradient: Tensor<D>| (gradient * direction(&name, &weight)).sum().into_scalar::<f64>();
            let slope = weight.grad(&self.gradients).map_or(0.0, along);
            self.found.push((name, slope));
        }
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
}

/// Moves one parameter along its direction.
struct Step {
    path: ParameterPath,
    name: String,
    length: f64,
}

impl ModuleMapper for Step {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.path.name() != self.name {
            return param;
        }
        param.map(|weight| weight.clone() + direction(&self.name, &weight) * self.length)
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
}
