//! The rows of a dataset that are nearest to samples, of a dataset of any length.

use burn::tensor::{Device, Tensor};
use ebm_data::Data;
use ebm_eval::{Neighbour, Neighbours};

use crate::error::{Result, anyhow, usage};

/// Numbers of the dataset that are in memory at once, beside its own bytes.
const TOGETHER: usize = 1 << 21;

/// The nearest row of each sample, `[samples, dim]`, in units of the model: their numbers in `data`.
///
/// The data are read part by part, so that memory does not grow with their number.
///
/// # Errors
/// A wrong use of the program for endless data; rows or samples that cannot be read or are not finite.
pub fn nearest(sample: &Tensor<2>, data: &Data, device: &Device) -> Result<Vec<Neighbour>> {
    among(sample, data, usize::MAX, device)
}

/// The nearest of each sample among `most` rows that are spread evenly over the data, or among all: the number of a
/// neighbour is its place among these.
///
/// # Errors
/// As [`nearest`].
pub fn among(sample: &Tensor<2>, data: &Data, most: usize, device: &Device) -> Result<Vec<Neighbour>> {
    let n = data
        .len()
        .ok_or_else(|| usage(anyhow!("the data are endless, and have no row that is the nearest")))?;
    let k = n.min(most);
    let together = (TOGETHER / data.dim().max(1)).clamp(1, k.max(1));
    let mut neighbours = Neighbours::of(sample.clone())?;
    for first in (0..k).step_by(together) {
        let places = first..k.min(first + together);
        let rows: Vec<usize> = places.map(|i| (i as u128 * n as u128 / k as u128) as usize).collect();
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
        let spread = among(&sample, &data, 21, &device).unwrap();
        assert_eq!([spread[0].row, spread[1].row], [20, 0], "of rows 0, 100, …, 2000");
        assert!((spread[0].distance - 70.25 * 32.0).abs() < 1e-3, "{spread:?}");
        let endless = Data::toy(Toy::TwoMoons, &Noise::seeded(1));
        let two = Tensor::<2>::from_floats([[0.0, 0.0]], &device);
        assert!(nearest(&two, &endless, &device).unwrap_err().to_string().contains("endless"));
    }
}
