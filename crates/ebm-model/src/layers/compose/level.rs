//! The reverse rule back to the noise level of layers made of layers.

use burn::tensor::Tensor;

use super::{Residual, Sum};
use crate::layers::{LevelLayer, LevelSlope};

impl<const I: usize, const O: usize, A: LevelLayer<I>, B: LevelLayer<I, O>> LevelLayer<I, O> for (A, B) {
    fn pullback_to_level(
        &self,
        (first, second): Self::Trace,
        cotangent: Tensor<O>,
        slope: &mut LevelSlope,
    ) -> Tensor<I> {
        let between = self.1.pullback_to_level(second, cotangent, slope);
        self.0.pullback_to_level(first, between, slope)
    }
}

impl<const D: usize, L: LevelLayer<D>> LevelLayer<D> for [L] {
    fn pullback_to_level(
        &self,
        traces: Self::Trace,
        cotangent: Tensor<D>,
        slope: &mut LevelSlope,
    ) -> Tensor<D> {
        let back = self.iter().zip(traces).rev();
        back.fold(cotangent, |cotangent, (layer, trace)| layer.pullback_to_level(trace, cotangent, slope))
    }
}

impl<const D: usize, L: LevelLayer<D>> LevelLayer<D> for Option<L> {
    fn pullback_to_level(
        &self,
        trace: Self::Trace,
        cotangent: Tensor<D>,
        slope: &mut LevelSlope,
    ) -> Tensor<D> {
        match self.as_ref().zip(trace) {
            None => cotangent,
            Some((layer, trace)) => layer.pullback_to_level(trace, cotangent, slope),
        }
    }
}

impl<const I: usize, const O: usize, L: LevelLayer<I, O> + ?Sized> LevelLayer<I, O> for &L {
    fn pullback_to_level(
        &self,
        trace: Self::Trace,
        cotangent: Tensor<O>,
        slope: &mut LevelSlope,
    ) -> Tensor<I> {
        (**self).pullback_to_level(trace, cotangent, slope)
    }
}

impl<const I: usize, const O: usize, L: LevelLayer<I, O> + ?Sized> LevelLayer<I, O> for Box<L> {
    fn pullback_to_level(
        &self,
        trace: Self::Trace,
        cotangent: Tensor<O>,
        slope: &mut LevelSlope,
    ) -> Tensor<I> {
        (**self).pullback_to_level(trace, cotangent, slope)
    }
}

impl<const D: usize, L: LevelLayer<D>> LevelLayer<D> for Residual<L> {
    fn pullback_to_level(
        &self,
        trace: Self::Trace,
        cotangent: Tensor<D>,
        slope: &mut LevelSlope,
    ) -> Tensor<D> {
        cotangent.clone() + self.inner.pullback_to_level(trace, cotangent, slope)
    }
}

impl<const I: usize, const O: usize, F: LevelLayer<I, O>, G: LevelLayer<I, O>> LevelLayer<I, O>
    for Sum<F, G>
{
    fn pullback_to_level(
        &self,
        (first, second): Self::Trace,
        cotangent: Tensor<O>,
        slope: &mut LevelSlope,
    ) -> Tensor<I> {
        let back = self.first.pullback_to_level(first, cotangent.clone(), slope);
        back + self.second.pullback_to_level(second, cotangent, slope)
    }
}
