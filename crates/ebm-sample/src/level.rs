//! Where an annealed sampler is on its way down.

use burn::tensor::Tensor;

/// The positions when a noise level has been done.
#[derive(Clone, Debug)]
pub struct Level {
    /// The level whose law the positions have now; 0 once they are denoised.
    pub sigma: f64,
    /// One row a sample, `[samples, dim]`.
    pub position: Tensor<2>,
}

#[cfg(test)]
pub(crate) mod tests {
    use burn::tensor::{DType, Tensor};

    pub(crate) fn column(x: Tensor<2>, index: usize) -> Vec<f64> {
        x.narrow(1, index, 1).cast(DType::F64).into_data().try_to_vec().unwrap()
    }

    pub(crate) fn mean_and_variance(values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0))
    }
}
