//! Shared by several tests of the trainer.
#![allow(dead_code, reason = "no test needs all of it")]

use burn::tensor::{Device, Tensor};
use ebm_model::{
    Architecture, Capabilities, Gaussian, Init, MlpConfig, Network, NetworkConfig, PreconditionedConfig,
    SongUNetConfig, UNetConfig, weights,
};
use ebm_ops::Noise;
use ebm_sample::Langevin;
use ebm_train::{
    Batch, BoxError, BufferSettings, ContrastSettings, DenoisingScoreMatching, Memory, NoiseLaw, Objective,
    OfClasses, Outcome, PersistentContrastiveDivergence, Restart, TrainSettings, TrainState, Trainer,
    Weighting,
};

pub type Run = Trainer<Network, Denoising>;

/// Denoising score matching of any network that is conditioned on the noise level.
#[derive(Clone, Debug)]
pub struct Denoising(DenoisingScoreMatching);

impl Objective<Network> for Denoising {
    fn loss(&self, model: &Network, batch: &Batch, memory: Memory, noise: &mut Noise) -> Outcome {
        let model = model.as_noisy_score().expect("these networks are conditioned on the noise level");
        self.0.loss(&model, batch, memory, noise)
    }
}

pub fn device() -> Device {
    Device::flex()
}

pub fn mlp() -> Network {
    mlp_with(0)
}

/// A network for points of three classes.
pub fn mlp_of_classes() -> Network {
    mlp_with(3)
}

fn mlp_with(classes: usize) -> Network {
    let network = MlpConfig { hidden: 16, layers: 2, embedding: 8, frequencies: 4, ..MlpConfig::default() };
    let network = MlpConfig { dim: 2, classes, ..network };
    Architecture::Mlp(PreconditionedConfig { sigma_data: 0.5, bounds: None, preconditioning: None, network })
        .build(&Init::new(Noise::seeded(1), &device()))
        .unwrap()
}

/// Denoising score matching with labels, a third of which is left out.
pub fn with_labels() -> OfClasses<DenoisingScoreMatching> {
    OfClasses::new(objective().0, 1.0 / 3.0).unwrap()
}

/// Batches whose rows have labels, as a pure function of the step.
pub fn labelled() -> impl FnMut(u64) -> Result<Batch, BoxError> {
    let mut rows = batches(2);
    move |step| {
        let labels: Vec<i64> =
            Noise::seeded(4).child(step).indices(32, 3).iter().map(|&k| k as i64).collect();
        let labels = Some(Tensor::from_data(labels.as_slice(), &device()));
        Ok(Batch { labels, ..Batch::from(rows(step)?) })
    }
}

pub fn unet(device: &Device) -> Network {
    // Two channels per group: a single channel's bias would be normalised away, its gradient would be rounding error,
    // and the sign of Adam's first step would be random.
    let reference = UNetConfig { groups: 4, ..UNetConfig::reference() };
    let network = UNetConfig { height: 8, width: 8, widths: vec![8, 16], blocks: vec![1, 1], ..reference };
    Architecture::Unet(PreconditionedConfig { sigma_data: 0.5, bounds: None, preconditioning: None, network })
        .build(&Init::new(Noise::seeded(1), device))
        .unwrap()
}

/// A network with attention, a residual encoder and dropout.
pub fn song_unet(device: &Device) -> Network {
    let noise_features = SongUNetConfig::ddpmpp().noise_features;
    let kind =
        SongUNetConfig { noise_features, attention_heads: 2, dropout: 0.2, ..SongUNetConfig::ncsnpp() };
    let kind = SongUNetConfig { channels: 1, height: 8, width: 8, embedding: 16, frequencies: 8, ..kind };
    let network = SongUNetConfig { stem: 8, widths: vec![8, 16], blocks: vec![1, 1], ..kind };
    Architecture::SongUnet(PreconditionedConfig {
        sigma_data: 0.5,
        bounds: None,
        preconditioning: None,
        network,
    })
    .build(&Init::new(Noise::seeded(1), device))
    .unwrap()
}

pub fn settings(steps: u64) -> TrainSettings {
    TrainSettings { steps, learning_rate: 1e-2, warm_up: 5, ..TrainSettings::default() }
}

pub fn objective() -> Denoising {
    let law = NoiseLaw::LogNormal { mean: -1.2, deviation: 1.2 };
    Denoising(DenoisingScoreMatching::new(law, Weighting::Edm { sigma_data: 0.5 }).unwrap())
}

pub type Persistent = PersistentContrastiveDivergence<Langevin>;

/// Forty chains, some of which begin anew in each step.
pub fn persistent() -> Persistent {
    let contrast = ContrastSettings { sampler_steps: 3, magnitude: 0.01, ..ContrastSettings::default() };
    let restart = Restart::Uniform { low: -1.0, high: 1.0 };
    let chains = BufferSettings { capacity: 40, restart_share: 0.2, restart };
    PersistentContrastiveDivergence::new(Langevin::new(0.1).unwrap(), contrast, chains).unwrap()
}

pub fn begin(network: Network, steps: u64) -> Run {
    Trainer::new(TrainState::new(network, Noise::seeded(2)), objective(), settings(steps)).unwrap()
}

/// Batches that are a pure function of the step.
pub fn batches(dim: usize) -> impl FnMut(u64) -> Result<Tensor<2>, BoxError> {
    move |step| {
        let law = Gaussian::isotropic(vec![0.3; dim], 0.25).unwrap();
        Ok(law.sample(32, &mut Noise::seeded(3).child(step), &device()))
    }
}

/// Every bit of the weights and of their average.
pub fn bits(run: &Run) -> Vec<u8> {
    let of = |network: &Network| weights::to_bytes(&weights::collect(network), "").unwrap();
    [of(run.state().model()), of(&run.state().average())].concat()
}
