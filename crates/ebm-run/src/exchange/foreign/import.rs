//! Networks of others as model files of this program.

use burn::tensor::Device;
use ebm_model::{Init, Input, Network, NetworkConfig, weights};
use ebm_ops::Noise;

use super::checkpoint::{Checkpoint, Weights};
use super::found::Found;
use super::refinenets::{ncsn, ncsnv2};
use super::score_sde::score_sde;
use crate::card::{Content, ModelCard};
use crate::error::{Result, anyhow, bail, usage};

/// A network of others that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignKind {
    /// The noise-conditional RefineNet of ermongroup/ncsn.
    Ncsn,
    /// The unconditional RefineNet of ermongroup/ncsnv2.
    NcsnV2,
    /// NCSN++ or DDPM++ in continuous time of yang-song/score_sde_pytorch.
    ScoreSde,
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

impl ForeignKind {
    /// Every kind with its name.
    pub const ALL: [(&'static str, Self); 3] =
        [("ncsn", Self::Ncsn), ("ncsnv2", Self::NcsnV2), ("score-sde", Self::ScoreSde)];
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
        let Found { architecture, sample, tensors, assumed } = match self.kind {
            ForeignKind::Ncsn => ncsn(tensors, self.levels)?,
            ForeignKind::NcsnV2 => ncsnv2(tensors, self.levels)?,
            ForeignKind::ScoreSde => score_sde(tensors, self.levels)?,
        };
        // As whoever reads the file does.
        let doubled = "levels of pixels from -1 to 1 are twice those of pixels from 0 to 1";
        sample.check().map_err(|error| usage(error.context(doubled)))?;
        let Input::Image { channels, .. } = architecture.input() else { bail!("it is no network of images") };
        let [height, width] = match (self.sides, channels) {
            (Some(sides), _) => sides,
            (None, 1) => [28, 28],
            (None, 3) => [32, 32],
            _ => bail!(usage(anyhow!(
                "a network for images of {channels} colours: --size says how large they are"
            ))),
        };
        if self.sides.is_none() {
            notice(&format!("images of {height}×{width} are assumed; --size says another size"));
        }
        if let Some(assumed) = assumed {
            notice(assumed);
        }
        let architecture = architecture.fitted(Input::Image { channels, height, width });
        let content = Content::Image { channels, height, width };
        let network = architecture.build(&Init::new(Noise::seeded(0), device)).map_err(usage)?;
        let network = weights::apply(network, tensors)?;
        let step = checkpoint.step().unwrap_or(0);
        Ok((ModelCard::new(self.name.clone(), step, architecture, content, sample), network))
    }
}
