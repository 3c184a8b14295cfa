//! The energy that a network has learned, under its samples.

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use ebm_model::{AtNoise, Capabilities, Energy, Network};

use crate::card::Content;
use crate::usage::usage;
use ebm_report::{Landscape, Samples, Shape, window};

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
    let (Shape::Table { dim: 2, .. }, Ok(energy)) = (samples.shape(), energy_of(network, sigma)) else {
        return Ok(samples);
    };
    let landscape = Landscape::of(&window(&samples), |points| {
        let points = content.points(points);
        let energies = points.chunks(2 * TOGETHER).flat_map(|points| {
            let batch = TensorData::new(points.to_vec(), [points.len() / 2, 2]);
            energy(Tensor::from_data(batch, device)).into_data().iter::<f32>().collect::<Vec<_>>()
        });
        energies.collect()
    })?;
    Ok(samples.on(landscape))
}

/// The energy of a batch, `[batch, dim]` → `[batch]`.
type EnergyOf<'a> = Box<dyn Fn(Tensor<2>) -> Tensor<1> + 'a>;

/// The energy of a batch by `network`, at `sigma` if it is conditioned on the noise level.
///
/// # Errors
/// A wrong use of the program if the network has no energy, or `sigma` is not positive and finite.
pub fn energy_of(network: &Network, sigma: f64) -> Result<EnergyOf<'_>> {
    let energy: EnergyOf<'_> = match (network.as_energy(), network.as_noisy_energy()) {
        (Some(network), _) => Box::new(|x| network.energy(x)),
        (None, Some(network)) => Box::new(move |x| AtNoise::new(network, sigma).energy(x)),
        (None, None) => bail!(usage(anyhow!(
            "the network is a score and has no energy; `--set model=mlp-energy` trains one"
        ))),
    };
    ensure!(sigma.is_finite() && 0.0 < sigma, usage(anyhow!("--sigma {sigma}: expected a positive number")));
    Ok(energy)
}
