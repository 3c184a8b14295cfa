//! How fast the network of a preset trains and scores, on random data.

mod profile;

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use clap::Args;
use ebm_model::{Capabilities, Init, Input, Network, NetworkConfig};
use ebm_ops::Noise;
use ebm_run::bounds;
use ebm_run::config::{Config, Overrides};
use ebm_run::objective::Loss;
use ebm_run::parts::without_data;
use ebm_train::{Batch, BuildContext, TrainState, Trainer};
use serde::Serialize;

use crate::terminal::backend::Backend;
use crate::terminal::usage::usage;

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
    /// A preset, or a configuration's FILE.toml, whose network and objective are measured.
    #[arg(default_value = "mnist-reference")]
    preset: String,
    /// Set a value, for instance model.widths=[64,128]; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Rows of a batch [default: the preset's].
    #[arg(long)]
    batch_size: Option<usize>,
    /// Channels of a U-Net of two resolutions at the finer one; twice as many at the coarser one.
    #[arg(long)]
    width: Option<usize>,
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
#[derive(Clone, Copy, Debug)]
struct Speed {
    /// Rows a second in whole training steps: loss, gradient, clipping, Adam, averaging.
    train: f64,
    /// Rows a second in score evaluations.
    score: f64,
    /// Of the network.
    parameters: usize,
}

/// The same as a JSON object: rows that are images are called so.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Entry {
    /// Of a network for images.
    Images {
        event: &'static str,
        train_images_per_second: f64,
        score_images_per_second: f64,
        parameters: usize,
    },
    /// Of a network for points and rows of tables.
    Rows { event: &'static str, train_rows_per_second: f64, score_rows_per_second: f64, parameters: usize },
}

impl Speed {
    /// As JSON has it for a network of this input.
    fn entry(self, input: Input) -> Entry {
        let (Self { train, score, parameters }, event) = (self, "done");
        match input {
            Input::Image { .. } => Entry::Images {
                event,
                train_images_per_second: train,
                score_images_per_second: score,
                parameters,
            },
            Input::Row { .. } => {
                Entry::Rows { event, train_rows_per_second: train, score_rows_per_second: score, parameters }
            }
        }
    }
}

impl Bench {
    /// Measures, and says what was found.
    ///
    /// # Errors
    /// If there is no such network, or it cannot be trained on the backend.
    pub fn run(&self) -> Result<()> {
        let config = self.config()?;
        #[cfg(feature = "flex")]
        if self.plain {
            return ebm_ops::without_kernels(|| self.measure(&config));
        }
        self.measure(&config)
    }

    /// The configuration that is measured.
    fn config(&self) -> Result<Config> {
        let batch_size = self.batch_size.map(|rows| format!("batch_size={rows}"));
        let widths = self.width.map(|width| format!("model.widths=[{width},{}]", width.saturating_mul(2)));
        let set = self.set.iter().cloned().chain(batch_size).chain(widths).collect();
        let config = Config::resolve(&self.preset, &Overrides { set })?;
        ensure!(0 < config.batch_size, usage(anyhow!("batch_size = 0: expected at least 1")));
        let config = without_data(config)?;
        let sizes = match config.model.input() {
            Input::Row { .. } => "--set model.dim=8",
            Input::Image { .. } => "--set model.channels=3 --set model.height=32 --set model.width=32",
        };
        ensure!(
            0 < config.model.dim(),
            usage(anyhow!(
                "{}: the sizes of its network come from its data, which are not read; `{sizes}` sets them",
                config.name
            ))
        );
        bounds::batch("batch_size", &[config.batch_size, config.model.dim()])?;
        Ok(config)
    }

    fn measure(&self, config: &Config) -> Result<()> {
        let subject = Subject::new(config, &self.backend.device()?)?;
        if self.profile {
            let found = subject.profile()?;
            if self.json { tell!("{}", found.to_json()) } else { tell!("{found}") }
        }
        let speed = subject.speed()?;
        if self.json {
            tell!("{}", serde_json::to_string(&speed.entry(config.model.input()))?);
        } else {
            let rows = match config.model.input() {
                Input::Row { .. } => "rows",
                Input::Image { .. } => "images",
            };
            tell!("training steps    {:>9.1} {rows}/s", speed.train);
            tell!("score evaluations {:>9.1} {rows}/s", speed.score);
            tell!("parameters        {:>9}", speed.parameters);
        }
        Ok(())
    }
}

/// What is measured: the network of a configuration, and a batch.
struct Subject<'a> {
    config: &'a Config,
    network: Network,
    batch: Batch,
    device: Device,
    noise: Noise,
}

impl<'a> Subject<'a> {
    fn new(config: &'a Config, device: &Device) -> Result<Self> {
        let noise = Noise::seeded(0);
        let network = config.model.build(&Init::new(noise.derive("init"), device)).map_err(usage)?;
        let shape = [config.batch_size, config.model.dim()];
        let rows = noise.derive("data").uniform(shape, device) * 2.0 - 1.0;
        let labels = match config.model.classes() {
            0 => None,
            n => Some(Tensor::<1, Int>::arange(0..shape[0] as i64, device) % n as i64),
        };
        let augmentations = match config.model.augmentations() {
            0 => None,
            n => Some(noise.derive("augmentations").uniform([shape[0], n], device)),
        };
        let batch = Batch { labels, augmentations, ..Batch::from(rows) };
        Ok(Self { config, network, batch, device: device.clone(), noise })
    }

    fn objective(&self) -> Result<Loss> {
        let context = BuildContext { sampler_scale: 1.0, rows: &|_| Ok(self.batch.rows.clone()) };
        self.config.objective.build(&self.network, &context).map_err(usage)
    }

    /// A run that begins.
    fn trainer<O>(&self, objective: O) -> Result<Trainer<Network, O>>
    where
        O: ebm_train::Objective<Network>,
    {
        let state = TrainState::new(self.network.clone(), self.noise.derive("objective"));
        Trainer::new(state, objective, self.config.train.clone()).map_err(usage)
    }

    fn speed(&self) -> Result<Speed> {
        let mut trainer = self.trainer(self.objective()?)?;
        let train = self.rate(|| Ok(trainer.step(self.batch.clone())?))?;
        let sigma = Tensor::ones([self.config.batch_size], &self.device);
        let score = self.rate(|| {
            self.score(&sigma);
            Ok(())
        })?;
        Ok(Speed { train, score, parameters: self.network.num_params() })
    }

    /// One score of the batch, at the noise levels `sigma` where the network has any.
    fn score(&self, sigma: &Tensor<1>) {
        let rows = self.batch.rows.clone();
        if let Some(network) = self.network.as_noisy_score() {
            network.score_at(rows, sigma.clone());
        } else if let Some(network) = self.network.as_score() {
            network.score(rows);
        }
    }

    /// Rows a second of a run over one batch; each run is waited for.
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
        Ok((self.config.batch_size as f64 / seconds[seconds.len() / 2] * 10.0).round() / 10.0)
    }

    fn wait(&self) -> Result<()> {
        self.device.sync().map_err(|error| anyhow!("the device stopped: {error:?}"))
    }
}
