//! What a run is made of, put together and checked before anything is written.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::Device;
use ebm_data::{Batches, Data};
use ebm_model::{Architecture, Init, Network};
use ebm_ops::Noise;
use ebm_train::DenoisingScoreMatching;

use crate::backend::Backend;
use crate::config::{Config, ObjectiveConfig};
use crate::model_file::Content;
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
    /// The loss.
    pub objective: DenoisingScoreMatching,
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
        let ObjectiveConfig::Denoising { noise: law, weighting } = &config.objective;
        let objective = DenoisingScoreMatching::new(law.clone(), *weighting).map_err(usage)?;
        let sampler = config.sample.build(config.sample.sampler).map_err(usage)?;

        let data = Arc::new(Data::open(&config.data, &noise.derive("data"))?);
        let config = Config { model: fitted(&config.model, &data), ..config.clone() };
        let content = content(&config.model, &data).map_err(usage)?;
        let background = background(&data, &content, &noise)?;
        let device = backend.device()?;
        let network = config.model.build(&Init::new(noise.derive("init"), &device)).map_err(usage)?;
        let batches = Batches::new(data, batch_size, &noise);
        Ok(Self { config, noise, batches, content, background, objective, sampler, device, network })
    }
}

/// The network with the sizes of the data where it leaves them open by a zero.
fn fitted(model: &Architecture, data: &Data) -> Architecture {
    let mut model = model.clone();
    let fill = |size: &mut usize, found: usize| {
        if *size == 0 {
            *size = found;
        }
    };
    match (&mut model, data.image_shape()) {
        (Architecture::Unet { network, .. }, Some(shape)) => {
            fill(&mut network.channels, shape.channels);
            fill(&mut network.height, shape.height);
            fill(&mut network.width, shape.width);
        }
        (Architecture::Mlp { network, .. }, None) => fill(&mut network.dim, data.dim()),
        _ => {}
    }
    model
}

/// What a sample will be, if the network and the data agree on it.
fn content(model: &Architecture, data: &Data) -> Result<Content> {
    match (model, data.image_shape()) {
        (Architecture::Unet { network, .. }, Some(shape)) => {
            let (channels, height, width) = (shape.channels, shape.height, shape.width);
            let expected = (network.channels, network.height, network.width);
            if (channels, height, width) != expected {
                bail!(
                    "the data are images of {channels}x{height}x{width} (channels, height, width), the network is \
                     for {}x{}x{}; `--set model.channels={channels} --set model.height={height} --set \
                     model.width={width}` changes it",
                    expected.0,
                    expected.1,
                    expected.2,
                );
            }
            Ok(Content::Image { channels, height, width })
        }
        (Architecture::Mlp { network, .. }, None) => {
            let dim = data.dim();
            ensure!(
                network.dim == dim,
                "the data have {dim} columns, the network is for {}; `--set model.dim={dim}` changes it",
                network.dim,
            );
            Ok(Content::Row { standardize: data.standardize().cloned() })
        }
        (Architecture::Unet { .. }, None) => bail!("the network is for images, the data are points"),
        (Architecture::Mlp { .. }, Some(_)) => bail!("the network is for points, the data are images"),
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
