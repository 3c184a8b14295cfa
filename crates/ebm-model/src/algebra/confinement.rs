//! Quadratic confinement.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::OutOfRange;
use ebm_ops::row_dot::row_dot;

use crate::rows::square_length;
use crate::{Along, Directional, Energy, ModelError, Potential, Score};

/// ½λ‖x‖²: added to a network's energy, it makes exp(−E) integrable wherever the network grows no faster than
/// linearly downwards.
///
/// By itself, with 0 < λ, it is the energy of N(0, I/λ).
#[derive(Module, Debug)]
pub struct Confinement {
    lambda: f64,
}

impl Confinement {
    /// The confinement of strength `lambda`; zero does nothing.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless `0 ≤ lambda < ∞`.
    pub fn new(lambda: f64) -> Result<Self, ModelError> {
        if lambda.is_finite() && 0.0 <= lambda {
            return Ok(Self { lambda });
        }
        Err(OutOfRange::new("confinement", lambda, "a finite number, zero or more").into())
    }

    /// The strength λ.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }
}

impl Energy for Confinement {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        square_length(x) * (0.5 * self.lambda)
    }
}

impl Score for Confinement {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        x * -self.lambda
    }
}

impl Potential for Confinement {}

impl Directional for Confinement {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        Along { slope: row_dot(x, v.clone()) * self.lambda, curvature: square_length(v) * self.lambda }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gaussian, testing};

    #[test]
    fn a_confinement_passes_the_tests_of_a_potential() {
        let bowl = Confinement::new(0.7).unwrap();
        testing::assert_potential(&bowl, 3, 1);
        testing::assert_precision(&bowl, &bowl, 3, 1);
    }

    #[test]
    fn a_confinement_is_the_energy_of_a_gaussian() {
        let law = Gaussian::isotropic(vec![0.0; 3], 1.0 / 0.7).unwrap();
        let x = testing::points(5, 3, 2);
        testing::assert_close(
            Confinement::new(0.7).unwrap().energy(x.clone()),
            law.energy(x),
            1e-13,
            "an energy",
        );
    }

    #[test]
    fn a_negative_confinement_is_refused() {
        for lambda in [-0.1, f64::NAN, f64::INFINITY] {
            let error = Confinement::new(lambda).unwrap_err().to_string();
            assert!(
                error.starts_with("confinement: expected a finite number, zero or more, found "),
                "{error}"
            );
        }
    }
}
