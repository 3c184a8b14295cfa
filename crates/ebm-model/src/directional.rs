//! Derivatives of an energy along a direction.

use burn::tensor::Tensor;

/// How an energy changes along x + t v, at t = 0.
#[derive(Clone, Debug)]
pub struct Along {
    /// vᵀ∇E = −vᵀs, `[batch]`.
    pub slope: Tensor<1>,
    /// vᵀ∇²E v = −vᵀ(∇s)v, `[batch]`.
    pub curvature: Tensor<1>,
}

/// A model whose slope and curvature along any direction are plain forward graphs.
///
/// Sliced score matching asks for nothing else, Hyvärinen's exact loss for the same along each axis.
/// An energy has them from the jets of its layers, a score s directly, as −vᵀs and −vᵀ(∇s)v: so one loss
/// serves both.
pub trait Directional {
    /// Slope and curvature of each row along its `v`; `x` and `v` are `[batch, dim]`.
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along;
}

impl<D: Directional + ?Sized> Directional for &D {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        (**self).along(x, v)
    }
}
