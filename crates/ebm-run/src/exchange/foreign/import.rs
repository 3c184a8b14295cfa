//! Networks of others as model files of this program.

use burn::tensor::Device;
use ebm_model::weights::{NamedTensors, foreign::NCSN};
use ebm_model::{Architecture, Init, NcsnConfig, NcsnV2Config, Network, NetworkConfig, weights};
use ebm_ops::Noise;

use super::checkpoint::{Checkpoint, Weights};
use crate::card::{Content, ModelCard};
use crate::error::{Context, Result, anyhow, bail, usage};
use crate::sampling::{HeunConfig, LangevinConfig, SampleConfig};

/// A network of others that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignKind {
    /// The noise-conditional RefineNet of ermongroup/ncsn.
    Ncsn,
    /// The unconditional RefineNet of ermongroup/ncsnv2.
    NcsnV2,
}

/// What a checkpoint of others does not say about itself.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// Whose network it is.
    pub kind: ForeignKind,
    /// What the model is called.
    pub name: String,
    /// Height and width of an image; without them those of MNIST for one colour and of CIFAR-10 for three.
    pub sides: Option<[usize; 2]>,
    /// The highest and the lowest noise level of pixels from 0 to 1; without them those of the checkpoint or, if it
    /// has none, of the paper.
    pub levels: Option<[f64; 2]>,
    /// Which weights; without them the averages where there are any.
    pub weights: Option<Weights>,
}

/// Sizes of a network that its tensors tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Colours of an image.
    pub channels: usize,
    /// Channels of its first layer.
    pub features: usize,
}

impl ForeignKind {
    /// Every kind with its name.
    pub const ALL: [(&'static str, Self); 2] = [("ncsn", Self::Ncsn), ("ncsnv2", Self::NcsnV2)];
}

impl Sizes {
    fn of(tensors: &NamedTensors) -> Result<Self> {
        match shape(tensors, "begin_conv.weight")?[..] {
            [features, channels, ..] => Ok(Self { channels, features }),
            ref found => bail!("begin_conv.weight has shape {found:?}, expected that of a convolution"),
        }
    }
}

fn shape(tensors: &NamedTensors, name: &str) -> Result<Vec<usize>> {
    let found =
        tensors.get(name).with_context(|| format!("it has no {name}: it is no network of this kind"))?;
    Ok(found.shape().as_slice().to_vec())
}

impl Foreign {
    /// The card and the network of a checkpoint; `notice` is told what was assumed.
    ///
    /// # Errors
    /// If its weights cannot be read, are not of this kind of network, or its size is to be said.
    pub fn import(
        &self,
        checkpoint: &Checkpoint,
        device: &Device,
        notice: &dyn Fn(&str),
    ) -> Result<(ModelCard, Network)> {
        let which = self.weights.unwrap_or_else(|| match checkpoint.has_averages() {
            true => Weights::Averaged,
            false => Weights::Raw,
        });
        let tensors = checkpoint.weights(which)?;
        let deeper = tensors.keys().find(|name| name.starts_with("res5.") || name.starts_with("res31."));
        if let Some(name) = deeper {
            bail!(
                "it has {name}: the deeper networks of NCSNv2, for images beyond 64 pixels, are not known here"
            );
        }
        let Sizes { channels, features } = Sizes::of(&tensors)?;
        let [height, width] = match (self.sides, channels) {
            (Some(sides), _) => sides,
            (None, 1) => [28, 28],
            (None, 3) => [32, 32],
            _ => bail!(usage(anyhow!(
                "a network for images of {channels} colours: --size says how large they are"
            ))),
        };
        let (architecture, sample) = match self.kind {
            ForeignKind::Ncsn => self.ncsn(&tensors, [channels, height, width], features)?,
            ForeignKind::NcsnV2 => self.ncsnv2(&tensors, [channels, height, width], features)?,
        };
        if self.sides.is_none() {
            notice(&format!("images of {height}×{width} are assumed; --size says another size"));
        }
        let content = Content::Image { channels, height, width };
        let network = architecture.build(&Init::new(Noise::seeded(0), device)).map_err(usage)?;
        let network = weights::apply(network, NCSN.apply(tensors)?)?;
        let step = checkpoint.step().unwrap_or(0);
        Ok((ModelCard::new(self.name.clone(), step, architecture, content, sample), network))
    }

    fn ncsn(
        &self,
        tensors: &NamedTensors,
        [channels, height, width]: [usize; 3],
        features: usize,
    ) -> Result<(Architecture, SampleConfig)> {
        let Some(&levels) = shape(tensors, "normalizer.embed.weight")?.first() else {
            bail!("normalizer.embed.weight has no shape");
        };
        // Of pixels from −1 to 1, where levels are twice those of pixels from 0 to 1.
        let [top, bottom] = self.levels.unwrap_or([1.0, 0.01]).map(|level| 2.0 * level);
        let config =
            NcsnConfig { channels, height, width, features, levels, top, bottom, ..NcsnConfig::default() };
        let usual = SampleConfig::default().langevin;
        let langevin = LangevinConfig { top, bottom, levels, steps_per_level: 100, step_ratio: 0.2, ..usual };
        Ok((Architecture::Ncsn(config), sampled(langevin)))
    }

    fn ncsnv2(
        &self,
        tensors: &NamedTensors,
        [channels, height, width]: [usize; 3],
        features: usize,
    ) -> Result<(Architecture, SampleConfig)> {
        shape(tensors, "normalizer.alpha")?;
        let ladder: Vec<f64> =
            tensors.get("sigmas").map_or(vec![], |sigmas| sigmas.iter::<f64>().map(to_six_digits).collect());
        let found = ladder.first().copied().zip(ladder.last().copied()).map(|(top, bottom)| [top, bottom]);
        let [top, bottom] = self.levels.or(found).unwrap_or([50.0, 0.01]).map(|level| 2.0 * level);
        let levels = if ladder.len() < 2 { 232 } else { ladder.len() };
        let config = NcsnV2Config { channels, height, width, features, ..NcsnV2Config::default() };
        let usual = SampleConfig::default().langevin;
        let langevin = LangevinConfig { top, bottom, levels, steps_per_level: 5, step_ratio: 0.062, ..usual };
        Ok((Architecture::NcsnV2(config), sampled(langevin)))
    }
}

/// A level of a checkpoint, which single precision has made of a number of few digits.
fn to_six_digits(level: f64) -> f64 {
    format!("{level:.5e}").parse().unwrap_or(level)
}

/// Annealed Langevin dynamics, as the papers sample.
fn sampled(langevin: LangevinConfig) -> SampleConfig {
    let default = SampleConfig::default();
    let heun = HeunConfig { top: langevin.top, bottom: langevin.bottom, ..default.heun };
    SampleConfig { sampler: "annealed-langevin".into(), langevin, heun, ..default }
}
