//! The energy that a network has learned, under its samples.

use anyhow::Result;
use burn::tensor::{Device, Tensor, TensorData};
use ebm_model::Network;

use crate::energy;
use crate::model_file::Content;
use crate::output::{self, Landscape, Samples, Shape};

/// Points that the energy is asked for at once.
const TOGETHER: usize = 4096;

/// The samples over the energy of `network`, at `sigma` if it is told a noise level; as they are if the network has
/// no energy or they are no points in the plane.
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
    let points = content.rows(Landscape::points(&output::window(&samples)));
    let energies = points.chunks(2 * TOGETHER).flat_map(|points| {
        let batch = TensorData::new(points.to_vec(), [points.len() / 2, 2]);
        energy(Tensor::from_data(batch, device)).into_data().iter::<f32>().collect::<Vec<_>>()
    });
    Ok(samples.on(Landscape::new(energies.collect())?))
}
