//! A quadratic energy: small, trainable, and able to diverge.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use ebm_model::{Energy, Potential, Score};

/// E(x) = ½ Σ λᵢ xᵢ². With a negative λ there is no density, and chains run away.
#[derive(Module, Debug)]
pub struct Bowl {
    precision: Param<Tensor<1>>,
}

impl Bowl {
    pub fn new(precision: &[f32]) -> Self {
        Self { precision: Param::from_tensor(Tensor::from_data(precision, &Device::flex())) }
    }

    pub fn precision(&self) -> Vec<f64> {
        self.precision.val().into_data().iter::<f64>().collect()
    }

    fn row(&self) -> Tensor<2> {
        self.precision.val().unsqueeze::<2>()
    }
}

impl Energy for Bowl {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        (x.square() * self.row() * 0.5).sum_dim(1).squeeze_dim::<1>(1)
    }
}

impl Score for Bowl {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        -(x * self.row())
    }
}

impl Potential for Bowl {}
