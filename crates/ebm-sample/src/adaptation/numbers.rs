//! Numbers on the host, and their mean.

use burn::tensor::Tensor;

/// The elements of `x`, read back from the device.
pub(super) fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.into_data().iter::<f64>().collect()
}

/// The mean of the values; NaN if there are none.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
