//! The features that distances of pictures compare.

use std::path::Path;

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::Device;
use ebm_data::{DataSpec, Split};
use ebm_eval::{Coordinates, FeatureMap, FeatureNetwork, PooledPixels};
use ebm_ops::Noise;
use ebm_run::card::{Content, ModelCard};
use ebm_run::config::Config;
use ebm_run::folder::RunFolder;
use ebm_run::recognition;
use ebm_train::Observer;

use super::arguments::Eval;
use super::judgement::Judgement;
use crate::terminal::progress::Progress;
use crate::terminal::say;
use crate::terminal::usage::usage;

/// Sides of the squares whose means are an image's features.
const POOL: usize = 4;

/// What is compared of a point besides the point itself.
pub struct Features {
    /// Coordinates, or the means of squares of an image.
    pub plain: Box<dyn FeatureMap>,
    /// A network, if one was asked for.
    pub network: Option<FeatureNetwork>,
}

impl Features {
    /// The features that were asked for, or the plain ones.
    ///
    /// # Errors
    /// A network that cannot be read or does not fit the pictures, or data that no classifier can be trained on.
    pub fn of(request: &Eval, card: &ModelCard, device: &Device, judgement: &mut Judgement) -> Result<Self> {
        let shape = match card.content {
            Content::Image { channels, height, width } => Some([channels, height, width]),
            Content::Row { .. } => None,
        };
        let plain: Box<dyn FeatureMap> = match shape {
            Some(shape) => Box::new(PooledPixels::new(shape, POOL)),
            None => Box::new(Coordinates),
        };
        let Some(name) = &request.features else { return Ok(Self { plain, network: None }) };
        let Some(shape) = shape else {
            bail!(usage(anyhow!("--features {name}: features are of pictures, this model is of points")));
        };
        let network = match name.as_str() {
            "classifier" => classifier(request, device, judgement)?,
            name if Path::new(name).is_file() => recognition::read(Path::new(name), device)?,
            name => bail!(usage(anyhow!("--features {name}: expected `classifier` or a file of weights"))),
        };
        let input = network.config().input;
        ensure!(
            input == shape,
            usage(anyhow!(
                "--features {name}: a network for {input:?} (channels, height, width), the model's pictures are {shape:?}"
            ))
        );
        Ok(Self { plain, network: Some(network) })
    }

    /// The network, or else the plain features.
    pub fn chosen(&self) -> &dyn FeatureMap {
        match &self.network {
            Some(network) => network,
            None => &*self.plain,
        }
    }
}

/// The classifier of the run's data, or, for a model file, of the data that were named.
fn classifier(request: &Eval, device: &Device, judgement: &mut Judgement) -> Result<FeatureNetwork> {
    let (spec, noise) = match &request.data {
        Some(path) if !request.run.is_dir() => {
            (request.reading.applied(DataSpec::detect(path)?), Noise::seeded(request.seed))
        }
        _ => {
            ensure!(
                request.run.is_dir(),
                usage(anyhow!(
                    "a model file does not say what it was trained on; --data PATH names labelled pictures"
                ))
            );
            let config = Config::of(&RunFolder::open(&request.run)?)?;
            (request.reading.applied(config.data), Noise::seeded(config.seed).derive("data"))
        }
    };
    let spec = DataSpec { split: Split::Train, ..spec };
    let folder = recognition::folder_of(&request.run);
    let progress = |steps| -> Box<dyn Observer<FeatureNetwork>> { Box::new(Progress::new(steps, 0, false)) };
    let found = recognition::classifier(&spec, &noise, &folder, device, &say, &progress)?;
    if let Some(error) = &found.unwritten {
        judgement.note(format!("the classifier is not kept for the next time: {error}"));
    }
    Ok(found.network)
}
