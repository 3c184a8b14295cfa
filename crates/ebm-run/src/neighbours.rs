//! The rows of a dataset that are nearest to samples, of a dataset of any length.

use anyhow::{Result, anyhow};
use burn::tensor::{Device, Tensor};
use ebm_data::Data;
use ebm_eval::{Neighbour, Neighbours};

use crate::usage::usage;

/// Numbers of the dataset that are in memory at once, beside its own bytes.
const TOGETHER: usize = 1 << 21;

/// The nearest row of each sample, `[samples, dim]`, in units of the model: their numbers in `data`.
///
/// The data are read part by part, so that memory does not grow with their number.
///
/// # Errors
/// A wrong use of the program for endless data; rows or samples that cannot be read or are not finite.
pub fn nearest(sample: &Tensor<2>, data: &Data, device: &Device) -> Result<Vec<Neighbour>> {
    let n = data
        .len()
        .ok_or_else(|| usage(anyhow!("the data are endless, and have no row that is the nearest")))?;
    let together = (TOGETHER / data.dim().max(1)).clamp(1, n.max(1));
    let mut neighbours = Neighbours::of(sample.clone())?;
    for first in (0..n).step_by(together) {
        let rows: Vec<usize> = (first..n.min(first + together)).collect();
        neighbours.see(data.read(&rows, None)?.tensor(device))?;
    }
    Ok(neighbours.nearest().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;
    use ebm_data::Toy;
    use ebm_ops::Noise;

    #[test]
    fn a_row_beyond_the_first_part_is_found_and_endless_data_are_refused() {
        let (n, dim) = (2100, 1024);
        let device = Device::flex();
        let values: Vec<f32> = (0..n * dim).map(|i| (i / dim) as f32).collect();
        let data = Data::from_rows(values, dim).unwrap();
        let sample = Tensor::from_data(
            TensorData::new([vec![2070.25; dim], vec![-9.0; dim]].concat(), [2, dim]),
            &device,
        );
        let found = nearest(&sample, &data, &device).unwrap();
        assert_eq!([found[0].row, found[1].row], [2070, 0]);
        assert!((found[0].distance - 0.25 * 32.0).abs() < 1e-6, "{found:?}");
        let endless = Data::toy(Toy::TwoMoons, &Noise::seeded(1));
        let two = Tensor::<2>::from_floats([[0.0, 0.0]], &device);
        assert!(nearest(&two, &endless, &device).unwrap_err().to_string().contains("endless"));
    }
}
