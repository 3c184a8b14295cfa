//! The residual block of the way down.

use burn::module::Module;
use burn::tensor::{Int, Tensor};

use crate::Init;
use crate::layers::{Activation, DilatedConvolution, InstanceNormPlus, InstanceNormRules, MeanPool, Sum};

/// Normalisation, activation, convolution.
pub(super) type Step<'a> = (InstanceNormRules, (Activation, &'a DilatedConvolution));

/// The order of a block's layers, from which its rules follow.
pub(super) type BlockRules<'a> =
    Sum<(Option<&'a DilatedConvolution>, Option<MeanPool>), (Step<'a>, (Step<'a>, Option<MeanPool>))>;

/// shortcut(x) + conv₂(σ(norm₂(conv₁(σ(norm₁(x)))))).
///
/// A block that goes down without dilation ends in means over squares of 2×2 pixels on both ways, and its shortcut is a
/// 1×1 convolution; with dilation the size stays, and the shortcut is a dilated 3×3 convolution.
#[derive(Module, Debug)]
pub(super) struct ResidualBlock {
    first_norm: InstanceNormPlus,
    first: DilatedConvolution,
    second_norm: InstanceNormPlus,
    second: DilatedConvolution,
    shortcut: Option<DilatedConvolution>,
    is_halving: bool,
}

impl ResidualBlock {
    pub(super) fn new(
        inputs: usize,
        outputs: usize,
        is_down: bool,
        dilation: usize,
        classes: Option<usize>,
        init: &Init,
    ) -> Self {
        let is_halving = is_down && dilation == 1;
        let classes = classes.unwrap_or(1);
        let side = if is_halving { 1 } else { 3 };
        let shortcut = || DilatedConvolution::new(inputs, outputs, side, dilation, &init.part("shortcut"));
        Self {
            first_norm: InstanceNormPlus::new(inputs, classes, &init.part("first_norm")),
            first: DilatedConvolution::new(inputs, inputs, 3, dilation, &init.part("first")),
            second_norm: InstanceNormPlus::new(inputs, classes, &init.part("second_norm")),
            second: DilatedConvolution::new(inputs, outputs, 3, dilation, &init.part("second")),
            shortcut: is_down.then(shortcut),
            is_halving,
        }
    }

    /// The block for the class of each row.
    pub(super) fn condition(&self, class: Option<&Tensor<1, Int>>, sigma: Activation) -> BlockRules<'_> {
        let pool = || self.is_halving.then(|| MeanPool::new(2));
        let first = (self.first_norm.condition(class), (sigma, &self.first));
        let second = (self.second_norm.condition(class), (sigma, &self.second));
        Sum::new((self.shortcut.as_ref(), pool()), (first, (second, pool())))
    }
}
