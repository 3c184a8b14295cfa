//! A logistic regression as an energy.

use burn::tensor::Tensor;
use ebm_model::{Energy, Potential, Score};
use ebm_ops::activation::{Activation, derivative, softplus};
use ebm_ops::dense::dense;

/// E(w) = Σ softplus(a_n · w) + ½‖w‖², with a_n = (1 − 2y_n) x_n for features x_n and outcomes y_n of 0 or 1.
pub struct Logistic {
    /// a, `[n, dim]`.
    rows: Tensor<2>,
    /// The same transposed, `[dim, n]`.
    columns: Tensor<2>,
}

impl Logistic {
    /// Of the rows a_n, `[n, dim]`.
    pub fn new(rows: Tensor<2>) -> Self {
        let [n, dim] = rows.dims();
        // A copy in its own order, so that no product has to make one.
        let columns = Tensor::from_data(rows.clone().transpose().into_data(), &rows.device());
        assert_eq!(columns.dims(), [dim, n]);
        Self { rows, columns }
    }

    fn energy_of(&self, w: Tensor<2>, products: Tensor<2>) -> Tensor<1> {
        (softplus(products).sum_dim(1) + w.square().sum_dim(1) * 0.5).squeeze_dim(1)
    }

    fn score_of(&self, w: Tensor<2>, products: Tensor<2>) -> Tensor<2> {
        -(dense(derivative(products, Activation::Softplus, 1), self.rows.clone(), None) + w)
    }
}

impl Energy for Logistic {
    fn energy(&self, w: Tensor<2>) -> Tensor<1> {
        let products = dense(w.clone(), self.columns.clone(), None);
        self.energy_of(w, products)
    }
}

impl Score for Logistic {
    fn score(&self, w: Tensor<2>) -> Tensor<2> {
        let products = dense(w.clone(), self.columns.clone(), None);
        self.score_of(w, products)
    }
}

impl Potential for Logistic {
    fn energy_and_score(&self, w: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let products = dense(w.clone(), self.columns.clone(), None);
        (self.energy_of(w.clone(), products.clone()), self.score_of(w, products))
    }
}
