//! The network for images.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::layers::{
    Block, BlockRules, Convolution, GroupNorm, NoiseEmbedding, TransposedConvolution, pixel_shuffle,
    pixel_unshuffle,
};
use crate::unet_rules::HeldUNet;
use crate::{ConditionalLayer, Init, ModelError, NoiseConditional};

/// What a [`UNet`] is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UNetConfig {
    /// Colours of an image.
    pub channels: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Side of the squares of pixels that the first layer sees as one; 1 leaves the image as it is.
    pub patch: usize,
    /// Channels at each resolution, the finest first; each is half as high and wide as the one before.
    pub widths: Vec<usize>,
    /// Residual blocks at each resolution; all but the last are met twice, on the way down and up.
    pub blocks: Vec<usize>,
    /// Groups of each normalisation.
    pub groups: usize,
    /// Numbers in the embedding of the noise level.
    pub embedding: usize,
    /// Frequencies in it.
    pub frequencies: usize,
}

impl UNetConfig {
    /// The reference network, for 28×28 images in one colour: 390,980 parameters.
    pub fn reference() -> Self {
        Self {
            channels: 1,
            height: 28,
            width: 28,
            patch: 2,
            widths: vec![32, 64],
            blocks: vec![1, 3],
            groups: 8,
            embedding: 128,
            frequencies: 32,
        }
    }

    /// # Errors
    /// [`ModelError::Architecture`], naming the field that no network can have.
    pub fn validate(&self) -> Result<(), ModelError> {
        let refuse = |field, found: String, expected: &str| {
            Err(ModelError::Architecture { field, found, expected: expected.into() })
        };
        let counts = [
            ("channels", self.channels),
            ("height", self.height),
            ("width", self.width),
            ("patch", self.patch),
            ("groups", self.groups),
            ("embedding", self.embedding),
            ("frequencies", self.frequencies),
        ];
        for (field, count) in counts {
            if !(1..=65_536).contains(&count) {
                return refuse(field, count.to_string(), "1 to 65,536");
            }
        }
        if self.widths.is_empty() || self.widths.len() > 8 {
            return refuse("widths", format!("{:?}", self.widths), "one to eight widths");
        }
        if let Some(width) = self.widths.iter().find(|&&w| w == 0 || 65_536 < w || w % self.groups != 0) {
            return refuse(
                "widths",
                width.to_string(),
                &format!("a positive multiple of groups = {}", self.groups),
            );
        }
        if self.blocks.len() != self.widths.len() || self.blocks.iter().any(|n| !(1..=64).contains(n)) {
            let expected = format!("1 to 64 blocks for each of the {} widths", self.widths.len());
            return refuse("blocks", format!("{:?}", self.blocks), &expected);
        }
        let step = self.patch << (self.widths.len() - 1);
        for (field, side) in [("height", self.height), ("width", self.width)] {
            if side % step != 0 {
                return refuse(
                    field,
                    side.to_string(),
                    &format!("a multiple of {step} (patch and resolutions)"),
                );
            }
        }
        Ok(())
    }
}

/// A U-Net: fine features go down through coarser resolutions and come back beside themselves.
///
/// The last convolution starts at zero weight, so a new network says f = its bias.
///
/// # Reference
/// Ronneberger, Fischer and Brox (2015), *U-Net*; residual blocks as in Song and Ermon (2019).
#[derive(Module, Debug)]
pub struct UNet {
    embedding: NoiseEmbedding,
    stem: Convolution,
    encoder: Vec<Down>,
    middle: Vec<Block>,
    decoder: Vec<Up>,
    norm: GroupNorm,
    out: Convolution,
    #[module(skip)]
    config: UNetConfig,
}

/// Blocks at one resolution, then half of it.
#[derive(Module, Debug)]
struct Down {
    blocks: Vec<Block>,
    halve: Convolution,
}

/// Back at one resolution, then blocks, the first of which takes in what the way down left.
#[derive(Module, Debug)]
struct Up {
    double: TransposedConvolution,
    blocks: Vec<Block>,
}

impl UNet {
    /// A new network.
    ///
    /// # Errors
    /// Those of [`UNetConfig::validate`].
    pub fn new(config: &UNetConfig, init: &Init) -> Result<Self, ModelError> {
        config.validate()?;
        let UNetConfig { widths, groups, embedding, .. } = config;
        let squares = config.channels * config.patch * config.patch;
        let block = |inputs, outputs, init: &Init| Block::new(inputs, outputs, *embedding, *groups, init);
        let blocks = |inputs, outputs, n, init: &Init| -> Vec<Block> {
            (0..n).map(|i| block(if i == 0 { inputs } else { outputs }, outputs, &init.nth(i))).collect()
        };
        let last = widths.len() - 1;
        let down = |i: usize| {
            let init = init.part("encoder").nth(i);
            let halve = Convolution::new(widths[i], widths[i + 1], 3, 2, &init.part("halve"));
            Down { blocks: blocks(widths[i], widths[i], config.blocks[i], &init), halve }
        };
        let up = |i: usize| {
            let init = init.part("decoder").nth(i);
            let double = TransposedConvolution::new(widths[i + 1], widths[i], &init.part("double"));
            Up { double, blocks: blocks(2 * widths[i], widths[i], config.blocks[i], &init) }
        };
        let out = init.part("out");
        Ok(Self {
            embedding: NoiseEmbedding::new(config.frequencies, *embedding, &init.part("embedding")),
            stem: Convolution::new(squares, widths[0], 3, 1, &init.part("stem")),
            encoder: (0..last).map(down).collect(),
            middle: blocks(widths[last], widths[last], config.blocks[last], &init.part("middle")),
            decoder: (0..last).rev().map(up).collect(),
            norm: GroupNorm::new(widths[0], *groups, &init.part("norm")),
            out: Convolution::new(widths[0], squares, 3, 1, &out).with_zero_weight(&out),
            config: config.clone(),
        })
    }

    /// What the network is made of.
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }
}

impl NoiseConditional for UNet {
    fn forward(&self, x: Tensor<2>, c: Tensor<1>) -> Tensor<2> {
        let UNetConfig { channels, height, width, patch, .. } = self.config;
        let ([batch, dim], expected) = (x.dims(), channels * height * width);
        assert_eq!(dim, expected, "images of {channels}×{height}×{width} were given as {:?}", x.dims());

        let e = self.embedding.forward(c);
        let run =
            |blocks: &[Block], h: Tensor<4>| blocks.iter().fold(h, |h, block| block.forward(h, e.clone()));
        let mut h = self.stem.forward(pixel_unshuffle(x.reshape([batch, channels, height, width]), patch));
        let mut beside = Vec::with_capacity(self.encoder.len());
        for Down { blocks, halve } in &self.encoder {
            let fine = run(blocks, h);
            h = halve.forward(fine.clone());
            beside.push(fine);
        }
        h = run(&self.middle, h);
        for (Up { double, blocks }, fine) in self.decoder.iter().zip(beside.into_iter().rev()) {
            h = run(blocks, Tensor::cat(vec![double.forward(h), fine], 1));
        }
        pixel_shuffle(self.out.forward(self.norm.silu(h)), patch).reshape([batch, dim])
    }
}

impl ConditionalLayer for UNet {
    type Held<'a> = HeldUNet<'a>;

    fn hold(&self, c: Tensor<1>) -> HeldUNet<'_> {
        let e = self.embedding.forward(c);
        let UNetConfig { channels, height, width, patch, .. } = self.config;
        HeldUNet {
            stem: &self.stem,
            encoder: self.encoder.iter().map(|down| (held(&down.blocks, &e), &down.halve)).collect(),
            middle: held(&self.middle, &e),
            decoder: self.decoder.iter().map(|up| (&up.double, held(&up.blocks, &e))).collect(),
            out: (self.norm.hold(None), &self.out),
            image: [channels, height, width],
            patch,
        }
    }
}

fn held<'a>(blocks: &'a [Block], e: &Tensor<2>) -> Box<[BlockRules<'a>]> {
    blocks.iter().map(|block| block.hold(e.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use ebm_ops::Noise;

    fn build(config: &UNetConfig) -> Result<UNet, ModelError> {
        UNet::new(config, &Init::new(Noise::seeded(1), &Device::flex()))
    }

    #[test]
    fn the_reference_network_has_its_number_of_parameters() {
        assert_eq!(build(&UNetConfig::reference()).unwrap().num_params(), 390_980);
    }

    #[test]
    fn a_new_network_answers_its_last_bias_and_rows_do_not_see_each_other() {
        let config = UNetConfig {
            channels: 3,
            height: 16,
            width: 8,
            widths: vec![8, 16, 8],
            blocks: vec![1, 2, 1],
            ..UNetConfig::reference()
        };
        let network = build(&config).unwrap();
        let x = Noise::seeded(2).normal([2, 3 * 16 * 8], &Device::flex());
        let c = Tensor::from_data([0.1, -0.4], &Device::flex());
        let both = network.forward(x.clone(), c.clone());
        let second = network.forward(x.narrow(0, 1, 1), c.narrow(0, 1, 1));
        let difference = (both.clone().narrow(0, 1, 1) - second).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-6, "{difference}");
        let spread = (both.clone().narrow(0, 0, 1) - both.narrow(0, 1, 1)).abs().max().into_scalar::<f32>();
        assert_eq!(spread, 0.0);
    }

    #[test]
    fn a_configuration_without_a_network_is_refused_by_its_field() {
        let reference = UNetConfig::reference();
        let wrong = [
            (UNetConfig { height: 30, ..reference.clone() }, "height = 30, expected a multiple of 4"),
            (UNetConfig { widths: vec![32, 60], ..reference.clone() }, "widths = 60"),
            (UNetConfig { blocks: vec![1], ..reference.clone() }, "blocks = [1]"),
            (UNetConfig { patch: 0, ..reference }, "patch = 0"),
        ];
        for (config, expected) in wrong {
            let error = build(&config).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
