//! A network as samplers see it.

use ebm_model::{AtNoise, Capabilities, Tempered};
use ebm_sample::Density;

/// Gives `f` what `network` offers to samplers at a temperature.
///
/// A network that is conditioned on the noise level also is a score, and an energy if it has one, of the data with
/// the noise of its lowest level `sigma`.
pub fn with_density<R>(
    network: &dyn Capabilities,
    temperature: f64,
    sigma: f64,
    f: impl FnOnce(Density<'_>) -> R,
) -> R {
    if let Some(energy) = network.as_energy() {
        return f(Density::of_energy(&Tempered::new(energy, temperature)));
    }
    if let Some(score) = network.as_score() {
        return f(Density::of_score(&Tempered::new(score, temperature)));
    }
    if let Some(energy) = network.as_noisy_energy() {
        let energy = Tempered::new(energy, temperature);
        let lowest = AtNoise::new(&energy, sigma);
        return f(Density::of_energy(&lowest).with_noisy_energy(&energy));
    }
    if let Some(score) = network.as_noisy_score() {
        let score = Tempered::new(score, temperature);
        let lowest = AtNoise::new(&score, sigma);
        return f(Density::of_score(&lowest).with_noisy_score(&score));
    }
    f(Density::default())
}
