//! Normalisation over groups of channels, by itself.

use burn::tensor::Tensor;

use crate::{Jet, Layer};

/// Each group of channels of an image brought to mean 0 and (biased) variance 1 over its channels and pixels.
///
/// x̂ = c r,  c = x − mean(x),  r = (mean(c²) + ε)^(−½).
#[derive(Clone, Copy, Debug)]
pub struct Normalize {
    groups: usize,
    epsilon: f64,
}

impl Normalize {
    /// Over `groups` equal groups, `epsilon` added to the variance.
    pub fn new(groups: usize, epsilon: f64) -> Self {
        Self { groups, epsilon }
    }

    /// `[batch, groups, numbers in a group]`.
    fn by_group(&self, x: Tensor<4>) -> Tensor<3> {
        let [batch, channels, height, width] = x.dims();
        x.reshape([batch, self.groups, channels / self.groups * height * width])
    }

    /// x̂, and r, `[batch, groups, 1]`.
    fn parts(&self, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let c = centered(x);
        let r = ((c.clone().square().mean_dim(2)) + self.epsilon).sqrt().recip();
        (c * r.clone(), r)
    }
}

fn centered(x: Tensor<3>) -> Tensor<3> {
    let mean = x.clone().mean_dim(2);
    x - mean
}

impl Layer<4> for Normalize {
    /// x̂ and r.
    type Trace = (Tensor<3>, Tensor<3>);

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, Self::Trace) {
        let dims = x.dims();
        let (normal, r) = self.parts(self.by_group(x));
        (normal.clone().reshape(dims), (normal, r))
    }

    /// r (g − mean(g) − x̂ mean(g x̂)).
    fn pullback(&self, (normal, r): Self::Trace, cotangent: Tensor<4>) -> Tensor<4> {
        let dims = cotangent.dims();
        let g = self.by_group(cotangent);
        let along = (g.clone() * normal.clone()).mean_dim(2);
        ((centered(g) - normal * along) * r).reshape(dims)
    }

    /// With q = mean(c²) + ε: q̇ = 2 mean(cċ), q̈ = 2 mean(ċ² + cc̈), and r = q^(−½) gives ṙ = −½ r³q̇ and
    /// r̈ = ¾ r⁵q̇² − ½ r³q̈.
    fn push(&self, jet: Jet<4>) -> Jet<4> {
        let dims = jet.value.dims();
        let Jet { value: c, slope: c1, curvature: c2 } = jet.linear(|x| centered(self.by_group(x)));
        let r = (c.clone().square().mean_dim(2) + self.epsilon).sqrt().recip();
        let q1 = (c.clone() * c1.clone()).mean_dim(2) * 2.0;
        let q2 = (c1.clone().square() + c.clone() * c2.clone()).mean_dim(2) * 2.0;
        let cube = r.clone().square() * r.clone();
        let r1 = cube.clone() * q1.clone() * -0.5;
        let r2 = cube.clone() * r.clone().square() * q1.square() * 0.75 - cube * q2 * 0.5;
        let curvature = c2 * r.clone() + c1.clone() * r1.clone() * 2.0 + c.clone() * r2;
        Jet { value: c.clone() * r.clone(), slope: c1 * r + c * r1, curvature }.linear(|x| x.reshape(dims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_normalisation_keeps_the_laws_of_a_layer() {
        testing::assert_layer::<4, 4>(&Normalize::new(2, 1e-5), [2, 4, 2, 3], 17);
        testing::assert_layer::<4, 4>(&Normalize::new(1, 0.1), [2, 2, 2, 2], 18);
    }
}
