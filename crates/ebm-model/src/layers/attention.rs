//! Self-attention over pixels.

mod dot_product;

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::attention::attention;

use crate::layers::{Convolution, GroupNorm, Modulate, Normalize};
use crate::{Init, Jet, Layer};
use dot_product::DotProduct;

/// x ↦ W Att(Q x̂, K x̂, V x̂), x̂ = norm(x): every pixel reads every other; to be added to x.
///
/// Of each head, whose queries, keys and values are d × n matrices (d channels, n pixels),
/// Att(q, k, v) = v softmax(qᵀk/√d)ᵀ, the softmax over keys.
/// Q, K, V and W are 1×1 convolutions; the weight of W starts at zero.
///
/// # Reference
/// Vaswani et al. (2017), *Attention is all you need*, eq. 1 and §3.2.2; Ho, Jain and Abbeel (2020), *Denoising
/// diffusion probabilistic models*, §B, for its place in a U-Net.
#[derive(Module, Debug)]
pub struct Attention {
    norm: GroupNorm,
    query: Convolution,
    key: Convolution,
    value: Convolution,
    out: Convolution,
    heads: usize,
}

/// The order of the layers, from which its rules follow.
pub type AttentionRules<'a> = ((Normalize, Modulate), (SelfAttention<'a>, &'a Convolution));

impl Attention {
    /// Attention with `heads` heads behind the normalisation `norm`, whose channels it has.
    ///
    /// # Panics
    /// Unless `heads` divides `channels`.
    pub fn new(channels: usize, heads: usize, norm: GroupNorm, init: &Init) -> Self {
        assert!(
            0 < heads && channels.is_multiple_of(heads),
            "heads: expected a divisor of {channels} channels, found {heads}"
        );
        let pixelwise =
            |name: &str| Convolution::glorot(channels, channels, 1, GAIN.sqrt(), &init.part(name));
        let out = init.part("out");
        Self {
            norm,
            query: pixelwise("query"),
            key: pixelwise("key"),
            value: pixelwise("value"),
            out: Convolution::glorot(channels, channels, 1, 1.0, &out).with_zero_weight(&out),
            heads,
        }
    }

    /// The layer as a composition.
    pub fn rules(&self) -> AttentionRules<'_> {
        (self.norm.affine_rules(), (SelfAttention { layer: self }, &self.out))
    }
}

/// The square of the gain of queries, keys and values: the logits of a new layer are small.
const GAIN: f64 = 0.2;

/// x ↦ Att(Q x, K x, V x) of an [`Attention`].
#[derive(Clone, Copy, Debug)]
pub struct SelfAttention<'a> {
    layer: &'a Attention,
}

impl SelfAttention<'_> {
    fn projections(&self) -> [&Convolution; 3] {
        [&self.layer.query, &self.layer.key, &self.layer.value]
    }

    /// `[batch, channels, h, w]` → `[batch · heads, d, n]`.
    fn by_head(&self, x: Tensor<4>) -> Tensor<3> {
        let [batch, channels, h, w] = x.dims();
        x.reshape([batch * self.layer.heads, channels / self.layer.heads, h * w])
    }

    /// The inverse, for pictures of height and width `size`.
    fn by_pixel(&self, x: Tensor<3>, [h, w]: [usize; 2]) -> Tensor<4> {
        let [all, d, _] = x.dims();
        x.reshape([all / self.layer.heads, d * self.layer.heads, h, w])
    }
}

fn size(x: &Tensor<4>) -> [usize; 2] {
    let [.., h, w] = x.dims();
    [h, w]
}

impl Layer<4> for SelfAttention<'_> {
    /// Height and width, and the attention of the queries, keys and values.
    type Trace = ([usize; 2], DotProduct);

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, Self::Trace) {
        let size = size(&x);
        let [q, k, v] = self.projections().map(|layer| self.by_head(layer.forward(x.clone())));
        let attention = DotProduct::new(q, k, v);
        (self.by_pixel(attention.value(), size), (size, attention))
    }

    fn pullback(&self, (size, attention): Self::Trace, cotangent: Tensor<4>) -> Tensor<4> {
        let [q, k, v] = self.projections();
        let back = |layer: &Convolution, g| layer.pullback(size, self.by_pixel(g, size));
        let [of_q, of_k, of_v] = attention.pullback(self.by_head(cotangent));
        back(q, of_q) + back(k, of_k) + back(v, of_v)
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        let size = size(&jet.value);
        let [q, k, v] = self.projections().map(|layer| layer.push(jet.clone()).linear(|x| self.by_head(x)));
        dot_product::push(q, k, v).linear(|y| self.by_pixel(y, size))
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let size = size(&x);
        let [q, k, v] = self.projections().map(|layer| self.by_head(layer.forward(x.clone())));
        self.by_pixel(attention(q, k, v), size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Residual;
    use crate::testing;

    fn attention(channels: usize, heads: usize) -> Attention {
        testing::in_double(|init| {
            Attention::new(channels, heads, GroupNorm::new(channels, 1, &init.part("norm")), init)
        })
    }

    #[test]
    fn attention_with_one_head_or_more_keeps_the_laws_of_a_layer() {
        for (channels, heads) in [(2, 1), (4, 2), (3, 3)] {
            let layer = attention(channels, heads);
            testing::assert_layer::<4, 4>(&layer.rules(), [2, channels, 2, 3], 43);
            testing::assert_layer::<4, 4>(&Residual::new(layer.rules()), [1, channels, 3, 1], 44);
        }
    }

    /// The sums of the formula, one query and one channel after another.
    #[test]
    fn attention_is_the_mean_of_values_weighted_by_the_exponentials_of_products() {
        let (heads, d, n) = (2, 3, 4);
        let [q, k, v] = [45, 46, 47].map(|seed| testing::normal([heads, d, n], seed));
        let found = DotProduct::new(q.clone(), k.clone(), v.clone()).value();
        let at = |x: &Tensor<3>, h: usize, c: usize, i: usize| {
            x.clone().slice([h..h + 1, c..c + 1, i..i + 1]).into_scalar::<f64>()
        };
        for head in 0..heads {
            for i in 0..n {
                let product = |j: usize| (0..d).map(|c| at(&q, head, c, i) * at(&k, head, c, j)).sum::<f64>();
                let weights: Vec<f64> = (0..n).map(|j| (product(j) / (d as f64).sqrt()).exp()).collect();
                let total: f64 = weights.iter().sum();
                for c in 0..d {
                    let mean = (0..n).map(|j| weights[j] * at(&v, head, c, j)).sum::<f64>() / total;
                    assert!((at(&found, head, c, i) - mean).abs() < 1e-13);
                }
            }
        }
    }

    #[test]
    fn logits_beyond_the_range_of_exp_give_the_value_of_the_largest() {
        let large = testing::doubles(&[[1e4, -1e4]]).reshape([1, 1, 2]);
        let v = testing::doubles(&[[3.0, 5.0]]).reshape([1, 1, 2]);
        let found = DotProduct::new(large.clone(), large, v).value();
        assert_eq!(testing::rows(found.reshape([1, 2])), [[3.0, 5.0]]);
    }

    #[test]
    fn a_new_layer_is_zero_and_rows_do_not_see_each_other() {
        use burn::tensor::Device;
        use ebm_ops::Noise;
        let device = Device::flex();
        let init = Init::new(Noise::seeded(1), &device);
        let new = Attention::new(4, 2, GroupNorm::new(4, 2, &init.part("norm")), &init);
        let x = Noise::seeded(2).normal([2, 4, 3, 3], &device);
        let largest = Layer::<4>::forward(&new.rules(), x).abs().max().into_scalar::<f32>();
        assert_eq!(largest, 0.0);

        let (layer, x) = (attention(4, 2), testing::normal([3, 4, 2, 2], 48));
        let all = Layer::<4>::forward(&layer.rules(), x.clone());
        let alone = Layer::<4>::forward(&layer.rules(), x.narrow(0, 1, 1));
        testing::assert_close(all.narrow(0, 1, 1), alone, 1e-13, "a row by itself");
    }
}
