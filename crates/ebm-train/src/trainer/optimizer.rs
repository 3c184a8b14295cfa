//! Adam over all parameters of a network, with clipping before it and averaging after it.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Shape, Tensor, TensorData};
use ebm_model::weights::{NamedTensors, ParameterPath};
use ebm_ops::OutOfRange;
use ebm_ops::adam::{AdamStep, Moments};
use ebm_ops::square_sum::add_square_sum;
use serde::{Deserialize, Serialize};

use crate::range::below_one;

/// The settings of Adam; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdamSettings {
    /// The decays of the first and the second moment per step, β₁ and β₂.
    pub decays: [f64; 2],
    /// Added to the square root of the second moment.
    pub epsilon: f64,
}

impl Default for AdamSettings {
    fn default() -> Self {
        Self { decays: [0.9, 0.999], epsilon: 1e-8 }
    }
}

impl AdamSettings {
    /// # Errors
    /// [`OutOfRange`] with the field.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        for decay in self.decays {
            below_one("decays", decay)?;
        }
        OutOfRange::positive("epsilon", self.epsilon).map(|_| ())
    }
}

/// The moments of Adam and the running average of every parameter, by the parameter's name.
#[derive(Clone, Debug, Default)]
pub struct Optimizer {
    moments: BTreeMap<String, Moments<1>>,
}

impl Optimizer {
    /// The moments of a network that has not been trained yet.
    pub fn new<M: Module>(model: &M) -> Self {
        let mut visitor = Begin { path: ParameterPath::default(), moments: BTreeMap::new() };
        model.visit(&mut visitor);
        Self { moments: visitor.moments }
    }

    /// The gradients of the parameters of `model` by name, flat, without parameters that the loss does not depend on.
    pub fn gradients<M: Module>(model: &M, gradients: Gradients) -> BTreeMap<String, Tensor<1>> {
        let mut take = Take { path: ParameterPath::default(), gradients, found: BTreeMap::new() };
        model.visit(&mut take);
        take.found
    }

    /// The sum of the squares of all gradients, `[1]`: not finite if an entry is not, or is too large to be squared.
    /// `None` if there is no gradient.
    pub fn square_norm(gradients: &BTreeMap<String, Tensor<1>>) -> Option<Tensor<1>> {
        let first = gradients.values().next()?;
        let zero = Tensor::zeros([1], (&first.device(), first.dtype()));
        Some(gradients.values().fold(zero, |sum, gradient| add_square_sum(sum, gradient.clone())))
    }

    /// The model after one step along `gradients`, whose norm over all parameters, the square root of `square_norm`, is
    /// first clipped to `clip_norm`.
    ///
    /// # Reference
    /// Pascanu, Mikolov and Bengio (2013), *On the difficulty of training recurrent neural networks*, §3.2,
    /// for the clipping.
    pub fn step<M: Module>(
        &mut self,
        model: M,
        gradients: BTreeMap<String, Tensor<1>>,
        square_norm: Tensor<1>,
        clip_norm: f64,
        step: AdamStep,
    ) -> M {
        // The factor stays on the device: reading it would stall a GPU once a step.
        let factor = ((square_norm.sqrt() + 1e-6).recip() * clip_norm).clamp_max(1.0);
        let (path, moments) = (ParameterPath::default(), &mut self.moments);
        model.map(&mut Update { path, moments, gradients, factor, step })
    }

    /// The running average of every parameter, by name, in the shapes of `model`.
    pub fn averages<M: Module>(&self, model: &M) -> NamedTensors {
        self.named(model, "", |moments| &moments.average)
    }

    /// All moments and averages, by names that begin with `first.`, `second.` and `average.`.
    pub fn to_tensors<M: Module>(&self, model: &M) -> NamedTensors {
        let mut tensors = self.named(model, "first.", |moments| &moments.first);
        tensors.extend(self.named(model, "second.", |moments| &moments.second));
        tensors.extend(self.named(model, "average.", |moments| &moments.average));
        tensors
    }

    /// The inverse of [`to_tensors`](Self::to_tensors), for `model`.
    ///
    /// # Errors
    /// A message that lists what is missing, unknown, or of another shape.
    pub fn from_tensors<M: Module>(model: &M, mut tensors: NamedTensors) -> Result<Self, String> {
        let mut optimizer = Self::new(model);
        let mut wrong = Vec::new();
        for (name, moments) in &mut optimizer.moments {
            let parts = [
                ("first", &mut moments.first),
                ("second", &mut moments.second),
                ("average", &mut moments.average),
            ];
            for (part, tensor) in parts {
                let name = format!("{part}.{name}");
                match tensors.remove(&name) {
                    None => wrong.push(format!("{name} is missing")),
                    Some(data) if data.num_elements() != tensor.dims()[0] => {
                        let (found, expected) = (data.num_elements(), tensor.dims()[0]);
                        wrong.push(format!("{name} has {found} numbers, expected {expected}"));
                    }
                    Some(data) => {
                        let flat = reshaped(data, tensor.shape());
                        *tensor = Tensor::from_data(flat, (&tensor.device(), tensor.dtype()));
                    }
                }
            }
        }
        wrong.extend(tensors.into_keys().map(|name| format!("{name} is unknown")));
        if wrong.is_empty() { Ok(optimizer) } else { Err(wrong.join("; ")) }
    }

    /// The name of every trained parameter and how many numbers it has.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = (&str, usize)> {
        self.moments.iter().map(|(name, moments)| (name.as_str(), moments.average.dims()[0]))
    }

    fn named<M: Module>(
        &self,
        model: &M,
        prefix: &str,
        part: impl Fn(&Moments<1>) -> &Tensor<1>,
    ) -> NamedTensors {
        let shapes = ebm_model::weights::shapes(model);
        let trained = self.moments.iter().map(|(name, moments)| {
            let data = part(moments).clone().into_data();
            let shape = shapes.get(name).map_or_else(|| data.shape().clone(), |shape| shape.clone().into());
            (format!("{prefix}{name}"), reshaped(data, shape))
        });
        trained.collect()
    }
}

fn reshaped(data: TensorData, shape: Shape) -> TensorData {
    let (bytes, _, dtype) = data.into_parts();
    TensorData::from_bytes(bytes, shape, dtype)
}

struct Begin {
    path: ParameterPath,
    moments: BTreeMap<String, Moments<1>>,
}

impl ModuleVisitor for Begin {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if value.is_require_grad() {
            let n = value.shape().num_elements();
            self.moments.insert(self.path.name(), Moments::new(&value.inner().reshape([n])));
        }
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
}

struct Take {
    path: ParameterPath,
    gradients: Gradients,
    found: BTreeMap<String, Tensor<1>>,
}

impl ModuleVisitor for Take {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad_remove(&mut self.gradients) {
            let n = gradient.shape().num_elements();
            self.found.insert(self.path.name(), gradient.reshape([n]));
        }
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
}

struct Update<'a> {
    path: ParameterPath,
    moments: &'a mut BTreeMap<String, Moments<1>>,
    gradients: BTreeMap<String, Tensor<1>>,
    factor: Tensor<1>,
    step: AdamStep,
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        // A parameter that the loss does not depend on keeps its moments: a checkpoint has those of each.
        let Some(gradient) = self.gradients.remove(&name) else { return param };
        let Some(moments) = self.moments.remove(&name) else { return param };
        let (id, value, mapper) = param.consume();
        let (shape, n) = (value.dims(), value.shape().num_elements());
        let (value, moments) =
            self.step.apply_scaled(value.inner().reshape([n]), gradient, self.factor.clone(), moments);
        self.moments.insert(name, moments);
        let value = Tensor::from_inner(value.reshape(shape)).require_grad();
        Param::from_mapped_value(id, value, mapper)
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
}
