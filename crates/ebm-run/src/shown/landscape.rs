//! The energy that a network has learned, under its samples.

use burn::tensor::{Device, Tensor, TensorData};
use ebm_model::{Architecture, AtNoise, Capabilities, Energy, Init, Input, Network, NetworkConfig};
use ebm_ops::Noise;

use crate::card::Content;
use crate::error::{Result, anyhow, bail, ensure, usage};
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
    network: &dyn Capabilities,
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

/// The noise level at which the energy of a network that is conditioned on one is drawn: the lowest, but at least a
/// tenth of the deviation of standardised data.
///
/// At lower levels, score matching fixes the energy near the data only, and not how one part of them compares with
/// another.
pub fn level_shown(lowest: f64) -> f64 {
    lowest.max(0.1)
}

/// The energy of a batch, `[batch, dim]` → `[batch]`.
type EnergyOf<'a> = Box<dyn Fn(Tensor<2>) -> Tensor<1> + 'a>;

/// The energy of a batch by `network`, at `sigma` if it is conditioned on the noise level.
///
/// # Errors
/// A wrong use of the program if the network has no energy, or `sigma` is not positive and finite.
pub fn energy_of(network: &dyn Capabilities, sigma: f64) -> Result<EnergyOf<'_>> {
    let energy: EnergyOf<'_> = match (network.as_energy(), network.as_noisy_energy()) {
        (Some(network), _) => Box::new(|x| network.energy(x)),
        (None, Some(network)) => Box::new(move |x| AtNoise::new(network, sigma).energy(x)),
        (None, None) => bail!(usage(anyhow!("the network is a score and has no energy"))),
    };
    ensure!(
        (1e-6..=1e6).contains(&sigma),
        usage(anyhow!("--sigma {sigma}: expected a number from 1e-6 to 1e6"))
    );
    Ok(energy)
}

/// The kinds of networks for data like these that have an energy, first those that are conditioned on the noise level as
/// `network` is, or are not as it is not.
pub fn kinds_with_energy(network: &Network, input: Input, device: &Device) -> Vec<&'static str> {
    let conditioned = network.as_noisy_score().is_some();
    let found = |&kind: &&'static str| {
        let architecture = Architecture::named(kind)?.fitted(input);
        if std::mem::discriminant(&architecture.input()) != std::mem::discriminant(&input) {
            return None;
        }
        let other = architecture.build(&Init::new(Noise::seeded(0), device)).ok()?;
        let has_energy = other.as_energy().is_some() || other.as_noisy_energy().is_some();
        has_energy.then(|| (other.as_noisy_energy().is_some() != conditioned, kind))
    };
    let mut kinds: Vec<(bool, &str)> = Architecture::kinds().iter().filter_map(found).collect();
    kinds.sort_by_key(|(differs, _)| *differs);
    kinds.into_iter().map(|(_, kind)| kind).collect()
}
