//! The rules of differentiation of a [`UNet`](crate::UNet) at one noise level.

use burn::tensor::Tensor;

use crate::layers::{
    BlockRules, Convolution, LevelLayer, LevelSlope, NormRules, PaddedImages, TransposedConvolution,
    pixel_shuffle, pixel_unshuffle,
};
use crate::{Jet, Layer};

type Blocks<'a> = Box<[BlockRules<'a>]>;
type BlocksTrace = <Blocks<'static> as Layer<4>>::Trace;
type OutTrace = <(NormRules, &'static Convolution) as Layer<4>>::Trace;

/// A [`UNet`](crate::UNet) at a fixed noise level: x ↦ f(x, c).
#[derive(Debug)]
pub struct ConditionedUNet<'a> {
    pub(crate) stem: &'a Convolution,
    /// From the finest resolution down: blocks, then a convolution that halves the size.
    pub(crate) encoder: Vec<(Blocks<'a>, &'a Convolution)>,
    pub(crate) middle: Blocks<'a>,
    /// From the coarsest resolution up: a transposed convolution that doubles the size, then blocks.
    pub(crate) decoder: Vec<(&'a TransposedConvolution, Blocks<'a>)>,
    pub(crate) out: (NormRules, &'a Convolution),
    pub(crate) images: PaddedImages,
    pub(crate) patch: usize,
}

/// What a [`ConditionedUNet`] remembers of a forward pass.
#[derive(Debug)]
pub struct UNetTrace {
    stem: [usize; 2],
    encoder: Vec<(BlocksTrace, [usize; 2])>,
    middle: BlocksTrace,
    /// With the channels that came from below.
    decoder: Vec<(usize, BlocksTrace)>,
    out: OutTrace,
}

impl ConditionedUNet<'_> {
    /// Rows as padded images with squares of pixels for channels.
    fn squares(&self, x: Tensor<2>) -> Tensor<4> {
        pixel_unshuffle(self.images.pad(x), self.patch)
    }

    /// Its transpose, which is its inverse on padded images.
    fn pixels(&self, x: Tensor<4>) -> Tensor<2> {
        self.images.crop(pixel_shuffle(x, self.patch))
    }
}

fn side_by_side(below: Tensor<4>, skip: Tensor<4>) -> Tensor<4> {
    Tensor::cat(vec![below, skip], 1)
}

impl Layer<2> for ConditionedUNet<'_> {
    type Trace = UNetTrace;

    fn trace(&self, x: Tensor<2>) -> (Tensor<2>, UNetTrace) {
        let (mut h, stem) = self.stem.trace(self.squares(x));
        let (mut skips, mut encoder, mut decoder) = (vec![], vec![], vec![]);
        for (blocks, halve) in &self.encoder {
            let (fine, blocks) = blocks.trace(h);
            let (coarse, halve) = halve.trace(fine.clone());
            skips.push(fine);
            encoder.push((blocks, halve));
            h = coarse;
        }
        let (mut h, middle) = self.middle.trace(h);
        for ((double, blocks), fine) in self.decoder.iter().zip(skips.into_iter().rev()) {
            let below = double.forward(h);
            let channels = below.dims()[1];
            let (up, blocks) = blocks.trace(side_by_side(below, fine));
            decoder.push((channels, blocks));
            h = up;
        }
        let (y, out) = self.out.trace(h);
        (self.pixels(y), UNetTrace { stem, encoder, middle, decoder, out })
    }

    fn pullback(&self, trace: UNetTrace, cotangent: Tensor<2>) -> Tensor<2> {
        self.pullback_to_level(trace, cotangent, &mut LevelSlope::default())
    }

    fn push(&self, jet: Jet<2>) -> Jet<2> {
        let mut h = self.stem.push(jet.linear(|x| self.squares(x)));
        let mut skips = vec![];
        for (blocks, halve) in &self.encoder {
            let fine = blocks.push(h);
            h = halve.push(fine.clone());
            skips.push(fine);
        }
        h = self.middle.push(h);
        for ((double, blocks), fine) in self.decoder.iter().zip(skips.into_iter().rev()) {
            let below = double.push(h);
            h = blocks.push(Jet {
                value: side_by_side(below.value, fine.value),
                slope: side_by_side(below.slope, fine.slope),
                curvature: side_by_side(below.curvature, fine.curvature),
            });
        }
        self.out.push(h).linear(|y| self.pixels(y))
    }
}

impl LevelLayer<2> for ConditionedUNet<'_> {
    fn pullback_to_level(&self, trace: UNetTrace, cotangent: Tensor<2>, slope: &mut LevelSlope) -> Tensor<2> {
        let UNetTrace { stem, encoder, middle, decoder, out } = trace;
        let mut g = self.out.pullback(out, self.squares(cotangent));
        let mut skips = vec![];
        for ((double, blocks), (channels, trace)) in self.decoder.iter().zip(decoder).rev() {
            let both = blocks.pullback_to_level(trace, g, slope);
            let rest = both.dims()[1] - channels;
            skips.push(both.clone().narrow(1, channels, rest));
            g = double.pullback((), both.narrow(1, 0, channels));
        }
        g = self.middle.pullback_to_level(middle, g, slope);
        let down = self.encoder.iter().zip(encoder).rev();
        for (((blocks, halve), (trace, size)), fine) in down.zip(skips.into_iter().rev()) {
            g = blocks.pullback_to_level(trace, halve.pullback(size, g) + fine, slope);
        }
        self.pixels(self.stem.pullback(stem, g))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        ConditionalLayer, JointPotential, Layer, NoiseConditional, NoisyEnergy, NoisyScore, Preconditioned,
        UNet, UNetConfig, testing, weights,
    };
    use burn::tensor::{DType, Tensor};

    fn network() -> UNet {
        sized([8, 4], 1)
    }

    fn sized(sides: [usize; 2], patch: usize) -> UNet {
        testing::in_double(|init| UNet::new(&config(sides, patch), init).unwrap())
    }

    fn config([height, width]: [usize; 2], patch: usize) -> UNetConfig {
        UNetConfig {
            channels: 1,
            height,
            width,
            patch,
            widths: vec![2, 4, 4],
            blocks: vec![1, 1, 1],
            groups: 1,
            embedding: 3,
            frequencies: 2,
            classes: 0,
            augmentations: 0,
        }
    }

    #[test]
    fn conditioned_on_a_level_it_is_the_network_and_passes_the_tests_of_a_layer() {
        let network = network();
        let (x, c) = (testing::points(2, 32, 25), testing::normal([2], 26));
        let conditioned = network.condition(c.clone());
        testing::assert_close(
            Layer::<2>::forward(&conditioned, x.clone()),
            network.forward(x, c),
            1e-12,
            "f",
        );
        testing::assert_layer::<2, 2>(&conditioned, [2, 32], 27);
    }

    #[test]
    fn a_preconditioned_unet_knows_its_slope_and_curvature_and_is_trained_exactly() {
        let model = Preconditioned::new(network(), 0.5);
        testing::assert_directional(&model.at(0.4), 32, 28);
        testing::assert_precision(&weights::cast(model.clone(), DType::F32).at(0.4), &model.at(0.4), 32, 28);
        testing::assert_trainable(&model, 32, 28, |model, x, v| testing::losses(&model.at(0.4), x, v));
    }

    #[test]
    fn a_unets_noisy_energy_passes_the_tests_of_a_potential_and_is_trained_exactly() {
        let model = NoisyEnergy::new(network(), 0.5).unwrap();
        testing::assert_potential(&model.at(0.4), 32, 29);
        testing::assert_precision(&weights::cast(model.clone(), DType::F32).at(0.4), &model.at(0.4), 32, 29);
        testing::assert_trainable(&model, 32, 29, |model, x, v| {
            testing::losses_and_energy(&model.at(0.4), x, v)
        });
    }

    #[test]
    fn a_unets_noisy_energy_knows_its_slope_along_the_level_and_trains_it_exactly() {
        let model = testing::in_double(|init| {
            let network = UNet::new(&config([8, 4], 1), init).unwrap();
            NoisyEnergy::new(network, 0.5).unwrap().normalized(&init.part("constant"))
        });
        testing::assert_joint_potential(&model, 32, 39);
        testing::assert_trainable(&model, 32, 40, |model, x, _| {
            let sigma = Tensor::full([x.dims()[0]], 0.6, (&x.device(), x.dtype()));
            vec![model.score_and_level_slope_at(x, sigma).1.square().mean()]
        });
    }

    #[test]
    fn with_sides_that_must_be_padded_it_passes_the_tests_of_a_layer_and_of_a_potential() {
        for (sides, patch) in [([5, 7], 1), ([3, 6], 2), ([1, 1], 1)] {
            let (network, dim) = (sized(sides, patch), sides[0] * sides[1]);
            let (x, c) = (testing::points(2, dim, 35), testing::normal([2], 36));
            let conditioned = network.condition(c.clone());
            let forward = network.forward(x.clone(), c);
            testing::assert_close(Layer::<2>::forward(&conditioned, x), forward, 1e-12, "f");
            testing::assert_layer::<2, 2>(&conditioned, [2, dim], 37);
            let model = NoisyEnergy::new(network, 0.5).unwrap();
            testing::assert_potential(&model.at(0.4), dim, 38);
        }
    }
}
