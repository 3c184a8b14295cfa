//! How fast the reference network trains and scores, on random data.

mod profile;

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use clap::Args;
use ebm_model::{Architecture, Capabilities, Init, Network, NetworkConfig, PreconditionedConfig, UNetConfig};
use ebm_ops::Noise;
use ebm_train::{
    BuildContext, DenoisingSettings, NamedObjective, NoiseLaw, TrainSettings, TrainState, Trainer, Weighting,
};
use serde::Serialize;

use crate::terminal::backend::Backend;
use crate::terminal::usage::usage;
use ebm_run::bounds;
use ebm_run::objective::Loss;

/// Runs that are not counted.
const WARM_UP: usize = 3;
/// Runs of which the median counts.
const RUNS: usize = 15;
/// As many as must be, where a network is so large that those do not fit into the time.
const FEWEST: usize = 3;
const TIME: Duration = Duration::from_secs(6);

/// `ebm bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// Images of a batch.
    #[arg(long, default_value_t = 64)]
    batch_size: usize,
    /// Channels at the finer resolution; twice as many at the coarser one.
    #[arg(long, default_value_t = 32)]
    width: usize,
    /// Say where the time of a training step goes.
    #[arg(long)]
    profile: bool,
    /// Carry everything out by Burn's own operations, as if there were no kernels for the processor.
    #[cfg(feature = "flex")]
    #[arg(long)]
    plain: bool,
    /// Where tensors live.
    #[arg(long, value_enum, default_value_t = Backend::default_of_build())]
    backend: Backend,
    /// Print one JSON object; with --profile, one before it.
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Clone, Copy, Debug, Serialize)]
struct Speed {
    /// Of whole training steps: loss, gradient, clipping, Adam, averaging.
    train_images_per_second: f64,
    /// Of score evaluations.
    score_images_per_second: f64,
    /// Of the network.
    parameters: usize,
}

impl Bench {
    /// Measures, and says what was found.
    ///
    /// # Errors
    /// If there is no such network, or it cannot be trained on the backend.
    pub fn run(&self) -> Result<()> {
        ensure!(0 < self.batch_size, usage(anyhow!("--batch-size 0: expected at least 1")));
        bounds::batch("--batch-size", &[self.batch_size, 28 * 28])?;
        #[cfg(feature = "flex")]
        if self.plain {
            return ebm_ops::without_kernels(|| self.measure());
        }
        self.measure()
    }

    fn measure(&self) -> Result<()> {
        let subject = Subject::new(self.batch_size, self.width, &self.backend.device()?)?;
        if self.profile {
            let found = subject.profile()?;
            if self.json { tell!("{}", found.to_json()) } else { tell!("{found}") }
        }
        let speed = subject.speed()?;
        if self.json {
            tell!("{}", serde_json::to_string(&speed)?);
        } else {
            tell!("training steps    {:>9.1} images/s", speed.train_images_per_second);
            tell!("score evaluations {:>9.1} images/s", speed.score_images_per_second);
            tell!("parameters        {:>9}", speed.parameters);
        }
        Ok(())
    }
}

/// What is measured: a network of the reference's kind and a batch.
struct Subject {
    network: Network,
    images: Tensor<2>,
    device: Device,
    noise: Noise,
}

impl Subject {
    fn new(batch_size: usize, width: usize, device: &Device) -> Result<Self> {
        let noise = Noise::seeded(0);
        let network = UNetConfig { widths: vec![width, 2 * width], ..UNetConfig::reference() };
        let architecture =
            Architecture::Unet(PreconditionedConfig { sigma_data: 0.5, bounds: None, network });
        let network = architecture.build(&Init::new(noise.derive("init"), device)).map_err(usage)?;
        let images = noise.derive("data").uniform([batch_size, architecture.dim()], device) * 2.0 - 1.0;
        Ok(Self { network, images, device: device.clone(), noise })
    }

    fn objective(&self) -> Result<Loss> {
        let noise = NoiseLaw::LogNormal { mean: -1.2, deviation: 1.2 }.into();
        let settings =
            DenoisingSettings { noise, weighting: Weighting::Edm { sigma_data: 0.5 }, label_dropout: None };
        let context = BuildContext { sampler_scale: 1.0, rows: &|_| Ok(self.images.clone()) };
        Ok(settings.build(&self.network, &context)?)
    }

    /// A run that begins.
    fn trainer<O>(&self, objective: O) -> Result<Trainer<Network, O>>
    where
        O: ebm_train::Objective<Network>,
    {
        let state = TrainState::new(self.network.clone(), self.noise.derive("objective"));
        Ok(Trainer::new(state, objective, TrainSettings::default())?)
    }

    fn speed(&self) -> Result<Speed> {
        let mut trainer = self.trainer(self.objective()?)?;
        let train_images_per_second = self.rate(|| Ok(trainer.step(self.images.clone())?))?;
        let sigma = Tensor::ones([self.images.dims()[0]], &self.device);
        let network = self.network.as_noisy_score().expect("a U-Net is one");
        let score_images_per_second = self.rate(|| {
            network.score_at(self.images.clone(), sigma.clone());
            Ok(())
        })?;
        Ok(Speed { train_images_per_second, score_images_per_second, parameters: self.network.num_params() })
    }

    /// Images a second of a run over one batch; each run is waited for.
    fn rate(&self, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
        let (mut seconds, start) = (Vec::new(), Instant::now());
        for i in 0..WARM_UP + RUNS {
            if FEWEST <= seconds.len() && TIME < start.elapsed() {
                break;
            }
            let began = Instant::now();
            run()?;
            self.wait()?;
            if WARM_UP <= i {
                seconds.push(began.elapsed().as_secs_f64());
            }
        }
        seconds.sort_by(f64::total_cmp);
        Ok((self.images.dims()[0] as f64 / seconds[seconds.len() / 2] * 10.0).round() / 10.0)
    }

    fn wait(&self) -> Result<()> {
        self.device.sync().map_err(|error| anyhow!("the device stopped: {error:?}"))
    }
}
