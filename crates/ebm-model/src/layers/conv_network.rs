//! Convolutional networks with one output.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::OutOfRange;
use serde::{Deserialize, Serialize};

use crate::layers::{
    Activation, Convolution, Dense, GlobalMeanPool, MeanPool, PaddedImages, Residual, check_size,
};
use crate::{Init, Jet, Layer, ModelError};

/// How a resolution becomes the next, of half the height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Downsampling {
    /// A 3×3 convolution of stride 2; odd sizes are rounded up.
    Stride,
    /// The means of 2×2 pixels, then a 3×3 convolution: no pixel is favoured by its place. Zeros around an image make
    /// its sides even.
    MeanPool,
}

/// What a [`ConvNetwork`] is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvNetworkConfig {
    /// Colours of an image.
    pub channels: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Channels at each resolution, the finest first.
    pub widths: Vec<usize>,
    /// Residual blocks at each resolution.
    pub blocks: Vec<usize>,
    /// The function between convolutions.
    pub activation: Activation,
    /// The way from one resolution to the next.
    pub downsampling: Downsampling,
}

impl ConvNetworkConfig {
    /// Numbers in a position.
    pub fn dim(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Rows as images whose sides the means of squares halve; a convolution of stride 2 needs no zeros.
    fn images(&self) -> PaddedImages {
        let step = match self.downsampling {
            Downsampling::Stride => 1,
            Downsampling::MeanPool => 1 << (self.widths.len() - 1),
        };
        PaddedImages::new([self.channels, self.height, self.width], step)
    }

    /// # Errors
    /// [`ModelError::OutOfRange`], naming the field that no network can have.
    pub fn validate(&self) -> Result<(), ModelError> {
        let refuse =
            |field, found: String, expected: String| Err(OutOfRange::new(field, found, expected).into());
        let sides = [("channels", self.channels), ("height", self.height), ("width", self.width)];
        for (field, count) in sides.into_iter().chain(self.widths.iter().map(|width| ("widths", *width))) {
            check_size(field, count)?;
        }
        if !(1..=8).contains(&self.widths.len()) {
            return refuse("widths", format!("{:?}", self.widths), "1 to 8 resolutions".into());
        }
        if self.blocks.len() != self.widths.len() || self.blocks.iter().any(|n| 64 < *n) {
            let expected = format!("0 to 64 blocks for each of the {} widths", self.widths.len());
            return refuse("blocks", format!("{:?}", self.blocks), expected);
        }
        Ok(())
    }
}

/// Residual blocks of convolutions at falling resolutions, then one number: `[batch, dim]` → `[batch, 1]`.
///
/// h₀ = conv₃(x);  at each resolution h ← h + conv₃(σ(conv₃(σ(h)))) in every block, then down;
/// f = V mean(σ(h)) + c, the mean over pixels.
/// A block's second convolution starts at zero, so a new block is the identity.
/// There is no normalisation: over the batch it would let rows see each other, and over one image it is a
/// function whose reverse rule costs more than it brings here.
///
/// # Reference
/// He, Zhang, Ren and Sun (2016), *Identity mappings in deep residual networks*, fig. 1b, for the order of the
/// layers in a block; Du and Mordatch (2019), *Implicit generation and modeling with energy based models*, for
/// energies made of them.
#[derive(Module, Debug)]
pub struct ConvNetwork {
    stem: Convolution,
    stages: Vec<Stage>,
    head: Dense,
    #[module(skip)]
    config: ConvNetworkConfig,
}

/// Blocks at one resolution, and the way to the next.
#[derive(Module, Debug)]
struct Stage {
    blocks: Vec<SmoothBlock>,
    down: Option<Convolution>,
}

#[derive(Module, Debug)]
struct SmoothBlock {
    first: Convolution,
    second: Convolution,
}

/// The order of the layers, from which all rules follow.
type BlockRules<'a> = Residual<((Activation, &'a Convolution), (Activation, &'a Convolution))>;
type StageRules<'a> = (Box<[BlockRules<'a>]>, Option<(Option<MeanPool>, &'a Convolution)>);
type BodyRules<'a> = ((&'a Convolution, Box<[StageRules<'a>]>), (Activation, GlobalMeanPool));

impl SmoothBlock {
    fn rules(&self, sigma: Activation) -> BlockRules<'_> {
        Residual::new(((sigma, &self.first), (sigma, &self.second)))
    }
}

impl Stage {
    fn rules(&self, config: &ConvNetworkConfig) -> StageRules<'_> {
        let pool = || (config.downsampling == Downsampling::MeanPool).then(|| MeanPool::new(2));
        let blocks = self.blocks.iter().map(|block| block.rules(config.activation));
        (blocks.collect(), self.down.as_ref().map(|down| (pool(), down)))
    }
}

impl ConvNetwork {
    /// A new network.
    ///
    /// # Errors
    /// Those of [`ConvNetworkConfig::validate`].
    pub fn new(config: &ConvNetworkConfig, init: &Init) -> Result<Self, ModelError> {
        config.validate()?;
        let widths = &config.widths;
        let block = |width, init: &Init| {
            let second = init.part("second");
            SmoothBlock {
                first: Convolution::new(width, width, 3, 1, &init.part("first")),
                second: Convolution::new(width, width, 3, 1, &second)
                    .with_zero_weight(&second)
                    .with_zero_bias(&second),
            }
        };
        let stride = if config.downsampling == Downsampling::Stride { 2 } else { 1 };
        let stage = |i: usize| {
            let init = init.part("stages").nth(i);
            let blocks = init.part("blocks");
            Stage {
                blocks: (0..config.blocks[i]).map(|k| block(widths[i], &blocks.nth(k))).collect(),
                down: widths
                    .get(i + 1)
                    .map(|next| Convolution::new(widths[i], *next, 3, stride, &init.part("down"))),
            }
        };
        Ok(Self {
            stem: Convolution::new(config.channels, widths[0], 3, 1, &init.part("stem")),
            stages: (0..widths.len()).map(stage).collect(),
            head: Dense::new(widths[widths.len() - 1], 1, &init.part("head")),
            config: config.clone(),
        })
    }

    /// What the network is made of.
    pub fn config(&self) -> &ConvNetworkConfig {
        &self.config
    }

    /// All but the last layer: images to the means of their features.
    fn body(&self) -> BodyRules<'_> {
        let stages = self.stages.iter().map(|stage| stage.rules(&self.config));
        ((&self.stem, stages.collect()), (self.config.activation, GlobalMeanPool))
    }
}

impl Layer<2> for ConvNetwork {
    type Trace = <BodyRules<'static> as Layer<4, 2>>::Trace;

    fn trace(&self, x: Tensor<2>) -> (Tensor<2>, Self::Trace) {
        let (features, trace) = Layer::<4, 2>::trace(&self.body(), self.config.images().pad(x));
        (self.head.forward(features), trace)
    }

    fn pullback(&self, trace: Self::Trace, cotangent: Tensor<2>) -> Tensor<2> {
        let cotangent = self.head.pullback((), cotangent);
        let image = Layer::<4, 2>::pullback(&self.body(), trace, cotangent);
        self.config.images().crop(image)
    }

    fn push(&self, jet: Jet<2>) -> Jet<2> {
        let images = self.config.images();
        let features = Layer::<4, 2>::push(&self.body(), jet.linear(|x| images.pad(x)));
        self.head.push(features)
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.head.forward(Layer::<4, 2>::forward(&self.body(), self.config.images().pad(x)))
    }
}
