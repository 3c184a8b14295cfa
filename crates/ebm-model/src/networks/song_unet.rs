//! The U-Net of score-based diffusion models: DDPM++ and NCSN++.

mod block;
mod config;
mod rules;

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::Noise;

use crate::layers::{
    AugmentationEmbedding, ClassEmbedding, Convolution, Dropout, GroupNorm, NoiseEmbedding, Resample,
};
use crate::networks::beside::beside;
use crate::networks::conditional::trace_to_level;
use crate::networks::input::fill_image;
use crate::{
    Capabilities, ConditionalLayer, Init, Input, LevelConditional, LevelPullback, ModelError, NetworkConfig,
    NoiseConditional, RowLabels,
};
use block::{Extra, norm};
use rules::{DecoderStep, EncoderStep};

pub use block::{SongBlock, SongBlockRules};
pub use config::{EncoderInput, NoiseFeatures, SongUNetConfig};
pub use rules::{ConditionedSongUNet, SongUNetTrace};

/// DDPM++ or NCSN++: a U-Net whose decoder reads what every block of the encoder made, with attention over pixels.
///
/// It differs from [`UNet`](crate::UNet) in that every block of the decoder is given the features of one step of the
/// encoder, not only the first of a resolution; resolutions change inside a residual block, by a fixed filter; sums
/// are divided by √2; and there is attention, with dropout in training. The weight of the last convolution starts at
/// zero.
///
/// The parts have these names in EDM's `SongUNet`, r being the height of a resolution:
///
/// | here | there |
/// |---|---|
/// | `embedding.hidden`, `embedding.out` | `map_layer0`, `map_layer1` |
/// | `embedding.frequencies` | `map_noise.freqs` times 2π (NCSN++) |
/// | `classes.weight` | `map_label` and no label, transposed (conditional networks) |
/// | `augmentations.weight` | `map_augment`, transposed (networks that are given augmentations) |
/// | `stem` | `enc.{r}x{r}_conv` |
/// | `encoder.{i}.down.block` | `enc.{r}x{r}_down` |
/// | `encoder.{i}.down.image` | `enc.{r}x{r}_aux_residual` |
/// | `encoder.{i}.blocks.{k}` | `enc.{r}x{r}_block{k}` |
/// | `middle.{k}` | `dec.{r}x{r}_in{k}` |
/// | `decoder.{j}.up` | `dec.{r}x{r}_up` |
/// | `decoder.{j}.blocks.{k}` | `dec.{r}x{r}_block{k}` |
/// | `norm`, `out` | `dec.{r}x{r}_aux_norm`, `dec.{r}x{r}_aux_conv` |
/// | `first_norm`, `first`, `shift`, `second_norm`, `second`, `skip` of a block | `norm0`, `conv0`, `affine`, `norm1`, `conv1`, `skip` |
/// | `attention.norm`, `attention.out` | `norm2`, `proj` |
/// | `attention.query`, `.key`, `.value` | `qkv`, every third row from 0, 1 and 2 (one head) |
///
/// The encoder is counted from the finest resolution, the decoder from the coarsest; weights of dense layers are
/// transposed.
///
/// In `ncsnpp` of score_sde_pytorch the same parts are modules with numbers, which
/// [`score_sde`](crate::weights::foreign::score_sde()) finds.
///
/// # Reference
/// Song, Sohl-Dickstein, Kingma, Kumar, Ermon and Poole (2021), *Score-based generative modeling through stochastic
/// differential equations*, §H; Karras, Aittala, Aila and Laine (2022), *Elucidating the design space of
/// diffusion-based generative models*, table 8.
#[derive(Module, Debug)]
pub struct SongUNet {
    embedding: NoiseEmbedding,
    classes: Option<ClassEmbedding>,
    augmentations: Option<AugmentationEmbedding>,
    stem: Convolution,
    encoder: Vec<Coarser>,
    middle: Vec<SongBlock>,
    decoder: Vec<Finer>,
    norm: GroupNorm,
    out: Convolution,
    #[module(skip)]
    config: SongUNetConfig,
}

/// One resolution of the encoder: the way down to it, then blocks.
#[derive(Module, Debug)]
struct Coarser {
    down: Option<Down>,
    blocks: Vec<SongBlock>,
}

/// A block that halves the resolution, and the convolution of the picture beside it.
#[derive(Module, Debug)]
struct Down {
    block: SongBlock,
    image: Option<Convolution>,
}

/// One resolution of the decoder: the way up to it, then blocks.
#[derive(Module, Debug)]
struct Finer {
    up: Option<SongBlock>,
    blocks: Vec<SongBlock>,
}

impl SongUNet {
    /// A new network.
    ///
    /// # Errors
    /// Those of [`SongUNetConfig::validate`].
    pub fn new(config: &SongUNetConfig, init: &Init) -> Result<Self, ModelError> {
        config.validate()?;
        let (last, stem, filter) = (config.widths.len() - 1, config.stem, config.filter);
        let resampled = |resample| Extra { resample: Some(resample), attends: false };

        // the channels of what each step of the encoder leaves for the decoder
        let (mut width, mut picture, mut skips) = (stem, config.channels, vec![stem]);
        let mut encoder = Vec::with_capacity(last + 1);
        for level in 0..=last {
            let init = init.part("encoder").nth(level);
            let down = (0 < level).then(|| {
                let init = init.part("down");
                let halve = resampled(Resample::halve(filter));
                let reads = config.encoder == EncoderInput::Residual;
                let inputs = std::mem::replace(&mut picture, width);
                let convolution = || Convolution::glorot(inputs, width, 3, 1.0, &init.part("image"));
                skips.push(width);
                Down {
                    block: SongBlock::new(config, width, width, halve, &init.part("block")),
                    image: reads.then(|| convolution().with_padding(1 + filter.reach())),
                }
            });
            let attends = config.attention.contains(&level);
            let mut blocks = Vec::with_capacity(config.blocks[level]);
            for k in 0..config.blocks[level] {
                let (extra, init) = (Extra { attends, resample: None }, init.part("blocks").nth(k));
                blocks.push(SongBlock::new(config, width, config.widths[level], extra, &init));
                width = config.widths[level];
                skips.push(width);
            }
            encoder.push(Coarser { down, blocks });
        }
        let middle = [true, false].into_iter().enumerate().map(|(k, attends)| {
            let (extra, init) = (Extra { attends, resample: None }, init.part("middle").nth(k));
            SongBlock::new(config, width, width, extra, &init)
        });
        let middle = middle.collect();
        let mut decoder = Vec::with_capacity(last + 1);
        for level in (0..=last).rev() {
            let init = init.part("decoder").nth(last - level);
            let up = (level < last).then(|| {
                let double = resampled(Resample::double(filter));
                SongBlock::new(config, width, width, double, &init.part("up"))
            });
            let mut blocks = Vec::with_capacity(config.blocks[level] + 1);
            for k in 0..=config.blocks[level] {
                let attends = k == config.blocks[level] && config.attention.contains(&level);
                let (extra, init) = (Extra { attends, resample: None }, init.part("blocks").nth(k));
                let inputs = width + skips.pop().expect("the encoder leaves one for each block");
                blocks.push(SongBlock::new(config, inputs, config.widths[level], extra, &init));
                width = config.widths[level];
            }
            decoder.push(Finer { up, blocks });
        }
        let embedding = init.part("embedding");
        let frequencies = config.frequencies(|n| embedding.normals("frequencies", n));
        let (out, features) = (init.part("out"), 2 * config.frequencies);
        Ok(Self {
            embedding: NoiseEmbedding::with_frequencies(&frequencies, config.embedding, &embedding),
            classes: ClassEmbedding::of(config.classes, features, &init.part("classes")),
            augmentations: AugmentationEmbedding::of(
                config.augmentations,
                features,
                &init.part("augmentations"),
            ),
            stem: Convolution::glorot(config.channels, stem, 3, 1.0, &init.part("stem")),
            encoder,
            middle,
            decoder,
            norm: norm(config, width, &init.part("norm")),
            out: Convolution::glorot(width, config.channels, 3, 1.0, &out).with_zero_weight(&out),
            config: config.clone(),
        })
    }

    /// The description of the network.
    pub fn config(&self) -> &SongUNetConfig {
        &self.config
    }

    /// What is added to the sines and cosines of the noise level.
    fn beside(&self, labels: RowLabels) -> Option<Tensor<2>> {
        beside(self.classes.as_ref(), self.augmentations.as_ref(), labels)
    }

    /// The network at `c` for rows with these labels, with masks of dropout from `noise` if there is any.
    fn conditioned(
        &self,
        c: Tensor<1>,
        labels: RowLabels,
        noise: Option<&mut Noise>,
    ) -> ConditionedSongUNet<'_> {
        self.at_embedding(self.embedding.forward_beside(c, self.beside(labels)), None, noise)
    }

    /// The network for an embedding, with what the reverse rule needs of its `motion`, the derivative in c.
    fn at_embedding(
        &self,
        e: Tensor<2>,
        motion: Option<Tensor<2>>,
        mut noise: Option<&mut Noise>,
    ) -> ConditionedSongUNet<'_> {
        let rate = self.config.dropout;
        let images = self.config.images();
        let mut block = |block, level: usize| -> SongBlockRules<'_> {
            let block: &SongBlock = block;
            let size = images.sides().map(|side| side >> level);
            let mask = |noise: &mut &mut Noise| block.dropout(rate, &e, size, noise);
            let dropout: Option<Dropout> = noise.as_mut().filter(|_| 0.0 < rate).map(mask);
            block.condition(e.clone(), motion.clone(), dropout)
        };
        let (mut encoder, mut decoder) = (vec![], vec![]);
        for (level, Coarser { down, blocks }) in self.encoder.iter().enumerate() {
            if let Some(Down { block: down, image }) = down {
                let halve = Resample::halve_within(self.config.filter);
                let image = image.as_ref().map(|convolution| (convolution, halve));
                encoder.push(EncoderStep { block: block(down, level), image });
            }
            encoder.extend(blocks.iter().map(|b| EncoderStep { block: block(b, level), image: None }));
        }
        let last = self.encoder.len() - 1;
        let middle = self.middle.iter().map(|b| block(b, last)).collect();
        for (k, Finer { up, blocks }) in self.decoder.iter().enumerate() {
            let level = last - k;
            decoder.extend(up.iter().map(|b| DecoderStep { block: block(b, level), joins: false }));
            decoder.extend(blocks.iter().map(|b| DecoderStep { block: block(b, level), joins: true }));
        }
        ConditionedSongUNet {
            stem: &self.stem,
            encoder,
            middle,
            decoder,
            out: (self.norm.rules(None), &self.out),
            images,
        }
    }
}

impl NoiseConditional for SongUNet {
    fn forward(&self, x: Tensor<2>, c: Tensor<1>) -> Tensor<2> {
        self.conditioned(c, RowLabels::default(), None).evaluate(x)
    }

    fn forward_in_training(&self, x: Tensor<2>, c: Tensor<1>, noise: &mut Noise) -> Tensor<2> {
        self.conditioned(c, RowLabels::default(), Some(noise)).evaluate(x)
    }

    fn n_classes(&self) -> usize {
        self.config.classes
    }

    fn n_augmentations(&self) -> usize {
        self.config.augmentations
    }

    fn forward_given(&self, x: Tensor<2>, c: Tensor<1>, labels: RowLabels) -> Tensor<2> {
        self.conditioned(c, labels, None).evaluate(x)
    }

    fn forward_given_in_training(
        &self,
        x: Tensor<2>,
        c: Tensor<1>,
        labels: RowLabels,
        noise: &mut Noise,
    ) -> Tensor<2> {
        self.conditioned(c, labels, Some(noise)).evaluate(x)
    }
}

impl ConditionalLayer for SongUNet {
    type Conditioned<'a> = ConditionedSongUNet<'a>;

    fn condition(&self, c: Tensor<1>) -> ConditionedSongUNet<'_> {
        self.conditioned(c, RowLabels::default(), None)
    }

    fn condition_in_training(&self, c: Tensor<1>, noise: &mut Noise) -> ConditionedSongUNet<'_> {
        self.conditioned(c, RowLabels::default(), Some(noise))
    }

    fn condition_given(&self, c: Tensor<1>, labels: RowLabels) -> ConditionedSongUNet<'_> {
        self.conditioned(c, labels, None)
    }

    fn condition_given_in_training(
        &self,
        c: Tensor<1>,
        labels: RowLabels,
        noise: &mut Noise,
    ) -> ConditionedSongUNet<'_> {
        self.conditioned(c, labels, Some(noise))
    }
}

impl LevelConditional for SongUNet {
    fn trace_to_level(&self, x: Tensor<2>, c: Tensor<1>) -> (Tensor<2>, LevelPullback<'_>) {
        let (e, motion) = self.embedding.with_slope_beside(c, self.beside(RowLabels::default()));
        trace_to_level(self.at_embedding(e, Some(motion), None), x)
    }
}

/// A network f(x, c), neither a score nor an energy by itself.
impl Capabilities for SongUNet {}

impl NetworkConfig for SongUNetConfig {
    type Network = SongUNet;

    fn construct(&self, init: &Init) -> Result<SongUNet, ModelError> {
        SongUNet::new(self, init)
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

#[cfg(test)]
mod tests;
