//! What the tests of this crate share: numbers on the host, and models made to be asked.

use std::cell::Cell;

use burn::tensor::{Bool, DType, Device, Tensor, TensorData};
use ebm_model::{Energy, Potential, Score};

use crate::{Level, SampleError};

/// Rows in double precision.
pub(crate) fn doubles<const D: usize>(rows: &[[f64; D]]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(rows.concat(), [rows.len(), D]), (&Device::flex(), DType::F64))
}

pub(crate) fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.cast(DType::F64).into_data().try_to_vec().unwrap()
}

pub(crate) fn flags(mask: Tensor<1, Bool>) -> Vec<bool> {
    mask.into_data().try_to_vec().unwrap()
}

/// One coordinate of every row.
pub(crate) fn column(x: Tensor<2>, index: usize) -> Vec<f64> {
    numbers(x.narrow(1, index, 1))
}

pub(crate) fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

pub(crate) fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance * (1.0 + e.abs()), "{found:?} against {expected:?}");
    }
}

/// Mean and variance of `level` are those given, within five standard errors.
pub(crate) fn assert_level(level: Level, mean: f64, variance: f64) {
    let x = column(level.position, 0);
    let (n, sigma) = (x.len() as f64, level.sigma);
    let (found_mean, found) = mean_and_variance(&x);
    assert!((found_mean - mean).abs() < 5.0 * (variance / n).sqrt(), "σ = {sigma}: {found_mean}, {mean}");
    let error = variance * (2.0 / n).sqrt();
    assert!((found - variance).abs() < 5.0 * error, "σ = {sigma}: {found} against {variance}");
}

/// N(0, I) within a radius; beyond it energy and score are the given numbers.
pub(crate) struct Fenced {
    pub(crate) radius: f64,
    pub(crate) energy: f64,
    pub(crate) score: f64,
}

impl Fenced {
    fn beyond(&self, x: Tensor<2>) -> Tensor<2, Bool> {
        x.square().sum_dim(1).greater_elem(self.radius * self.radius)
    }
}

impl Energy for Fenced {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let beyond = self.beyond(x.clone()).squeeze_dim::<1>(1);
        (x.square().sum_dim(1).squeeze_dim::<1>(1) * 0.5).mask_fill(beyond, self.energy)
    }
}

impl Score for Fenced {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let beyond = self.beyond(x.clone()).expand(x.dims());
        (-x).mask_fill(beyond, self.score)
    }
}

impl Potential for Fenced {}

/// What `warm_up` makes of 20 chains in two dimensions on a model that is finite within a radius only; a start that
/// is not finite must be an error.
pub(crate) fn warmed_up_where_finite<T>(warm_up: impl Fn(&Fenced, Tensor<2>) -> Result<T, SampleError>) -> T {
    let model = Fenced { radius: 1.5, energy: f64::NAN, score: f64::NAN };
    let start = |at: f64| Tensor::full([20, 2], at, &Device::flex());
    let Err(error) = warm_up(&model, start(f64::NAN)) else { panic!("starts are not finite") };
    assert_eq!(error.to_string(), "variance 0: expected a positive, finite number, found NaN");
    warm_up(&model, start(0.1)).unwrap()
}

/// A model that counts how often it was asked for its energy and for its score.
pub(crate) struct Counting<M>(pub(crate) M, pub(crate) Cell<[usize; 2]>);

impl<M> Counting<M> {
    fn count(&self, energy: usize, score: usize) {
        let [energies, scores] = self.1.get();
        self.1.set([energies + energy, scores + score]);
    }
}

impl<M: Energy> Energy for Counting<M> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.count(1, 0);
        self.0.energy(x)
    }
}

impl<M: Score> Score for Counting<M> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.count(0, 1);
        self.0.score(x)
    }
}

impl<M: Potential> Potential for Counting<M> {}
