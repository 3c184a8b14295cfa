//! Linear measurements.

use burn::tensor::Tensor;
use ebm_ops::row_dot::row_dot;

/// Most steps of conjugate gradients.
const STEPS: usize = 200;

/// The share of the squared residual at which conjugate gradients end.
const RESIDUAL: f64 = 1e-14;

/// A linear map A from a row x to its measurements y = A x, with its adjoint: ⟨A x, y⟩ = ⟨x, Aᵀ y⟩.
pub trait LinearOperator {
    /// The number of coordinates of x.
    fn inputs(&self) -> usize;

    /// The number of measurements.
    fn outputs(&self) -> usize;

    /// A x of each row: `[batch, inputs]` → `[batch, outputs]`.
    fn apply(&self, x: Tensor<2>) -> Tensor<2>;

    /// Aᵀ y of each row: `[batch, outputs]` → `[batch, inputs]`.
    fn adjoint(&self, y: Tensor<2>) -> Tensor<2>;

    /// (v AAᵀ + t I)⁻¹ y for the variance v of each row, `[batch, 1]`, and t = `noise`, one of them positive.
    ///
    /// By conjugate gradients unless an operator overrides it, which is exact to rounding where AAᵀ has few different
    /// eigenvalues.
    ///
    /// # Reference
    /// Hestenes and Stiefel (1952), *Methods of conjugate gradients for solving linear systems*, §3.
    fn solve(&self, variance: &Tensor<2>, noise: f64, y: Tensor<2>) -> Tensor<2> {
        let product = |p: Tensor<2>| self.apply(self.adjoint(p.clone())) * variance.clone() + p * noise;
        // A row whose residual is zero divides zero by this.
        let quotient = |a: Tensor<1>, b: Tensor<1>| (a / b.clamp_min(1e-30)).unsqueeze_dim::<2>(1);
        let (mut x, mut residual, mut direction) = (y.zeros_like(), y.clone(), y);
        let mut square = row_dot(residual.clone(), residual.clone());
        let enough = square.clone().max().into_scalar::<f64>() * RESIDUAL;
        for _ in 0..self.outputs().min(STEPS) {
            if square.clone().max().into_scalar::<f64>() <= enough {
                break;
            }
            let along = product(direction.clone());
            let step = quotient(square.clone(), row_dot(direction.clone(), along.clone()));
            x = x + direction.clone() * step.clone();
            residual = residual - along * step;
            let next = row_dot(residual.clone(), residual.clone());
            direction = residual.clone() + direction * quotient(next.clone(), square);
            square = next;
        }
        x
    }
}

/// A pointer to an operator is that operator.
macro_rules! pointers {
    ($($pointer:ty),+) => {$(
        impl<A: LinearOperator + ?Sized> LinearOperator for $pointer {
            fn inputs(&self) -> usize {
                (**self).inputs()
            }

            fn outputs(&self) -> usize {
                (**self).outputs()
            }

            fn apply(&self, x: Tensor<2>) -> Tensor<2> {
                (**self).apply(x)
            }

            fn adjoint(&self, y: Tensor<2>) -> Tensor<2> {
                (**self).adjoint(y)
            }

            fn solve(&self, variance: &Tensor<2>, noise: f64, y: Tensor<2>) -> Tensor<2> {
                (**self).solve(variance, noise, y)
            }
        }
    )+};
}

pointers!(&A, Box<A>);
