//! Derivatives of an energy along a direction.

use burn::tensor::Tensor;

use crate::AtNoise;

/// The first two derivatives of an energy along x + t v in t, at t = 0.
#[derive(Clone, Debug)]
pub struct Along {
    /// vᵀ∇E = −vᵀs, `[batch]`.
    pub slope: Tensor<1>,
    /// vᵀ∇²E v = −vᵀ(∇s)v, `[batch]`.
    pub curvature: Tensor<1>,
}

/// A model whose slope and curvature along any direction are differentiable in its parameters.
///
/// Sliced score matching needs nothing else; Hyvärinen's exact loss needs the same along each axis.
/// An energy computes them from the jets of its layers, a score s directly, as −vᵀs and −vᵀ(∇s)v, so one loss
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

/// A [`Directional`] at every noise level.
pub trait NoisyDirectional {
    /// Slope and curvature of each row along its `v`; `x` and `v` are `[batch, dim]`, `sigma` `[batch]`.
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along;
}

impl<D: NoisyDirectional + ?Sized> NoisyDirectional for &D {
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        (**self).along_at(x, v, sigma)
    }
}

impl<M: NoisyDirectional + ?Sized> Directional for AtNoise<'_, M> {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let sigma = self.levels(&x);
        self.model().along_at(x, v, sigma)
    }
}
