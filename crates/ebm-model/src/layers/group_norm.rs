//! Normalisation over groups of channels.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use ebm_ops::group_norm::group_norm_silu;

use crate::Init;
use crate::layers::{Modulate, NormRules, Normalize};

/// What is added to the variance, which keeps the division sound where a group is constant.
const EPSILON: f64 = 1e-5;

/// Group normalisation followed by SiLU, with an optional scale and shift between the two.
///
/// Rows of a batch do not see each other, which a score must not.
///
/// # Reference
/// Wu and He (2018), *Group normalization*, eq. 1–7; Perez et al. (2018), *FiLM*, for scale and shift.
#[derive(Module, Debug)]
pub struct GroupNorm {
    /// `[channels]`.
    weight: Param<Tensor<1>>,
    /// `[channels]`.
    bias: Param<Tensor<1>>,
    groups: usize,
    epsilon: f64,
}

impl GroupNorm {
    /// Weight one and bias zero.
    ///
    /// # Panics
    /// Unless `groups` divides `channels`.
    pub fn new(channels: usize, groups: usize, init: &Init) -> Self {
        assert!(channels.is_multiple_of(groups), "{channels} channels cannot form {groups} equal groups");
        Self { weight: init.ones([channels]), bias: init.zeros([channels]), groups, epsilon: EPSILON }
    }

    /// The same with `epsilon` added to the variance, instead of 1e-5.
    pub fn with_epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// SiLU(norm(x)), `[batch, channels, h, w]`.
    pub fn silu(&self, x: Tensor<4>) -> Tensor<4> {
        group_norm_silu(x, self.weight.val(), self.bias.val(), None, self.groups, self.epsilon)
    }

    /// SiLU(norm(x)·(1 + scale) + shift); `scale` and `shift` are `[batch, channels]`.
    pub fn modulated_silu(&self, x: Tensor<4>, scale: Tensor<2>, shift: Tensor<2>) -> Tensor<4> {
        group_norm_silu(
            x,
            self.weight.val(),
            self.bias.val(),
            Some((scale, shift)),
            self.groups,
            self.epsilon,
        )
    }

    /// The same as a layer with rules; `film` is scale and shift, each `[batch, channels]`.
    pub fn rules(&self, film: Option<(Tensor<2>, Tensor<2>)>) -> NormRules {
        let (gain, bias) = (self.weight.val().unsqueeze::<2>(), self.bias.val().unsqueeze::<2>());
        let (gain, bias) = match film {
            None => (gain, bias),
            Some((scale, shift)) => {
                let scale = scale + 1.0;
                (gain * scale.clone(), bias * scale + shift)
            }
        };
        NormRules::new(gain, bias, self.groups, self.epsilon)
    }

    /// The same, where scale and shift depend on the noise level: `motion` is their derivatives in it, shaped as they are.
    pub fn rules_moving(&self, film: (Tensor<2>, Tensor<2>), motion: (Tensor<2>, Tensor<2>)) -> NormRules {
        let (weight, bias) = (self.weight.val().unsqueeze::<2>(), self.bias.val().unsqueeze::<2>());
        let (scale, shift) = motion;
        let gain = weight * scale.clone();
        self.rules(Some(film)).moving([gain, bias * scale + shift])
    }

    /// The normalisation without SiLU, as a composition of layers with rules.
    pub fn affine_rules(&self) -> (Normalize, Modulate) {
        let (gain, bias) = (self.weight.val().unsqueeze::<2>(), self.bias.val().unsqueeze::<2>());
        (Normalize::new(self.groups, self.epsilon), Modulate::new(gain, bias))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_fused_operation_and_the_composition_are_one_layer() {
        let norm = testing::in_double(|init| GroupNorm::new(4, 2, init).with_epsilon(0.1));
        let x = testing::normal([2, 4, 2, 3], 38);
        testing::assert_close(crate::Layer::forward(&norm.rules(None), x.clone()), norm.silu(x), 1e-13, "f");
        testing::assert_layer::<4, 4>(&norm.rules(None), [2, 4, 2, 3], 37);
    }
}
