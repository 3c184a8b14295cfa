//! The RefineNets of Song and Ermon.

use ebm_model::weights::{NamedTensors, foreign::NCSN};
use ebm_model::{Architecture, NcsnConfig, NcsnV2Config};

use super::found::{Found, ends, levels};
use crate::error::{Context, Result, bail};
use crate::sampling::{HeunConfig, LangevinConfig, SampleConfig};

/// Sizes of a network that its tensors tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Colours of an image.
    pub channels: usize,
    /// Channels of its first layer.
    pub features: usize,
}

impl Sizes {
    fn of(tensors: &NamedTensors) -> Result<Self> {
        let deeper = tensors.keys().find(|name| name.starts_with("res5.") || name.starts_with("res31."));
        if let Some(name) = deeper {
            bail!(
                "it has {name}: the deeper networks of NCSNv2, for images beyond 64 pixels, are not known here"
            );
        }
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

/// The network of ermongroup/ncsn, with its highest and lowest level of pixels from 0 to 1 if they are given.
///
/// # Errors
/// If the tensors are not of one.
pub(super) fn ncsn(tensors: NamedTensors, given: Option<[f64; 2]>) -> Result<Found> {
    let Sizes { channels, features } = Sizes::of(&tensors)?;
    let Some(&levels) = shape(&tensors, "normalizer.embed.weight")?.first() else {
        bail!("normalizer.embed.weight has no shape");
    };
    // Of pixels from −1 to 1, where levels are twice those of pixels from 0 to 1.
    let [top, bottom] = given.unwrap_or([1.0, 0.01]).map(|level| 2.0 * level);
    let config = NcsnConfig { channels, features, levels, top, bottom, ..NcsnConfig::default() };
    let usual = SampleConfig::default().langevin;
    let langevin = LangevinConfig { top, bottom, levels, steps_per_level: 100, step_ratio: 0.2, ..usual };
    found(Architecture::Ncsn(config), langevin, tensors)
}

/// The network of ermongroup/ncsnv2, as [`ncsn`]; without levels that are given, those of the tensors.
///
/// # Errors
/// If the tensors are not of one.
pub(super) fn ncsnv2(tensors: NamedTensors, given: Option<[f64; 2]>) -> Result<Found> {
    let Sizes { channels, features } = Sizes::of(&tensors)?;
    shape(&tensors, "normalizer.alpha")?;
    let ladder = levels(&tensors);
    let [top, bottom] = given.or(ends(&ladder)).unwrap_or([50.0, 0.01]).map(|level| 2.0 * level);
    let levels = if ladder.len() < 2 { 232 } else { ladder.len() };
    let config = NcsnV2Config { channels, features, ..NcsnV2Config::default() };
    let usual = SampleConfig::default().langevin;
    let langevin = LangevinConfig { top, bottom, levels, steps_per_level: 5, step_ratio: 0.062, ..usual };
    found(Architecture::NcsnV2(config), langevin, tensors)
}

/// Sampled by annealed Langevin dynamics, as in the papers.
fn found(architecture: Architecture, langevin: LangevinConfig, tensors: NamedTensors) -> Result<Found> {
    let default = SampleConfig::default();
    let heun = HeunConfig { top: langevin.top, bottom: langevin.bottom, ..default.heun };
    let sample = SampleConfig { sampler: "annealed-langevin".into(), langevin, heun, ..default };
    Ok(Found { architecture, sample, tensors: NCSN.apply(tensors)?, assumed: None })
}
