//! The rules of differentiation of a [`SongUNet`](crate::SongUNet) at one noise level.

use std::f64::consts::FRAC_1_SQRT_2;

use burn::tensor::Tensor;

use super::block::SongBlockRules;
use crate::layers::{Convolution, LevelLayer, LevelSlope, NormRules, PaddedImages, Resample};
use crate::{Jet, Layer};

/// The halved picture, which a residual encoder reads.
type ImageRules<'a> = (&'a Convolution, Resample);
type BlockTrace = <SongBlockRules<'static> as Layer<4>>::Trace;
type MiddleTrace = <[SongBlockRules<'static>] as Layer<4>>::Trace;
type ImageTrace = <ImageRules<'static> as Layer<4>>::Trace;
type OutTrace = <(NormRules, &'static Convolution) as Layer<4>>::Trace;

/// h ← block(h), or p ← h ← (block(h) + image(p))/√2 with the picture p; the decoder will read it.
#[derive(Debug)]
pub(super) struct EncoderStep<'a> {
    pub(super) block: SongBlockRules<'a>,
    pub(super) image: Option<ImageRules<'a>>,
}

/// h ← block(h), or h ← block((h, the last step of the encoder that was not yet read)).
#[derive(Debug)]
pub(super) struct DecoderStep<'a> {
    pub(super) block: SongBlockRules<'a>,
    pub(super) joins: bool,
}

/// A [`SongUNet`](crate::SongUNet) at a fixed noise level: x ↦ f(x, c).
#[derive(Debug)]
pub struct ConditionedSongUNet<'a> {
    pub(super) stem: &'a Convolution,
    pub(super) encoder: Vec<EncoderStep<'a>>,
    pub(super) middle: Box<[SongBlockRules<'a>]>,
    pub(super) decoder: Vec<DecoderStep<'a>>,
    pub(super) out: (NormRules, &'a Convolution),
    pub(super) images: PaddedImages,
}

/// What a [`ConditionedSongUNet`] remembers of a forward pass.
#[derive(Debug)]
pub struct SongUNetTrace {
    stem: [usize; 2],
    encoder: Vec<(BlockTrace, Option<ImageTrace>)>,
    middle: MiddleTrace,
    /// With the channels that came from below, where the encoder was read.
    decoder: Vec<(Option<usize>, BlockTrace)>,
    out: OutTrace,
}

impl ConditionedSongUNet<'_> {
    /// f(x, c), by fused operations where [`trace`](Layer::trace) needs their parts.
    pub(super) fn evaluate(&self, x: Tensor<2>) -> Tensor<2> {
        let mut picture = self.images.pad(x);
        let mut h = self.stem.forward(picture.clone());
        let mut skips = vec![h.clone()];
        for EncoderStep { block, image } in &self.encoder {
            h = block.forward(h);
            if let Some(image) = image {
                h = (h + image.forward(picture)) * FRAC_1_SQRT_2;
                picture = h.clone();
            }
            skips.push(h.clone());
        }
        h = self.middle.forward(h);
        for DecoderStep { block, joins } in &self.decoder {
            let skip = joins.then(|| skips.pop()).flatten();
            h = block.forward(side_by_side(h, skip));
        }
        self.images.crop(self.out.forward(h))
    }
}

/// The channels of `h` and then those of `skip`, if it is there.
fn side_by_side(h: Tensor<4>, skip: Option<Tensor<4>>) -> Tensor<4> {
    match skip {
        Some(skip) => Tensor::cat(vec![h, skip], 1),
        None => h,
    }
}

impl Layer<2> for ConditionedSongUNet<'_> {
    type Trace = SongUNetTrace;

    fn trace(&self, x: Tensor<2>) -> (Tensor<2>, SongUNetTrace) {
        let mut picture = self.images.pad(x);
        let (mut h, stem) = self.stem.trace(picture.clone());
        let (mut skips, mut encoder, mut decoder) = (vec![h.clone()], vec![], vec![]);
        for EncoderStep { block, image } in &self.encoder {
            let (y, trace) = block.trace(h);
            h = y;
            let image = image.as_ref().map(|image| {
                let (y, trace) = image.trace(picture.clone());
                h = (h.clone() + y) * FRAC_1_SQRT_2;
                picture = h.clone();
                trace
            });
            skips.push(h.clone());
            encoder.push((trace, image));
        }
        let (mut h, middle) = self.middle.trace(h);
        for DecoderStep { block, joins } in &self.decoder {
            let skip = joins.then(|| skips.pop()).flatten();
            let below = skip.is_some().then(|| h.dims()[1]);
            let (y, trace) = block.trace(side_by_side(h, skip));
            decoder.push((below, trace));
            h = y;
        }
        let (y, out) = self.out.trace(h);
        (self.images.crop(y), SongUNetTrace { stem, encoder, middle, decoder, out })
    }

    fn pullback(&self, trace: SongUNetTrace, cotangent: Tensor<2>) -> Tensor<2> {
        self.pullback_to_level(trace, cotangent, &mut LevelSlope::default())
    }

    fn push(&self, jet: Jet<2>) -> Jet<2> {
        let mut picture = jet.linear(|x| self.images.pad(x));
        let mut h = self.stem.push(picture.clone());
        let mut skips = vec![h.clone()];
        for EncoderStep { block, image } in &self.encoder {
            h = block.push(h);
            if let Some(image) = image {
                h = (h + image.push(picture)).linear(|x| x * FRAC_1_SQRT_2);
                picture = h.clone();
            }
            skips.push(h.clone());
        }
        h = self.middle.push(h);
        for DecoderStep { block, joins } in &self.decoder {
            h = match joins.then(|| skips.pop()).flatten() {
                None => block.push(h),
                Some(skip) => block.push(Jet {
                    value: side_by_side(h.value, Some(skip.value)),
                    slope: side_by_side(h.slope, Some(skip.slope)),
                    curvature: side_by_side(h.curvature, Some(skip.curvature)),
                }),
            };
        }
        self.out.push(h).linear(|y| self.images.crop(y))
    }
}

impl LevelLayer<2> for ConditionedSongUNet<'_> {
    fn pullback_to_level(
        &self,
        trace: SongUNetTrace,
        cotangent: Tensor<2>,
        slope: &mut LevelSlope,
    ) -> Tensor<2> {
        let SongUNetTrace { stem, encoder, middle, decoder, out } = trace;
        let mut g = self.out.pullback(out, self.images.pad(cotangent));
        // the cotangents of what the decoder read, that of the stem first
        let mut skips = vec![];
        for (DecoderStep { block, .. }, (below, trace)) in self.decoder.iter().zip(decoder).rev() {
            g = block.pullback_to_level(trace, g, slope);
            if let Some(channels) = below {
                let rest = g.dims()[1] - channels;
                skips.push(g.clone().narrow(1, channels, rest));
                g = g.narrow(1, 0, channels);
            }
        }
        g = self.middle.pullback_to_level(middle, g, slope);
        let mut picture: Option<Tensor<4>> = None;
        for (EncoderStep { block, image }, (trace, of_image)) in self.encoder.iter().zip(encoder).rev() {
            g = plus(g, skips.pop());
            if let Some((image, trace)) = image.as_ref().zip(of_image) {
                g = plus(g, picture.take()) * FRAC_1_SQRT_2;
                picture = Some(image.pullback(trace, g.clone()));
            }
            g = block.pullback_to_level(trace, g, slope);
        }
        let g = self.stem.pullback(stem, plus(g, skips.pop()));
        self.images.crop(plus(g, picture))
    }
}

fn plus(g: Tensor<4>, more: Option<Tensor<4>>) -> Tensor<4> {
    match more {
        Some(more) => g + more,
        None => g,
    }
}
