//! Gain and bias, by channel and, where maps are small, by pixel.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;

use crate::buffer;

/// Pixels of a map below which gain and bias are spread over them: the vectors of so small a map end within it, and
/// passes over a whole group of maps have fewer of them that are not full.
const SMALL: usize = 128;

/// Gain and bias by image and channel.
pub(super) struct Affine {
    gain: Vec<f32>,
    bias: Vec<f32>,
    pub rows: usize,
    channels: usize,
    /// Both again for every pixel, where all images share them and are small.
    per_pixel: Option<[Vec<f32>; 2]>,
    pixels: usize,
}

impl Affine {
    /// For images of so many `pixels`.
    pub(super) fn new(gain: FlexTensor, bias: FlexTensor, pixels: usize) -> Self {
        let [rows, channels] = gain.shape().dims();
        // Copied once, for to ask a tensor for its numbers takes a while.
        let [gain, bias] = [gain, bias].map(|map| buffer::contiguous(map).storage::<f32>().to_vec());
        let small = rows == 1 && (1..SMALL).contains(&pixels);
        let per_pixel = small.then(|| [&gain, &bias].map(|map| over_pixels(map, pixels)));
        Self { gain, bias, rows, channels, per_pixel, pixels }
    }

    /// Those of `n` channels of `image`, from channel `first` on.
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

/// Each number of `map` for every one of so many pixels.
fn over_pixels(map: &[f32], pixels: usize) -> Vec<f32> {
    let mut per_pixel = vec![0.0; map.len() * pixels];
    per_pixel.chunks_exact_mut(pixels).zip(map).for_each(|(pixels, value)| pixels.fill(*value));
    per_pixel
}

/// Gain and bias of a group.
#[derive(Clone, Copy)]
pub(super) struct Maps<'a> {
    /// By channel.
    pub gain: &'a [f32],
    pub bias: &'a [f32],
    /// By pixel.
    pub per_pixel: Option<[&'a [f32]; 2]>,
}
