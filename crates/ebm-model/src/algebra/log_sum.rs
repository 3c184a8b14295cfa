//! Sums of densities by the logarithms of their terms.

use burn::tensor::Tensor;

use crate::Along;
use crate::rows::row_sum;

/// log Σ_k exp(t_k) of each row, `[batch]`, and the shares exp(t_k)/Σ exp(t), `[batch, components]`.
pub(crate) fn log_sum_and_shares(terms: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
    // A constant to autodiff: the sum does not depend on it.
    let largest = terms.clone().detach().max_dim(1);
    let parts = (terms - largest.clone()).exp();
    let sum = parts.clone().sum_dim(1);
    ((sum.clone().log() + largest).squeeze_dim::<1>(1), parts / sum)
}

/// The derivatives of −log Σ exp(−a_k) by those of a_k, all `[batch, components]`.
pub(crate) fn mixed(shares: Tensor<2>, slopes: Tensor<2>, curvatures: Tensor<2>) -> Along {
    let slope = (shares.clone() * slopes.clone()).sum_dim(1);
    let variance = shares.clone() * (slopes - slope.clone()).square();
    let curvature = row_sum(shares * curvatures - variance);
    Along { slope: slope.squeeze_dim::<1>(1), curvature }
}
