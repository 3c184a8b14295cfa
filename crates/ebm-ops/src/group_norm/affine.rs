//! Gain and bias, per channel and, for small images, per pixel.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;

use crate::buffer;

/// Number of pixels below which gain and bias are repeated per pixel: a pass over all channels of a group then has
/// fewer incomplete vectors than a pass over each channel.
const SMALL: usize = 128;

/// Gain and bias per image and channel.
pub(super) struct Affine {
    gain: Vec<f32>,
    bias: Vec<f32>,
    pub rows: usize,
    channels: usize,
    /// Both repeated per pixel, if all images share them and are small.
    per_pixel: Option<[Vec<f32>; 2]>,
    pixels: usize,
}

impl Affine {
    /// Gain and bias for images of `pixels` pixels.
    pub(super) fn new(gain: FlexTensor, bias: FlexTensor, pixels: usize) -> Self {
        let map = Self::per_channel(gain, bias);
        let small = map.rows == 1 && (1..SMALL).contains(&pixels);
        let per_pixel = small.then(|| [&map.gain, &map.bias].map(|map| over_pixels(map, pixels)));
        Self { per_pixel, pixels, ..map }
    }

    /// Gain and bias that are never repeated per pixel.
    pub(super) fn per_channel(gain: FlexTensor, bias: FlexTensor) -> Self {
        let [rows, channels] = gain.shape().dims();
        // Copied once, because accessing the storage of a tensor is slow.
        let [gain, bias] = [gain, bias].map(|map| buffer::contiguous(map).storage::<f32>().to_vec());
        Self { gain, bias, rows, channels, per_pixel: None, pixels: 0 }
    }

    /// Gain and bias of `n` channels of `image`, from channel `first` on.
    pub(super) fn of(&self, image: usize, first: usize, n: usize) -> Maps<'_> {
        let start = image % self.rows * self.channels + first;
        let (gain, bias) = (&self.gain[start..start + n], &self.bias[start..start + n]);
        let per_pixel = self
            .per_pixel
            .as_ref()
            .map(|both| both.each_ref().map(|map| &map[start * self.pixels..(start + n) * self.pixels]));
        Maps { gain, bias, per_pixel }
    }
}

/// Each number of `map`, repeated for `pixels` pixels.
fn over_pixels(map: &[f32], pixels: usize) -> Vec<f32> {
    let mut per_pixel = vec![0.0; map.len() * pixels];
    per_pixel.chunks_exact_mut(pixels).zip(map).for_each(|(pixels, value)| pixels.fill(*value));
    per_pixel
}

/// Gain and bias of a group.
#[derive(Clone, Copy)]
pub(super) struct Maps<'a> {
    /// Per channel.
    pub gain: &'a [f32],
    pub bias: &'a [f32],
    /// Per pixel.
    pub per_pixel: Option<[&'a [f32]; 2]>,
}
