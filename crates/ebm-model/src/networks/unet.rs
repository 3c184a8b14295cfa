//! The conditional network for images.

mod config;
mod rules;

use burn::module::Module;
use burn::tensor::Tensor;

use crate::layers::{
    AugmentationEmbedding, Block, BlockRules, ClassEmbedding, Convolution, GroupNorm, NoiseEmbedding,
    TransposedConvolution, pixel_shuffle, pixel_unshuffle,
};
use crate::networks::beside::beside;
use crate::networks::conditional::trace_to_level;
use crate::networks::input::fill_image;
use crate::{
    Capabilities, ConditionalLayer, Init, Input, LevelConditional, LevelPullback, ModelError, NetworkConfig,
    NoiseConditional, RowLabels,
};

pub use config::UNetConfig;
pub use rules::{ConditionedUNet, UNetTrace};

/// A U-Net: an encoder through coarser resolutions, and a decoder back that concatenates the features of each.
///
/// The weight of the last convolution starts at zero, so the output of a new network is its bias.
///
/// # Reference
/// Ronneberger, Fischer and Brox (2015), *U-Net*; residual blocks as in Song and Ermon (2019).
#[derive(Module, Debug)]
pub struct UNet {
    embedding: NoiseEmbedding,
    classes: Option<ClassEmbedding>,
    augmentations: Option<AugmentationEmbedding>,
    stem: Convolution,
    encoder: Vec<Down>,
    middle: Vec<Block>,
    decoder: Vec<Up>,
    norm: GroupNorm,
    out: Convolution,
    #[module(skip)]
    config: UNetConfig,
}

/// Blocks at one resolution, then a convolution that halves it.
#[derive(Module, Debug)]
struct Down {
    blocks: Vec<Block>,
    halve: Convolution,
}

/// A transposed convolution back to one resolution, then blocks, the first of which also reads the features that the
/// encoder has at this resolution.
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
        let (out, features) = (init.part("out"), 2 * config.frequencies);
        Ok(Self {
            embedding: NoiseEmbedding::new(config.frequencies, *embedding, &init.part("embedding")),
            classes: ClassEmbedding::of(config.classes, features, &init.part("classes")),
            augmentations: AugmentationEmbedding::of(
                config.augmentations,
                features,
                &init.part("augmentations"),
            ),
            stem: Convolution::new(squares, widths[0], 3, 1, &init.part("stem")),
            encoder: (0..last).map(down).collect(),
            middle: blocks(widths[last], widths[last], config.blocks[last], &init.part("middle")),
            decoder: (0..last).rev().map(up).collect(),
            norm: GroupNorm::new(widths[0], *groups, &init.part("norm")),
            out: Convolution::new(widths[0], squares, 3, 1, &out).with_zero_weight(&out),
            config: config.clone(),
        })
    }

    /// The description of the network.
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// The embedding of the noise level and of the labels.
    fn embed(&self, c: Tensor<1>, labels: RowLabels) -> Tensor<2> {
        self.embedding.forward_beside(c, self.beside(labels))
    }

    /// The embedding of the noise level without labels, and its derivative in c.
    fn embed_with_slope(&self, c: Tensor<1>) -> (Tensor<2>, Tensor<2>) {
        self.embedding.with_slope_beside(c, self.beside(RowLabels::default()))
    }

    /// What is added to the sines and cosines of the noise level.
    fn beside(&self, labels: RowLabels) -> Option<Tensor<2>> {
        beside(self.classes.as_ref(), self.augmentations.as_ref(), labels)
    }

    /// f with this embedding, by fused operations.
    fn evaluate(&self, x: Tensor<2>, e: Tensor<2>) -> Tensor<2> {
        let (images, patch) = (self.config.images(), self.config.patch);
        let run =
            |blocks: &[Block], h: Tensor<4>| blocks.iter().fold(h, |h, block| block.forward(h, e.clone()));
        let mut h = self.stem.forward(pixel_unshuffle(images.pad(x), patch));
        let mut skips = Vec::with_capacity(self.encoder.len());
        for Down { blocks, halve } in &self.encoder {
            let fine = run(blocks, h);
            h = halve.forward(fine.clone());
            skips.push(fine);
        }
        h = run(&self.middle, h);
        for (Up { double, blocks }, fine) in self.decoder.iter().zip(skips.into_iter().rev()) {
            h = run(blocks, Tensor::cat(vec![double.forward(h), fine], 1));
        }
        images.crop(pixel_shuffle(self.out.forward(self.norm.silu(h)), patch))
    }

    /// The network with this embedding, as layers with rules; `motion` is the derivative of the embedding in c, if the
    /// reverse rule goes back to it.
    fn conditioned<'a>(&'a self, e: Tensor<2>, motion: Option<Tensor<2>>) -> ConditionedUNet<'a> {
        let of = |blocks: &'a [Block]| conditioned(blocks, &e, motion.as_ref());
        ConditionedUNet {
            stem: &self.stem,
            encoder: self.encoder.iter().map(|down| (of(&down.blocks), &down.halve)).collect(),
            middle: of(&self.middle),
            decoder: self.decoder.iter().map(|up| (&up.double, of(&up.blocks))).collect(),
            out: (self.norm.rules(None), &self.out),
            images: self.config.images(),
            patch: self.config.patch,
        }
    }
}

impl NoiseConditional for UNet {
    fn forward(&self, x: Tensor<2>, c: Tensor<1>) -> Tensor<2> {
        self.evaluate(x, self.embed(c, RowLabels::default()))
    }

    fn n_classes(&self) -> usize {
        self.config.classes
    }

    fn n_augmentations(&self) -> usize {
        self.config.augmentations
    }

    fn forward_given(&self, x: Tensor<2>, c: Tensor<1>, labels: RowLabels) -> Tensor<2> {
        self.evaluate(x, self.embed(c, labels))
    }
}

impl NetworkConfig for UNetConfig {
    type Network = UNet;

    fn construct(&self, init: &Init) -> Result<UNet, ModelError> {
        UNet::new(self, init)
    }

    fn input(&self) -> Input {
        Input::Image { channels: self.channels, height: self.height, width: self.width }
    }

    fn fitted(mut self, found: Input) -> Self {
        fill_image([&mut self.channels, &mut self.height, &mut self.width], found);
        self
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn augmentations(&self) -> usize {
        self.augmentations
    }
}

/// A network f(x, c), neither a score nor an energy by itself.
impl Capabilities for UNet {}

impl ConditionalLayer for UNet {
    type Conditioned<'a> = ConditionedUNet<'a>;

    fn condition(&self, c: Tensor<1>) -> ConditionedUNet<'_> {
        self.conditioned(self.embed(c, RowLabels::default()), None)
    }

    fn condition_given(&self, c: Tensor<1>, labels: RowLabels) -> ConditionedUNet<'_> {
        self.conditioned(self.embed(c, labels), None)
    }
}

fn conditioned<'a>(blocks: &'a [Block], e: &Tensor<2>, motion: Option<&Tensor<2>>) -> Box<[BlockRules<'a>]> {
    let rules = |block: &'a Block| match motion {
        None => block.condition(e.clone()),
        Some(motion) => block.condition_moving(e.clone(), motion.clone()),
    };
    blocks.iter().map(rules).collect()
}

impl LevelConditional for UNet {
    fn trace_to_level(&self, x: Tensor<2>, c: Tensor<1>) -> (Tensor<2>, LevelPullback<'_>) {
        let (e, motion) = self.embed_with_slope(c);
        trace_to_level(self.conditioned(e, Some(motion)), x)
    }
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
    fn a_new_network_returns_its_last_bias_and_rows_are_independent() {
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
    fn images_of_any_size_come_out_at_their_size() {
        for (height, width) in [(13, 15), (11, 17), (5, 5), (30, 28), (1, 1), (2, 7)] {
            let config = UNetConfig { height, width, widths: vec![8, 8], ..UNetConfig::reference() };
            let config = UNetConfig { blocks: vec![1, 1], ..config };
            let x = Noise::seeded(2).normal([3, height * width], &Device::flex());
            let y = build(&config).unwrap().forward(x, Tensor::from_data([0.1, 0.2, -0.4], &Device::flex()));
            assert_eq!(y.dims(), [3, height * width]);
            assert!(y.into_data().iter::<f32>().all(f32::is_finite), "{height}×{width}");
        }
    }

    #[test]
    fn an_impossible_configuration_is_refused_by_its_field() {
        let reference = UNetConfig::reference();
        let wrong = [
            (UNetConfig { height: 0, ..reference.clone() }, "height: expected 1 to 65,536, found 0"),
            (
                UNetConfig { widths: vec![32, 100_000], ..reference.clone() },
                "widths: expected 1 to 65,536, found 100000",
            ),
            (
                UNetConfig { widths: vec![32, 60], ..reference.clone() },
                "widths: expected a positive multiple of groups = 8, found 60",
            ),
            (UNetConfig { blocks: vec![1], ..reference.clone() }, "found [1]"),
            (UNetConfig { patch: 0, ..reference.clone() }, "patch: expected 1 to 65,536, found 0"),
            (UNetConfig { patch: 60, ..reference }, "found 120 for images of 28×28"),
        ];
        for (config, expected) in wrong {
            let error = build(&config).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
