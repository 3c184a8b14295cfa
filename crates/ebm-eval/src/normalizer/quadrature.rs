//! log Z by quadrature, on the line and in the plane.

use burn::tensor::{Device, Tensor, TensorData};
use ebm_model::Energy;

use crate::error::require;
use crate::host::numbers;
use crate::{Estimate, EvalError};

/// Points of the grid along an axis; a multiple of two.
const POINTS: [usize; 2] = [8000, 600];

/// Points that are on the device at once.
const TOGETHER: usize = 20_000;

/// How often the box may be widened.
const WIDENINGS: usize = 8;

/// The share of Z within one part in fifty of the box's border up to which the box is wide enough.
const BORDER: f64 = 1e-6;

/// log Z = log ∫ exp(−E) of an energy of one or two coordinates by the midpoint rule, with its numerical error as
/// standard error.
///
/// The grid begins with the box between `low` and `high`, a little wider, and the box is widened by half until next to
/// nothing of Z is at its border. The numerical error is the difference from half as many points along each axis.
/// The rule converges faster than any power of the spacing where the density is smooth and falls off within the box.
///
/// Returns `None` if the density does not fall off, so Z cannot be told from its box.
///
/// # Errors
/// [`EvalError::OutOfRange`] unless there are one or two coordinates, each with `low < high`.
pub fn quadrature(
    model: &(impl Energy + ?Sized),
    low: &[f64],
    high: &[f64],
    device: &Device,
) -> Result<Option<Estimate>, EvalError> {
    let dim = low.len();
    require((1..=2).contains(&dim) && high.len() == dim, "coordinates", "1 or 2", [dim, high.len()])?;
    let valid = low.iter().zip(high).all(|(low, high)| low < high && (high - low).is_finite());
    require(valid, "low, high", "low < high in each coordinate", (low, high))?;
    let (mut centre, mut half) = (vec![0.0; dim], vec![0.0; dim]);
    for k in 0..dim {
        (centre[k], half[k]) = (0.5 * (low[k] + high[k]), 0.6 * (high[k] - low[k]));
    }
    for _ in 0..WIDENINGS {
        let Some((fine, border)) = sum(model, &centre, &half, POINTS[dim - 1], device) else {
            return Ok(None);
        };
        if border < BORDER {
            let coarse = sum(model, &centre, &half, POINTS[dim - 1] / 2, device);
            let error = coarse.map_or(f64::INFINITY, |(coarse, _)| (fine - coarse).abs());
            return Ok(Some(Estimate { value: fine, standard_error: error }));
        }
        half.iter_mut().for_each(|half| *half *= 1.5);
    }
    Ok(None)
}

/// The logarithm of the sum over a grid of `n` points along each axis times the volume of a cell, and the share of the
/// outermost points; `None` if an energy is NaN.
fn sum(
    model: &(impl Energy + ?Sized),
    centre: &[f64],
    half: &[f64],
    n: usize,
    device: &Device,
) -> Option<(f64, f64)> {
    let dim = centre.len();
    let at = |k: usize, i: usize| centre[k] + half[k] * ((2 * i + 1) as f64 / n as f64 - 1.0);
    let index = |point: usize, k: usize| if k == 0 { point % n } else { point / n };
    let total = n.pow(dim as u32);
    let rim = n / 50;
    let is_at_border = |point: usize| (0..dim).any(|k| !(rim..n - rim).contains(&index(point, k)));
    let mut energies = Vec::with_capacity(total);
    for first in (0..total).step_by(TOGETHER) {
        let points = first..total.min(first + TOGETHER);
        let rows = points.len();
        let values: Vec<f32> = points
            .flat_map(|point| (0..dim).map(move |k| (point, k)))
            .map(|(p, k)| at(k, index(p, k)) as f32)
            .collect();
        energies
            .extend(numbers(model.energy(Tensor::from_data(TensorData::new(values, [rows, dim]), device))));
    }
    if energies.iter().any(|energy| energy.is_nan()) {
        return None;
    }
    let least = energies.iter().copied().fold(f64::INFINITY, f64::min);
    let (mut sum, mut border) = (0.0, 0.0);
    for (point, energy) in energies.iter().enumerate() {
        let weight = (least - energy).exp();
        sum += weight;
        border += if is_at_border(point) { weight } else { 0.0 };
    }
    let cell: f64 = half.iter().map(|half| (2.0 * half / n as f64).ln()).sum();
    Some((sum.ln() - least + cell, border / sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_model::{Gaussian, GaussianMixture};

    #[test]
    fn gaussians_and_mixtures_have_their_normalisers() {
        let device = Device::flex();
        let narrow = Gaussian::isotropic(vec![3.0], 1e-4).unwrap();
        let found = quadrature(&narrow, &[2.9], &[3.1], &device).unwrap().unwrap();
        // positions in single precision move a point of so narrow a density by 2e-5 of its deviation
        assert!((found.value - narrow.log_normalizer()).abs() < 1e-4, "{found:?}");
        let mode = |mean: [f64; 2], variance| Gaussian::isotropic(mean.to_vec(), variance).unwrap();
        let target =
            GaussianMixture::new(vec![0.3, 0.7], vec![mode([-2.0, 0.0], 0.01), mode([1.0, 1.0], 0.5)])
                .unwrap();
        // a box that misses most of the density is widened
        for high in [[3.0, 3.0], [0.0, 0.5]] {
            let found = quadrature(&target, &[-2.5, -1.0], &high, &device).unwrap().unwrap();
            assert!(found.value.abs() < 1e-3 && found.standard_error < 1e-3, "{found:?}");
        }
    }

    #[test]
    fn a_density_that_does_not_fall_off_has_none() {
        struct Flat;
        impl Energy for Flat {
            fn energy(&self, x: Tensor<2>) -> Tensor<1> {
                x.sum_dim(1).squeeze_dim::<1>(1) * 0.0
            }
        }
        assert_eq!(quadrature(&Flat, &[0.0, 0.0], &[1.0, 1.0], &Device::flex()).unwrap(), None);
        assert!(quadrature(&Flat, &[0.0; 3], &[1.0; 3], &Device::flex()).is_err());
        assert!(quadrature(&Flat, &[0.0], &[0.0], &Device::flex()).is_err());
    }
}
