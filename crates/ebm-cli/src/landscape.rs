//! The energy that a network has learned, under its samples.

use anyhow::Result;
use burn::tensor::{Device, Tensor, TensorData};
use ebm_model::Network;
use ebm_report::{Landscape, Samples, Shape, window};

use crate::energy;
use crate::model_file::Content;

/// Points that the energy is asked for at once.
const TOGETHER: usize = 4096;

/// The samples over the energy of `network`, at `sigma` if it is conditioned on a noise level; unchanged if the network
/// has no energy or the samples are not points in the plane.
///
/// # Errors
/// If no energy is finite.
pub fn under(
    samples: Samples,
    network: &Network,
    sigma: f64,
    content: &Content,
    device: &Device,
) -> Result<Samples> {
    let (Shape::Table { dim: 2, .. }, Ok(energy)) = (samples.shape(), energy::of(network, sigma)) else {
        return Ok(samples);
    };
    let landscape = Landscape::of(&window(&samples), |points| {
        let points = content.rows(points.to_vec());
        let energies = points.chunks(2 * TOGETHER).flat_map(|points| {
            let batch = TensorData::new(points.to_vec(), [points.len() / 2, 2]);
            energy(Tensor::from_data(batch, device)).into_data().iter::<f32>().collect::<Vec<_>>()
        });
        energies.collect()
    })?;
    Ok(samples.on(landscape))
}
