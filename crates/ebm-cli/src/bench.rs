//! How fast the reference network trains and scores, on random data.

use std::time::Instant;

use anyhow::Result;
use burn::tensor::{Device, Tensor};
use ebm_model::{Architecture, Init, NoisyScore, UNetConfig};
use ebm_ops::Noise;
use ebm_train::{DenoisingScoreMatching, NoiseLaw, TrainSettings, TrainState, Trainer, Weighting};
use serde::Serialize;

/// Images of a batch.
const BATCH: usize = 64;
/// Runs that are not counted.
const WARM_UP: usize = 3;
/// Runs of which the median counts.
const RUNS: usize = 15;

/// What was measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Speed {
    /// Of whole training steps: loss, gradient, clipping, Adam, averaging.
    pub train_images_per_second: f64,
    /// Of score evaluations.
    pub score_images_per_second: f64,
    /// Of the network.
    pub parameters: usize,
}

/// Measures on `device`.
///
/// # Errors
/// If the reference network cannot be trained there.
pub fn bench(device: &Device) -> Result<Speed> {
    use burn::module::Module;
    let noise = Noise::seeded(0);
    let architecture = Architecture::Unet { sigma_data: 0.5, network: UNetConfig::reference() };
    let network = architecture.build(&Init::new(noise.derive("init"), device))?;
    let parameters = network.num_params();
    let images = noise.derive("data").uniform([BATCH, architecture.dim()], device) * 2.0 - 1.0;

    let law = NoiseLaw::LogNormal { mean: -1.2, deviation: 1.2 };
    let objective = DenoisingScoreMatching::new(law, Weighting::Edm { sigma_data: 0.5 })?;
    let state = TrainState::new(network.clone(), noise.derive("objective"));
    let mut trainer = Trainer::new(state, objective, TrainSettings::default())?;
    let train_images_per_second = rate(device, || Ok(trainer.step(images.clone())?))?;

    let sigma = Tensor::ones([BATCH], device);
    let score_images_per_second = rate(device, || {
        network.score_at(images.clone(), sigma.clone());
        Ok(())
    })?;
    Ok(Speed { train_images_per_second, score_images_per_second, parameters })
}

/// Images a second of a run over one batch; each run is waited for.
fn rate(device: &Device, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut seconds = Vec::with_capacity(RUNS);
    for i in 0..WARM_UP + RUNS {
        let began = Instant::now();
        run()?;
        device.sync().map_err(|error| anyhow::anyhow!("the device stopped: {error:?}"))?;
        if WARM_UP <= i {
            seconds.push(began.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok((BATCH as f64 / seconds[RUNS / 2] * 10.0).round() / 10.0)
}
