//! Linear measurements with normal noise.

use burn::tensor::{DType, Tensor};
use ebm_ops::OutOfRange;
use ebm_ops::row_dot::row_dot;

use super::likelihood::Likelihood;
use super::operator::LinearOperator;
use crate::SampleError;

/// y = A x + τ z, z ~ N(0, I), as a likelihood of x; τ = 0 means that A x is known.
///
/// With x known up to N(0, vI), y ~ N(A x, v AAᵀ + τ²I), whose gradient is Aᵀ(v AAᵀ + τ²I)⁻¹(y − A x).
/// One of v and τ must be positive.
#[derive(Clone, Debug)]
pub struct LinearGaussian<A> {
    operator: A,
    measured: Tensor<2>,
    deviation: f64,
}

impl<A: LinearOperator> LinearGaussian<A> {
    /// `measured` is y, `[1, outputs]` for all rows or `[batch, outputs]`, on the device of the model; `deviation` is τ.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless y is finite with as many columns as `operator` has outputs, and `0 ≤ τ < ∞`.
    pub fn new(operator: A, measured: Tensor<2>, deviation: f64) -> Result<Self, SampleError> {
        if !(deviation.is_finite() && 0.0 <= deviation) {
            let expected = "a finite number that is not negative";
            return Err(OutOfRange::new("deviation of the measurements", deviation, expected).into());
        }
        let [_, columns] = measured.dims();
        if columns != operator.outputs() {
            let expected = format!("{}, the outputs of the operator", operator.outputs());
            return Err(OutOfRange::new("measurements of a row", columns, expected).into());
        }
        if let Some(found) = measured.to_data().iter::<f64>().find(|y| !y.is_finite()) {
            return Err(OutOfRange::new("measurements", found, "finite numbers").into());
        }
        Ok(Self { operator, measured, deviation })
    }

    /// The operator A.
    pub fn operator(&self) -> &A {
        &self.operator
    }

    /// The standard deviation of the noise τ.
    pub fn deviation(&self) -> f64 {
        self.deviation
    }

    /// y − A x, `[batch, outputs]`, in the float type of x.
    fn residual(&self, x: Tensor<2>) -> Tensor<2> {
        let dtype: DType = x.dtype();
        self.measured.clone().cast(dtype) - self.operator.apply(x)
    }

    /// (v AAᵀ + τ²I)⁻¹ r.
    fn solve(&self, variance: &Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        self.operator.solve(variance, self.deviation * self.deviation, residual)
    }
}

impl<A: LinearOperator> Likelihood for LinearGaussian<A> {
    fn dim(&self) -> usize {
        self.operator.inputs()
    }

    fn score(&self, x: Tensor<2>, variance: Tensor<2>) -> Tensor<2> {
        let residual = self.residual(x);
        self.operator.adjoint(self.solve(&variance, residual))
    }

    fn energy(&self, x: Tensor<2>, variance: Tensor<2>) -> Tensor<1> {
        let residual = self.residual(x);
        row_dot(residual.clone(), self.solve(&variance, residual)) * 0.5
    }

    fn normalized_score(&self, x: Tensor<2>, sigma: Tensor<2>) -> Tensor<2> {
        let residual = self.residual(x);
        // A row that fits has no direction.
        let length =
            row_dot(residual.clone(), residual.clone()).sqrt().clamp_min(1e-12).unsqueeze_dim::<2>(1);
        let scale = (self.operator.outputs() as f64).sqrt();
        self.operator.adjoint(residual / (length * sigma) * scale)
    }
}
