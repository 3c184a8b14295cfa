//! The residual block, with a change of resolution and with attention.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::Noise;

use super::config::SongUNetConfig;
use crate::Init;
use crate::layers::{
    Attention, AttentionRules, Convolution, Dense, Dropout, GroupNorm, NormRules, Offset, Resample, Residual,
    Scale, Sum,
};

/// What is added to the variance in a normalisation.
const EPSILON: f64 = 1e-6;

/// y = a·(skip(R x) + conv₂(drop(SiLU(norm₂(conv₁(R SiLU(norm₁(x))) + W e))))), then, with attention, a·(y + Att(y)).
///
/// R changes the resolution or is the identity, and so is skip where neither resolution nor channels change; a is
/// [`residual_scale`](SongUNetConfig::residual_scale). The weight of conv₂ starts at zero.
///
/// # Reference
/// Song, Sohl-Dickstein, Kingma, Kumar, Ermon and Poole (2021), *Score-based generative modeling through stochastic
/// differential equations*, §H.1, with BigGAN's residual blocks.
#[derive(Module, Debug)]
pub struct SongBlock {
    first_norm: GroupNorm,
    first: Convolution,
    shift: Dense,
    second_norm: GroupNorm,
    second: Convolution,
    skip: Option<Convolution>,
    attention: Option<Attention>,
    #[module(skip)]
    resample: Option<Resample>,
    scale: f64,
}

/// How a block differs from a plain one at one resolution.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extra {
    pub(super) resample: Option<Resample>,
    pub(super) attends: bool,
}

type Skip<'a> = (Option<Resample>, Option<&'a Convolution>);
type First<'a> = (NormRules, (Option<Resample>, Offset<&'a Convolution, 4>));
type Second<'a> = (NormRules, (Option<Dropout>, &'a Convolution));
type Attending<'a> = Option<(Residual<AttentionRules<'a>>, Scale)>;

/// The order of a block's layers, from which its rules follow.
pub type SongBlockRules<'a> = ((Sum<Skip<'a>, (First<'a>, Second<'a>)>, Scale), Attending<'a>);

/// A normalisation of `channels` as the network has it.
pub(super) fn norm(config: &SongUNetConfig, channels: usize, init: &Init) -> GroupNorm {
    GroupNorm::new(channels, config.groups_of(channels), init).with_epsilon(EPSILON)
}

impl SongBlock {
    /// A block from `inputs` to `outputs` channels.
    pub(super) fn new(
        config: &SongUNetConfig,
        inputs: usize,
        outputs: usize,
        extra: Extra,
        init: &Init,
    ) -> Self {
        let Extra { resample, attends } = extra;
        let (second, attention) = (init.part("second"), init.part("attention"));
        let projects = inputs != outputs || resample.is_some();
        Self {
            first_norm: norm(config, inputs, &init.part("first_norm")),
            first: Convolution::glorot(inputs, outputs, 3, 1.0, &init.part("first")),
            shift: Dense::glorot(config.embedding, outputs, &init.part("shift")),
            second_norm: norm(config, outputs, &init.part("second_norm")),
            second: Convolution::glorot(outputs, outputs, 3, 1.0, &second).with_zero_weight(&second),
            skip: projects.then(|| Convolution::glorot(inputs, outputs, 1, 1.0, &init.part("skip"))),
            attention: attends.then(|| {
                let norm = norm(config, outputs, &attention.part("norm"));
                Attention::new(outputs, config.attention_heads, norm, &attention)
            }),
            resample,
            scale: config.residual_scale,
        }
    }

    /// The block for an embedding `e`, `[batch, embedding]`, as a composition of layers with rules; `motion` is the
    /// derivative of `e` in the noise level, for the reverse rule back to it.
    pub fn condition(
        &self,
        e: Tensor<2>,
        motion: Option<Tensor<2>>,
        dropout: Option<Dropout>,
    ) -> SongBlockRules<'_> {
        let shift = self.shift.forward(e);
        let [batch, outputs] = shift.dims();
        let first = Offset::new(&self.first, shift.reshape([batch, outputs, 1, 1]));
        let first = first.moving(motion.map(|motion| self.shift.along(motion)));
        let first = (self.first_norm.rules(None), (self.resample, first));
        let second = (self.second_norm.rules(None), (dropout, &self.second));
        let scale = Scale(self.scale);
        let sum = Sum::new((self.resample, self.skip.as_ref()), (first, second));
        let attention = self.attention.as_ref();
        ((sum, scale), attention.map(|attention| (Residual::new(attention.rules()), scale)))
    }

    /// The mask of one batch of as many rows as `e` has, for pictures of height and width `size` behind the block.
    pub(super) fn dropout(
        &self,
        rate: f64,
        e: &Tensor<2>,
        [height, width]: [usize; 2],
        noise: &mut Noise,
    ) -> Dropout {
        Dropout::draw(rate, [e.dims()[0], self.shift.outputs(), height, width], noise, e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Filter;
    use crate::testing;

    #[test]
    fn a_block_of_every_kind_passes_the_tests_of_a_layer() {
        let config = SongUNetConfig { embedding: 3, groups: 2, ..SongUNetConfig::default() };
        let (none, e) = (Extra::default(), testing::points(2, 3, 50));
        let attends = Extra { attends: true, ..none };
        let resampled = |resample| Extra { resample: Some(resample), ..none };
        let cases = [
            (4, 4, none),
            (2, 4, none),
            (4, 4, attends),
            (3, 4, resampled(Resample::halve(Filter::Box))),
            (4, 4, resampled(Resample::double(Filter::Binomial))),
        ];
        for (inputs, outputs, extra) in cases {
            let block = testing::in_double(|init| SongBlock::new(&config, inputs, outputs, extra, init));
            let size = [2, 4].map(|n| match extra.resample {
                None => n,
                Some(resample) if resample == Resample::halve(Filter::Box) => n / 2,
                Some(_) => 2 * n,
            });
            let mask = block.dropout(0.3, &e, size, &mut Noise::seeded(51));
            for dropout in [None, Some(mask)] {
                let layer = block.condition(e.clone(), None, dropout);
                testing::assert_layer::<4, 4>(&layer, [2, inputs, 2, 4], 52);
            }
        }
    }
}
