//! A function of plain numbers as a model on tensors.

use burn::tensor::{Tensor, TensorData};
use ebm_model::{Energy, Potential, Score};
use rayon::prelude::*;

/// A log density of plain numbers as a [`Potential`] on batches, `[batch, dim]`: E = −log p, s = ∇ log p.
///
/// `log_density(x, gradient)` gives log p(x) up to a constant and writes its gradient, as for
/// [`SliceChains`](super::SliceChains).
/// Rows are read to the host and computed by all threads, in doubles whatever the type of the batch; energies
/// and scores are rounded to that type, on the device of the batch.
/// So in single precision the numbers are those of the function at the point as single precision has it, and
/// are for sampling, not for training: no gradient goes through them.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ebm_ops::Noise;
/// use ebm_sample::{Chain, Mala, slices::SliceEnergy};
///
/// let normal = |x: &[f64], gradient: &mut [f64]| {
///     gradient[0] = -x[0];
///     -0.5 * x[0] * x[0]
/// };
/// let target = SliceEnergy::new(normal);
/// let start = Tensor::zeros([4, 1], &Device::flex());
/// let draw = Chain::start(&target, Mala::new(0.5).unwrap(), start, Noise::seeded(1)).nth(10);
/// assert_eq!(draw.unwrap().position.dims(), [4, 1]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SliceEnergy<F> {
    log_density: F,
}

impl<F: Fn(&[f64], &mut [f64]) -> f64 + Sync> SliceEnergy<F> {
    /// The model of this function.
    pub fn new(log_density: F) -> Self {
        Self { log_density }
    }
}

impl<F: Fn(&[f64], &mut [f64]) -> f64 + Sync> Energy for SliceEnergy<F> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.energy_and_score(x).0
    }
}

impl<F: Fn(&[f64], &mut [f64]) -> f64 + Sync> Score for SliceEnergy<F> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.energy_and_score(x).1
    }
}

impl<F: Fn(&[f64], &mut [f64]) -> f64 + Sync> Potential for SliceEnergy<F> {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let ([n, dim], device, dtype) = (x.dims(), x.device().inner(), x.dtype());
        let positions: Vec<f64> = x.into_data().iter::<f64>().collect();
        let mut score = vec![0.0; n * dim];
        let rows = positions.par_chunks_exact(dim).zip(score.par_chunks_exact_mut(dim));
        let energy: Vec<f64> = rows.map(|(x, gradient)| -(self.log_density)(x, gradient)).collect();
        let options = (&device, dtype);
        (
            Tensor::from_data(TensorData::new(energy, [n]).convert_dtype(dtype), options),
            Tensor::from_data(TensorData::new(score, [n, dim]).convert_dtype(dtype), options),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_near, doubles, numbers};
    use burn::tensor::{DType, Device};
    use ebm_model::Skewed;

    /// The log density of [`Skewed`].
    fn skewed(x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.iter_mut().zip(x).for_each(|(g, x)| *g = 1.0 - x.exp());
        x.iter().map(|x| x - x.exp()).sum()
    }

    #[test]
    fn a_function_as_a_model_has_the_energy_and_score_of_that_model() {
        let (function, model) = (SliceEnergy::new(skewed), Skewed::new(3).unwrap());
        let x = doubles(&[[0.1, -2.0, 1.5], [3.0, 0.0, -7.0], [0.5, 0.6, 0.7]]);
        assert_near(&numbers(function.energy(x.clone())), &numbers(model.energy(x.clone())), 1e-14);
        assert_near(&numbers(function.score(x.clone())), &numbers(model.score(x.clone())), 1e-14);

        let (energy, score) = function.energy_and_score(x.cast(DType::F32));
        assert_eq!((energy.dtype(), score.dtype()), (DType::F32, DType::F32));
        assert_eq!((energy.dims(), score.dims()), ([3], [3, 3]));
    }

    #[test]
    fn on_single_precision_batches_the_arithmetic_is_still_in_doubles() {
        // in single precision 1 + 10⁻¹² x would be 1
        let slight = SliceEnergy::new(|x: &[f64], gradient: &mut [f64]| {
            gradient[0] = (1.0 + 1e-12) - 1.0;
            (1.0 + 1e-12 * x[0]) - 1.0
        });
        let (energy, score) = slight.energy_and_score(Tensor::from_floats([[300.0]], &Device::flex()));
        assert!((energy.into_scalar::<f32>() / -3e-10 - 1.0).abs() < 1e-5);
        assert!((score.into_scalar::<f32>() / 1e-12 - 1.0).abs() < 1e-3);
    }
}
