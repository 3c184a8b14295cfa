//! A model on tensors as a function of plain numbers.

use burn::tensor::{DType, Device, Tensor, TensorData};
use ebm_model::Potential;

/// The log density of a model on tensors as a function of plain numbers, up to a constant, with its gradient.
///
/// Each call computes one row on `device` in `dtype`, which has to be that of the model's parameters; closed
/// forms take `DType::F64`.
/// This is for samplers that work row by row; a [`Chain`](crate::Chain) computes all rows of a batch at once.
pub fn log_density_of<'a, M: Potential + ?Sized>(
    model: &'a M,
    device: &Device,
    dtype: DType,
) -> impl Fn(&[f64], &mut [f64]) -> f64 + use<'a, M> {
    let device = device.clone().inner();
    move |x, gradient| {
        let row = TensorData::new(x.to_vec(), [1, x.len()]).convert_dtype(dtype);
        let (energy, score) = model.energy_and_score(Tensor::from_data(row, (&device, dtype)));
        gradient.iter_mut().zip(score.into_data().iter::<f64>()).for_each(|(g, s)| *g = s);
        -energy.into_data().iter::<f64>().next().expect("a row has an energy")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slices::SliceEnergy;
    use crate::testing::{assert_near, doubles, numbers};
    use ebm_model::{Energy, Gaussian, Score};

    #[test]
    fn a_model_as_a_function_and_back_is_the_same_model() {
        let law = Gaussian::new(vec![1.0, -2.0], &[vec![2.0, 0.6], vec![0.6, 0.5]]).unwrap();
        let back =
            |x: &[f64], gradient: &mut [f64]| log_density_of(&law, &Device::flex(), DType::F64)(x, gradient);
        let function = SliceEnergy::new(back);
        let x = doubles(&[[0.1, -2.0], [3.0, 0.0]]);
        assert_near(&numbers(function.energy(x.clone())), &numbers(law.energy(x.clone())), 1e-15);
        assert_near(&numbers(function.score(x.clone())), &numbers(law.score(x)), 1e-15);
    }
}
