//! Functions as energies.

use std::fmt;

use burn::tensor::Tensor;

use crate::Energy;

/// An energy given by a function of `[batch, dim]` that returns `[batch]`.
///
/// Each row's energy must depend on that row alone, as for every energy.
/// [`Autograd`](crate::Autograd) gives it a score, [`FiniteDifference`](crate::FiniteDifference) slope and
/// curvature.
#[derive(Clone, Copy)]
pub struct Custom<F>(pub F);

impl<F: Fn(Tensor<2>) -> Tensor<1>> Energy for Custom<F> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let dims = x.dims();
        let energy = (self.0)(x);
        assert_eq!(energy.dims(), [dims[0]], "the shape of the energy of points {dims:?}");
        energy
    }
}

impl<F> fmt::Debug for Custom<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Custom")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_function_is_an_energy() {
        let x = testing::points(3, 2, 29);
        let energy = Custom(|x: Tensor<2>| x.powi_scalar(4).sum_dim(1).squeeze_dim::<1>(1));
        testing::assert_close(energy.energy(x.clone()), (energy.0)(x), 0.0, "an energy");
    }

    #[test]
    #[should_panic(expected = "the shape of the energy of points [3, 2]")]
    fn a_function_that_sums_over_rows_is_refused() {
        let _ = Custom(|x: Tensor<2>| x.square().sum()).energy(testing::points(3, 2, 30));
    }
}
