//! Layers that the noise level does not reach.

use burn::tensor::Tensor;

use crate::Layer;
use crate::layers::{
    Activation, Convolution, Dense, Dropout, FourierFeatures, LevelLayer, LevelSlope, Normalize, Resample,
    Scale, SelfAttention, TransposedConvolution,
};

macro_rules! independent {
    ($($rank:literal: $layer:ty,)+) => {$(
        impl LevelLayer<$rank> for $layer {
            fn pullback_to_level(
                &self,
                trace: Self::Trace,
                cotangent: Tensor<$rank>,
                _: &mut LevelSlope,
            ) -> Tensor<$rank> {
                self.pullback(trace, cotangent)
            }
        }
    )+};
}

independent! {
    2: Dense,
    2: FourierFeatures,
    4: Convolution,
    4: TransposedConvolution,
    4: Normalize,
    4: Resample,
    4: Dropout,
    4: SelfAttention<'_>,
}

impl<const D: usize> LevelLayer<D> for Activation {
    fn pullback_to_level(&self, trace: Tensor<D>, cotangent: Tensor<D>, _: &mut LevelSlope) -> Tensor<D> {
        self.pullback(trace, cotangent)
    }
}

impl<const D: usize> LevelLayer<D> for Scale {
    fn pullback_to_level(&self, (): (), cotangent: Tensor<D>, _: &mut LevelSlope) -> Tensor<D> {
        self.pullback((), cotangent)
    }
}
