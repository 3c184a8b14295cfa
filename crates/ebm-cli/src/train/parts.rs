//! What a run is made of, put together and checked before anything is written.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail, ensure};
use burn::module::Module;
use burn::tensor::Device;
use ebm_data::{Batches, Data, ImageShape};
use ebm_model::{Architecture, Init, Input, Network, NetworkConfig};
use ebm_ops::Noise;
use ebm_train::{Retreats, TrainState, Trainer};

use crate::backend::Backend;
use crate::bounds;
use crate::config::Config;
use crate::model_file::Content;
use crate::objective::Loss;
use crate::sampler::Sampler;
use crate::usage::usage;

/// The parts of a run, each of which fits the others.
pub struct Parts {
    /// The configuration, complete.
    pub config: Config,
    /// The root of all randomness.
    pub noise: Noise,
    /// What is learned from.
    pub batches: Batches,
    /// What a sample will be.
    pub content: Content,
    /// Points of the data to be seen under samples, if they are in the plane.
    pub background: Vec<f32>,
    /// What draws pictures.
    pub sampler: Sampler,
    /// Where tensors live.
    pub device: Device,
    /// The network before its first step.
    pub network: Network,
}

impl Parts {
    /// The parts that `config` names.
    ///
    /// # Errors
    /// Data that cannot be read, settings out of range, a network that does not fit the data, a backend that
    /// is not there.
    pub fn of(config: &Config, backend: Backend) -> Result<Self> {
        let noise = Noise::seeded(config.seed);
        let batch_size = NonZeroUsize::new(config.batch_size);
        let batch_size = batch_size.ok_or_else(|| usage(anyhow!("batch_size = 0, expected at least 1")))?;
        config.train.validate().map_err(usage)?;

        let data = Arc::new(Data::open(&config.data, &noise.derive("data"))?);
        let config = Config { model: config.model.clone().fitted(input(&data)), ..config.clone() };
        let content = content(&config.model, &data).map_err(usage)?;
        bounds::run(&config)?;
        let background = background(&data, &content, &noise)?;
        let device = backend.device()?;
        let network = config.model.build(&Init::new(noise.derive("init"), &device)).map_err(usage)?;
        let sampler = config.sample.build(config.sample.sampler, &network).map_err(usage)?;
        let batches = Batches::new(data, batch_size, &noise);
        let parts = Self { config, noise, batches, content, background, sampler, device, network };
        parts.loss(Retreats::default())?;
        Ok(parts)
    }

    /// The state before the first step.
    pub fn beginning(&self) -> TrainState<Network> {
        TrainState::new(self.network.clone(), self.noise.derive("objective"))
    }

    /// About as many bytes as a checkpoint has: weights, two moments and the average, and what the loss remembers.
    pub fn checkpoint_bytes(&self) -> u64 {
        let numbers =
            4 * self.network.num_params() + self.config.objective.remembers(self.config.model.dim());
        4 * numbers as u64
    }

    /// The trainer that goes on at `state`.
    ///
    /// # Errors
    /// If the state remembers what the objective does not.
    pub fn trainer(&self, state: TrainState<Network>) -> Result<Trainer<Network, Loss>> {
        let loss = self.loss(state.retreats())?;
        Trainer::new(state, loss, self.config.train.clone()).map_err(usage)
    }

    /// The loss, whose sampler takes what `retreats` have left of its step.
    fn loss(&self, retreats: Retreats) -> Result<Loss> {
        const ROWS: NonZeroUsize = NonZeroUsize::new(4096).expect("4096 is not 0");
        let rows = || Ok(self.batches.clone().with_size(ROWS).batch(0, &self.device)?);
        self.config.objective.build(&self.network, retreats.sampler_scale(), rows).map_err(usage)
    }
}

/// What a row of the data is.
fn input(data: &Data) -> Input {
    match data.image_shape() {
        Some(ImageShape { channels, height, width }) => Input::Image { channels, height, width },
        None => Input::Row { dim: data.dim() },
    }
}

/// What a sample will be, if the network and the data agree on it.
fn content(model: &Architecture, data: &Data) -> Result<Content> {
    match (model.input(), input(data)) {
        (
            Input::Image { channels, height, width },
            found @ Input::Image { channels: c, height: h, width: w },
        ) => {
            ensure!(
                found == model.input(),
                "the data are images of {c}x{h}x{w} (channels, height, width), the network is for \
                 {channels}x{height}x{width}; `--set model.channels={c} --set model.height={h} --set \
                 model.width={w}` changes it",
            );
            Ok(Content::Image { channels, height, width })
        }
        (Input::Row { dim: expected }, Input::Row { dim }) => {
            ensure!(
                expected == dim,
                "the data have {dim} columns, the network is for {expected}; `--set model.dim={dim}` changes it",
            );
            Ok(Content::Row { standardize: data.standardize().cloned() })
        }
        (Input::Image { .. }, Input::Row { .. }) => bail!("the network is for images, the data are points"),
        (Input::Row { .. }, Input::Image { .. }) => bail!("the network is for points, the data are images"),
    }
}

/// Points of the data in their own units, if they are in the plane.
fn background(data: &Arc<Data>, content: &Content, noise: &Noise) -> Result<Vec<f32>> {
    const POINTS: NonZeroUsize = NonZeroUsize::new(2000).expect("2000 is not 0");
    if data.image_shape().is_some() || data.dim() != 2 {
        return Ok(Vec::new());
    }
    let rows = Batches::new(data.clone(), POINTS, &noise.derive("background")).read(0)?;
    Ok(content.samples(rows.values, POINTS.get())?.values().to_vec())
}
