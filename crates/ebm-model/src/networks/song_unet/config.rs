//! The description of the U-Net of score-based diffusion models.

use ebm_ops::OutOfRange;
use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::layers::{Filter, PaddedImages, check_size};
use crate::networks::input::is_zero;

/// Most pixels that attend to each other: 64×64, whose weights are 64 MiB for each head of each picture.
const MOST_PIXELS: usize = 4096;

/// How the noise level becomes sines and cosines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseFeatures {
    /// Frequencies in a geometric series from 1 down to 1/10,000, as in DDPM++.
    Positional,
    /// Frequencies 2π·16·z, z ~ N(0, 1), drawn once, as in NCSN++.
    Fourier,
}

/// What the encoder is given at each resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncoderInput {
    /// The features of the resolution before, as in DDPM++.
    Standard,
    /// A halved picture beside them, which each resolution reads and passes on, as in NCSN++.
    Residual,
}

/// The description of a [`SongUNet`](crate::SongUNet).
///
/// Images of any size are taken: inside the network, zeros make their sides multiples of what its resolutions divide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SongUNetConfig {
    /// Number of colour channels; 0 is taken from the data.
    pub channels: usize,
    /// Rows of pixels; 0 is taken from the data.
    pub height: usize,
    /// Columns of pixels; 0 is taken from the data.
    pub width: usize,
    /// Channels of the first convolution.
    pub stem: usize,
    /// Channels at each resolution, the finest first; each is half as high and wide as the one before.
    pub widths: Vec<usize>,
    /// Residual blocks at each resolution of the encoder; the decoder has one more.
    pub blocks: Vec<usize>,
    /// Groups of each normalisation, if that leaves each at least four channels; otherwise fewer.
    pub groups: usize,
    /// Size of the embedding of the noise level.
    pub embedding: usize,
    /// Number of frequencies in the embedding.
    pub frequencies: usize,
    /// The frequencies.
    pub noise_features: NoiseFeatures,
    /// What the encoder is given.
    pub encoder: EncoderInput,
    /// The filter between resolutions.
    pub filter: Filter,
    /// The resolutions with attention, counted from 0, the finest: of pictures of 32×32 pixels, 1 is 16×16.
    /// The coarsest has one layer of attention between encoder and decoder in any case.
    pub attention: Vec<usize>,
    /// Heads of each attention.
    pub attention_heads: usize,
    /// The share of numbers dropped in each block in training by denoising score matching; 0 drops none.
    pub dropout: f64,
    /// What the sum of a block and its input is multiplied by.
    pub residual_scale: f64,
    /// Number of classes that the network is conditioned on, in training with the labels of the data; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub classes: usize,
    /// Parameters of augmentations that the network is given in training; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub augmentations: usize,
}

impl Default for SongUNetConfig {
    /// A small DDPM++ for images of any size: 7.0 million parameters.
    fn default() -> Self {
        Self {
            channels: 0,
            height: 0,
            width: 0,
            stem: 64,
            widths: vec![64, 128, 128],
            blocks: vec![2, 2, 2],
            groups: 32,
            embedding: 256,
            frequencies: 32,
            noise_features: NoiseFeatures::Positional,
            encoder: EncoderInput::Standard,
            filter: Filter::Box,
            attention: vec![1],
            attention_heads: 1,
            dropout: 0.0,
            residual_scale: std::f64::consts::FRAC_1_SQRT_2,
            classes: 0,
            augmentations: 0,
        }
    }
}

impl SongUNetConfig {
    /// DDPM++ for CIFAR-10 as trained by Karras et al. (2022), tables 7 and 8: 55.7 million parameters.
    pub fn ddpmpp() -> Self {
        Self {
            channels: 3,
            height: 32,
            width: 32,
            stem: 128,
            widths: vec![256; 3],
            blocks: vec![4; 3],
            embedding: 512,
            frequencies: 64,
            dropout: 0.13,
            ..Self::default()
        }
    }

    /// NCSN++ for CIFAR-10, the other network of the same tables: 56.4 million parameters.
    pub fn ncsnpp() -> Self {
        Self {
            frequencies: 128,
            noise_features: NoiseFeatures::Fourier,
            encoder: EncoderInput::Residual,
            filter: Filter::Binomial,
            ..Self::ddpmpp()
        }
    }

    /// # Errors
    /// [`ModelError::OutOfRange`] with a field whose value no network has.
    pub fn validate(&self) -> Result<(), ModelError> {
        let refuse =
            |field, found: String, expected: String| Err(OutOfRange::new(field, found, expected).into());
        let sizes = [
            ("channels", self.channels),
            ("height", self.height),
            ("width", self.width),
            ("stem", self.stem),
            ("groups", self.groups),
            ("embedding", self.embedding),
            ("frequencies", self.frequencies),
            ("attention_heads", self.attention_heads),
            ("classes", self.classes.max(1)),
            ("augmentations", self.augmentations.max(1)),
        ];
        for (field, size) in sizes.into_iter().chain(self.widths.iter().map(|width| ("widths", *width))) {
            check_size(field, size)?;
        }
        let n = self.widths.len();
        if !(1..=8).contains(&n) {
            return refuse("widths", format!("{:?}", self.widths), "one to eight widths".into());
        }
        if self.blocks.len() != n || self.blocks.iter().any(|n| !(1..=64).contains(n)) {
            let expected = format!("1 to 64 blocks for each of the {n} widths");
            return refuse("blocks", format!("{:?}", self.blocks), expected);
        }
        if let Some(level) = self.attention.iter().find(|&&level| n <= level) {
            let expected = format!("resolutions 0 to {}", n - 1);
            return refuse("attention", level.to_string(), expected);
        }
        let attends = || self.attention.iter().copied().chain([n - 1]);
        let mut widths = attends().map(|level| self.widths[level]);
        if let Some(width) = widths.find(|width| !width.is_multiple_of(self.attention_heads)) {
            let expected = format!("a divisor of the width {width} of a resolution with attention");
            return refuse("attention_heads", self.attention_heads.to_string(), expected);
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse("dropout", self.dropout.to_string(), "at least 0 and below 1".into());
        }
        OutOfRange::positive("residual_scale", self.residual_scale)?;
        let (step, side) = (self.step(), self.height.max(self.width));
        if 4 * side < step {
            let found = format!("{step} for images of {}×{}", self.height, self.width);
            let expected = "at most four times the longer side, or nearly all of an image would be padding";
            return refuse("2^(resolutions − 1)", found, expected.into());
        }
        let sides = |level: usize| self.images().sides().map(|side| side >> level);
        if let Some([h, w]) = attends().map(sides).find(|[h, w]| MOST_PIXELS < h * w) {
            let expected = format!("resolutions of at most {MOST_PIXELS} pixels, or more resolutions");
            return refuse("attention", format!("{h}×{w}"), expected);
        }
        Ok(())
    }

    /// What the resolutions divide.
    fn step(&self) -> usize {
        1 << (self.widths.len() - 1)
    }

    /// Rows as images whose sides the resolutions divide.
    pub(crate) fn images(&self) -> PaddedImages {
        PaddedImages::new([self.channels, self.height, self.width], self.step())
    }

    /// Groups of the normalisation of `channels`: the most that divide them into groups of at least four.
    pub(crate) fn groups_of(&self, channels: usize) -> usize {
        let most = self.groups.min(channels / 4).max(1);
        (1..=most).rev().find(|&groups| channels.is_multiple_of(groups)).unwrap_or(1)
    }

    /// The frequencies of the embedding, of which `normals` draws as many standard normals as it is asked for.
    pub(crate) fn frequencies(&self, normals: impl FnOnce(usize) -> Vec<f32>) -> Vec<f32> {
        let n = self.frequencies;
        match self.noise_features {
            NoiseFeatures::Positional => {
                let exponent = |i: usize| i as f64 / (n.max(2) - 1) as f64;
                (0..n).map(|i| 1e-4f64.powf(exponent(i)) as f32).collect()
            }
            NoiseFeatures::Fourier => {
                let unit = 2.0 * std::f64::consts::PI * 16.0;
                normals(n).into_iter().map(|z| (f64::from(z) * unit) as f32).collect()
            }
        }
    }
}
