//! Smooth functions of one number.

use std::fmt;

use burn::tensor::Tensor;
use ebm_ops::activation::{Activation as Function, curvature as curved, derivative, pullback};
use serde::{Deserialize, Serialize};

use crate::{Jet, Layer};

/// A smooth function σ applied to every element of a tensor of any rank.
///
/// The first three have a second derivative that is not zero; with ReLU, whose σ″ is zero almost everywhere, a
/// network's energy would have no curvature to learn from. That of ELU is zero on one side: it is for scores.
/// Nothing overflows for large arguments, in either precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// ln(1 + exp z): convex, so a network of one hidden layer with positive weights behind it is too.
    Softplus,
    /// z/(1 + exp(−z)).
    Silu,
    /// tanh z.
    Tanh,
    /// z where z is positive, else exp(z) − 1; σ″ jumps at 0, where it is 0.
    Elu,
}

impl Activation {
    /// σ(z).
    pub fn value<const D: usize>(self, z: Tensor<D>) -> Tensor<D> {
        derivative(z, self.function(), 0)
    }

    /// σ′(z).
    pub fn slope<const D: usize>(self, z: Tensor<D>) -> Tensor<D> {
        derivative(z, self.function(), 1)
    }

    /// σ(z), σ′(z) and σ″(z).
    pub fn derivatives<const D: usize>(self, z: Tensor<D>) -> [Tensor<D>; 3] {
        [0, 1, 2].map(|order| derivative(z.clone(), self.function(), order))
    }

    fn function(self) -> Function {
        match self {
            Self::Softplus => Function::Softplus,
            Self::Silu => Function::Silu,
            Self::Tanh => Function::Tanh,
            Self::Elu => Function::Elu,
        }
    }
}

impl<const D: usize> Layer<D> for Activation {
    /// z.
    type Trace = Tensor<D>;

    fn trace(&self, z: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
        (self.value(z.clone()), z)
    }

    fn pullback(&self, z: Tensor<D>, cotangent: Tensor<D>) -> Tensor<D> {
        pullback(z, self.function(), cotangent)
    }

    fn push(&self, jet: Jet<D>) -> Jet<D> {
        let Jet { value: z, slope, curvature } = jet;
        Jet {
            value: self.value(z.clone()),
            slope: pullback(z.clone(), self.function(), slope.clone()),
            curvature: curved(z, self.function(), slope, curvature),
        }
    }

    fn forward(&self, z: Tensor<D>) -> Tensor<D> {
        self.value(z)
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Softplus => "softplus",
            Self::Silu => "silu",
            Self::Tanh => "tanh",
            Self::Elu => "elu",
        })
    }
}

/// It has no parameters, so that it can stand in a module beside layers that do.
mod module {
    use super::Activation;
    use burn::empty;

    empty!(Activation);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use burn::tensor::{DType, Device, TensorData};

    const ALL: [Activation; 4] = [Activation::Softplus, Activation::Silu, Activation::Tanh, Activation::Elu];

    #[test]
    fn every_activation_keeps_the_laws_of_a_layer() {
        for activation in ALL {
            testing::assert_layer::<2, 2>(&activation, [3, 5], 1);
            testing::assert_layer::<4, 4>(&activation, [2, 1, 2, 3], 2);
        }
    }

    #[test]
    fn far_out_every_derivative_and_its_gradient_is_its_limit() {
        // σ, σ′ and σ″ at −∞ and at ∞; σ itself is z where the limit is None
        let limits = [
            [[Some(0.0), None], [Some(0.0), Some(1.0)], [Some(0.0); 2]],
            [[Some(0.0), None], [Some(0.0), Some(1.0)], [Some(0.0); 2]],
            [[Some(-1.0), Some(1.0)], [Some(0.0); 2], [Some(0.0); 2]],
            [[Some(-1.0), None], [Some(0.0), Some(1.0)], [Some(0.0); 2]],
        ];
        for (activation, limits) in ALL.into_iter().zip(limits) {
            for (dtype, far) in
                [(DType::F32, 1e4), (DType::F32, 1e30), (DType::F64, 1e4), (DType::F64, 1e200)]
            {
                let data = TensorData::new(vec![-far, far], [2]);
                let z = Tensor::<1>::from_data(data, (&Device::flex(), dtype)).autodiff().require_grad();
                for (k, limit) in limits.into_iter().enumerate() {
                    let [found, ..] = {
                        let mut all = activation.derivatives(z.clone());
                        all.swap(0, k);
                        all
                    };
                    let gradient = z.grad(&found.clone().sum().backward()).unwrap();
                    assert!(gradient.into_data().iter::<f64>().all(f64::is_finite), "{activation} at {far}");
                    for (found, limit) in found.into_data().iter::<f64>().zip(limit) {
                        let limit = limit.unwrap_or(far);
                        assert!(
                            (found - limit).abs() <= 1e-7 * limit.abs(),
                            "{activation} at {far}: {found}"
                        );
                    }
                }
                let slope = activation.slope(z.clone()).into_data();
                let again = activation.derivatives(z)[1].clone().into_data();
                assert_eq!(slope, again);
            }
        }
    }
}
