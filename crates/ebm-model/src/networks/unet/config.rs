//! The description of the network for images.

use ebm_ops::OutOfRange;
use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::layers::{PaddedImages, check_size};
use crate::networks::input::is_zero;

/// The description of a [`UNet`](crate::UNet).
///
/// Images of any size are taken: inside the network, zeros make their sides multiples of what its squares and its
/// resolutions divide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UNetConfig {
    /// Number of colour channels; 0 is taken from the data.
    pub channels: usize,
    /// Rows of pixels; 0 is taken from the data.
    pub height: usize,
    /// Columns of pixels; 0 is taken from the data.
    pub width: usize,
    /// Side of the squares of pixels that become the channels of one pixel for the first layer; 1 changes nothing.
    pub patch: usize,
    /// Channels at each resolution, the finest first; each is half as high and wide as the one before.
    pub widths: Vec<usize>,
    /// Residual blocks at each resolution; all but the coarsest have them in the encoder and in the decoder.
    pub blocks: Vec<usize>,
    /// Groups of each normalisation.
    pub groups: usize,
    /// Size of the embedding of the noise level.
    pub embedding: usize,
    /// Number of frequencies in the embedding.
    pub frequencies: usize,
    /// Number of classes that the network is conditioned on, in training with the labels of the data; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub classes: usize,
    /// Parameters of augmentations that the network is given in training; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub augmentations: usize,
}

impl Default for UNetConfig {
    /// The reference network for images of any size.
    fn default() -> Self {
        Self { channels: 0, height: 0, width: 0, ..Self::reference() }
    }
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
            classes: 0,
            augmentations: 0,
        }
    }

    /// # Errors
    /// [`ModelError::OutOfRange`] with a field whose value no network has.
    pub fn validate(&self) -> Result<(), ModelError> {
        check_size("channels", self.channels)?;
        check_size("height", self.height)?;
        check_size("width", self.width)?;
        check_size("patch", self.patch)?;
        check_size("groups", self.groups)?;
        check_size("embedding", self.embedding)?;
        check_size("frequencies", self.frequencies)?;
        check_size("classes", self.classes.max(1))?;
        check_size("augmentations", self.augmentations.max(1))?;
        if self.widths.is_empty() || self.widths.len() > 8 {
            return Err(OutOfRange::new("widths", format!("{:?}", self.widths), "one to eight widths").into());
        }
        for &width in &self.widths {
            check_size("widths", width)?;
        }
        if let Some(width) = self.widths.iter().find(|width| !width.is_multiple_of(self.groups)) {
            let expected = format!("a positive multiple of groups = {}", self.groups);
            return Err(OutOfRange::new("widths", width, expected).into());
        }
        if self.blocks.len() != self.widths.len() || self.blocks.iter().any(|n| !(1..=64).contains(n)) {
            let expected = format!("1 to 64 blocks for each of the {} widths", self.widths.len());
            return Err(OutOfRange::new("blocks", format!("{:?}", self.blocks), expected).into());
        }
        let (step, side) = (self.step(), self.height.max(self.width));
        if 4 * side < step {
            let found = format!("{step} for images of {}×{}", self.height, self.width);
            let expected = "at most four times the longer side, or nearly all of an image would be padding";
            return Err(OutOfRange::new("patch × 2^(resolutions − 1)", found, expected).into());
        }
        Ok(())
    }

    /// What the squares and the resolutions divide.
    fn step(&self) -> usize {
        self.patch << (self.widths.len() - 1)
    }

    /// Rows as images whose sides the squares and the resolutions divide.
    pub(crate) fn images(&self) -> PaddedImages {
        PaddedImages::new([self.channels, self.height, self.width], self.step())
    }
}
