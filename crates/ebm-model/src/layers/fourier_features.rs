//! The position beside waves of it.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::{Init, Jet, Layer};

/// The standard deviation of the angular frequencies, for positions of unit variance.
const DEVIATION: f64 = 4.0;

/// x ↦ [x, sin(xB), cos(xB)]: `[batch, dim]` → `[batch, dim + 2n]`, with B ~ N(0, 4²) drawn once and never trained.
///
/// A network of smooth layers learns slowly what changes over short distances, such as a thin arm or the edge of a
/// square; of waves it is a linear function.
///
/// # Reference
/// Tancik et al. (2020), *Fourier features let networks learn high frequency functions in low dimensional domains*,
/// §6; here beside the position itself.
#[derive(Module, Debug)]
pub struct FourierFeatures {
    /// B, `[dim, n]`.
    frequencies: Param<Tensor<2>>,
}

impl FourierFeatures {
    /// `n` frequencies of positions of `dim` coordinates.
    pub fn new(dim: usize, n: usize, init: &Init) -> Self {
        Self { frequencies: init.fixed_normal("frequencies", [dim, n], DEVIATION) }
    }

    /// Numbers of a position with its features.
    pub fn width(dim: usize, n: usize) -> usize {
        dim + 2 * n
    }
}

impl Layer<2> for FourierFeatures {
    /// xB.
    type Trace = Tensor<2>;

    fn trace(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let z = x.clone().matmul(self.frequencies.val());
        (Tensor::cat(vec![x, z.clone().sin(), z.clone().cos()], 1), z)
    }

    fn pullback(&self, z: Tensor<2>, cotangent: Tensor<2>) -> Tensor<2> {
        let [n, width] = [z.dims()[1], cotangent.dims()[1]];
        let dim = width - 2 * n;
        let part = |from: usize, n: usize| cotangent.clone().narrow(1, from, n);
        let waves = part(dim, n) * z.clone().cos() - part(dim + n, n) * z.sin();
        part(0, dim) + waves.matmul(self.frequencies.val().transpose())
    }

    fn push(&self, jet: Jet<2>) -> Jet<2> {
        let z = jet.clone().linear(|x| x.matmul(self.frequencies.val()));
        let (sin, cos) = (z.value.clone().sin(), z.value.cos());
        let square = z.slope.clone().square();
        let slope = [cos.clone() * z.slope.clone(), sin.clone().neg() * z.slope];
        let curvature = [
            cos.clone() * z.curvature.clone() - sin.clone() * square.clone(),
            (sin.clone() * z.curvature + cos.clone() * square).neg(),
        ];
        let beside = |x: Tensor<2>, [a, b]: [Tensor<2>; 2]| Tensor::cat(vec![x, a, b], 1);
        Jet {
            value: beside(jet.value, [sin, cos]),
            slope: beside(jet.slope, slope),
            curvature: beside(jet.curvature, curvature),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn fourier_features_keep_the_laws_of_a_layer() {
        let layer = testing::in_double(|init| FourierFeatures::new(3, 4, init));
        testing::assert_layer_near::<2, 2>(&layer, [2, 3], 15);
        let (y, _) = layer.trace(testing::points(2, 3, 16));
        assert_eq!(y.dims(), [2, FourierFeatures::width(3, 4)]);
    }
}
