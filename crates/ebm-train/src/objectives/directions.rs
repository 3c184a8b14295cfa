//! Random directions for estimates of a trace.

use burn::tensor::Tensor;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

/// The distribution of a random direction v with E\[vvᵀ\] = I, so that E\[vᵀAv\] = tr A: Hutchinson's estimator.
///
/// With B = (A + Aᵀ)/2, d the dimension and |·| Frobenius' norm, its variance is
///
/// | directions | Var\[vᵀAv\] | Var\[(vᵀs)²\] |
/// |---|---|---|
/// | Gaussian | 2 \|B\|² | 2 \|s\|⁴ |
/// | Rademacher | 2 (\|B\|² − Σ Bᵢᵢ²) | 2 (\|s\|⁴ − Σ sᵢ⁴) |
/// | Sphere | 2d/(d + 2) · (\|B\|² − (tr A)²/d) | 2(d − 1)/(d + 2) · \|s\|⁴ |
///
/// Rademacher is exact for a diagonal A, Sphere for a multiple of the identity, and both in one dimension.
///
/// # Reference
/// Hutchinson (1990), *A stochastic estimator of the trace of the influence matrix for Laplacian smoothing
/// splines*, for the signs; the sphere's variance follows from E[(uᵀAu)²] = (2 |B|² + (tr A)²)/(d(d + 2)) for
/// u uniform on the unit sphere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Directions {
    /// v ~ N(0, I).
    Gaussian,
    /// Each coordinate −1 or 1.
    Rademacher,
    /// Uniform on the sphere of radius √d.
    Sphere,
}

impl Directions {
    /// A direction for each row of `x`, of its shape, type and device; not tracked by autodiff.
    pub fn draw(&self, x: &Tensor<2>, noise: &mut Noise) -> Tensor<2> {
        match self {
            Self::Gaussian => noise.normal_like(x),
            Self::Rademacher => noise.rademacher_like(x),
            Self::Sphere => {
                let z = noise.normal_like(x);
                // In one dimension a normal can be exactly zero, and zero has no direction.
                let length = z.clone().square().sum_dim(1).sqrt().clamp_min(f32::MIN_POSITIVE);
                z / length * (x.dims()[1] as f64).sqrt()
            }
        }
    }
}
