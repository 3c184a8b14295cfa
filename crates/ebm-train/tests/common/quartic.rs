//! A parametric energy in double precision whose derivatives are known in closed form.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};
use ebm_model::{Along, Directional, Energy, NoisyScore, Potential, Score};
use ebm_ops::Noise;
use ebm_train::{Objective, Optimizer, Outcome};

/// E(x) = ½ uᵀAu + q/4 Σ uᵢ⁴ + c,  u = x − m: with q = 0 a Gaussian of precision (A + Aᵀ)/2.
///
/// As a [`NoisyScore`] it is s(x)/(1 + σ²), which is the score of no distribution; it serves to test derivatives.
#[derive(Module, Debug)]
pub struct Quartic {
    constant: Param<Tensor<1>>,
    mean: Param<Tensor<1>>,
    precision: Param<Tensor<2>>,
    quartic: Param<Tensor<1>>,
}

/// The parameters in the order of their names: c, m, A by rows, q.
#[derive(Clone, Debug)]
pub struct Parameters(pub Vec<f64>);

impl Parameters {
    pub fn gaussian(mean: &[f64], precision: &[f64]) -> Self {
        Self([&[0.0], mean, precision, &[0.0]].concat())
    }

    /// Parameter `i` moved by `step`.
    pub fn moved(&self, i: usize, step: f64) -> Self {
        let mut moved = self.clone();
        moved.0[i] += step;
        moved
    }

    /// The model with these, tracked by autodiff.
    pub fn model(&self) -> Quartic {
        let dim = (1..).find(|dim| dim * dim + dim + 2 >= self.0.len()).unwrap();
        assert_eq!(self.0.len(), dim * dim + dim + 2);
        let take = |from: usize, n: usize| vector(&self.0[from..from + n]);
        let precision = take(1 + dim, dim * dim).reshape([dim, dim]);
        let quartic = Quartic {
            constant: Param::from_tensor(take(0, 1)),
            mean: Param::from_tensor(take(1, dim)),
            precision: Param::from_tensor(precision),
            quartic: Param::from_tensor(take(1 + dim + dim * dim, 1)),
        };
        quartic.train()
    }
}

pub fn vector(values: &[f64]) -> Tensor<1> {
    let data = TensorData::new(values.to_vec(), [values.len()]);
    Tensor::from_data(data, (&Device::flex(), DType::F64))
}

/// Rows in double precision.
pub fn rows(values: &[f64], dim: usize) -> Tensor<2> {
    vector(values).reshape([values.len() / dim, dim])
}

/// Standard normals in double precision, `[n, dim]`.
pub fn normals(n: usize, dim: usize, seed: u64) -> Tensor<2> {
    Noise::seeded(seed).normal_like(&Tensor::<2>::zeros([n, dim], (&Device::flex(), DType::F64)))
}

pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// What a first step of `objective` computes.
pub fn first_outcome<M>(
    objective: &impl Objective<M>,
    model: &M,
    data: &Tensor<2>,
    noise: &mut Noise,
) -> Outcome {
    let memory = objective.start(model, data, noise);
    objective.loss(model, &data.clone().into(), memory, noise)
}

/// The loss and its gradient in all parameters by autodiff; zero in parameters that it does not depend on.
pub fn loss_and_gradient(
    objective: &impl Objective<Quartic>,
    parameters: &Parameters,
    data: &Tensor<2>,
    seed: u64,
) -> (f64, Vec<f64>) {
    let model = parameters.model();
    let loss = first_outcome(objective, &model, data, &mut Noise::seeded(seed)).loss;
    let value = loss.clone().into_scalar::<f64>();
    let found = Optimizer::gradients(&model, loss.backward());
    let shapes = ebm_model::weights::shapes(&model);
    let sizes: BTreeMap<_, usize> =
        shapes.into_iter().map(|(name, shape)| (name, shape.iter().product())).collect();
    let gradient = sizes.iter().flat_map(|(name, &size)| match found.get(name) {
        Some(gradient) => numbers(gradient.clone()),
        None => vec![0.0; size],
    });
    (value, gradient.collect())
}

/// The loss alone.
pub fn loss(
    objective: &impl Objective<Quartic>,
    parameters: &Parameters,
    data: &Tensor<2>,
    seed: u64,
) -> f64 {
    first_outcome(objective, &parameters.model(), data, &mut Noise::seeded(seed)).loss.into_scalar::<f64>()
}

impl Quartic {
    fn centred(&self, x: Tensor<2>) -> Tensor<2> {
        x - self.mean.val().unsqueeze::<2>()
    }

    /// (A + Aᵀ)/2.
    fn symmetric(&self) -> Tensor<2> {
        (self.precision.val() + self.precision.val().transpose()) * 0.5
    }

    fn q(&self) -> Tensor<2> {
        self.quartic.val().unsqueeze::<2>()
    }
}

fn row_sums(x: Tensor<2>) -> Tensor<1> {
    x.sum_dim(1).squeeze_dim::<1>(1)
}

impl Energy for Quartic {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let u = self.centred(x);
        let square = u.clone().matmul(self.precision.val().transpose()) * u.clone();
        row_sums(square * 0.5 + u.powi_scalar(4) * self.q() * 0.25) + self.constant.val()
    }
}

impl Score for Quartic {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let u = self.centred(x);
        -(u.clone().matmul(self.symmetric()) + u.powi_scalar(3) * self.q())
    }
}

impl Potential for Quartic {}

impl Directional for Quartic {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let slope = row_sums(-self.score(x.clone()) * v.clone());
        let curvature =
            v.clone().matmul(self.symmetric()) + self.centred(x).square() * self.q() * 3.0 * v.clone();
        Along { slope, curvature: row_sums(curvature * v) }
    }
}

impl NoisyScore for Quartic {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.score(x) / (sigma.square().unsqueeze_dim::<2>(1) + 1.0)
    }
}
