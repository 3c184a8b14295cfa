//! The score network for points and tables without noise.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::row_dot::row_dot;
use serde::{Deserialize, Serialize};

use crate::layers::{Hidden, Perceptron};
use crate::{Along, Directional, Init, Layer, ModelError, Score};

/// What an [`MlpScore`] is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MlpScoreConfig {
    /// Coordinates of a point.
    pub dim: usize,
    /// The hidden layers.
    #[serde(flatten)]
    pub network: Hidden,
}

impl MlpScoreConfig {
    /// # Errors
    /// [`ModelError::Architecture`], naming the field that no network can have.
    pub fn validate(&self) -> Result<(), ModelError> {
        if !(1..=65_536).contains(&self.dim) {
            let (found, expected) = (self.dim.to_string(), "1 to 65,536".into());
            return Err(ModelError::Architecture { field: "dim", found, expected });
        }
        self.network.validate()
    }
}

/// s(x) = f(x), a [`Perceptron`] with as many outputs as inputs.
///
/// It is free: its Jacobian need not be symmetric, and then it is the gradient of no energy.
#[derive(Module, Debug)]
pub struct MlpScore {
    network: Perceptron,
}

impl MlpScore {
    /// A new network.
    ///
    /// # Errors
    /// Those of [`MlpScoreConfig::validate`].
    pub fn new(config: &MlpScoreConfig, init: &Init) -> Result<Self, ModelError> {
        config.validate()?;
        let network = Perceptron::new(config.dim, config.dim, &config.network, &init.part("network"))?;
        Ok(Self { network })
    }

    /// What the network is made of.
    pub fn config(&self) -> MlpScoreConfig {
        MlpScoreConfig { dim: self.network.inputs(), network: self.network.config().clone() }
    }
}

impl Score for MlpScore {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.network.forward(x)
    }
}

impl Directional for MlpScore {
    /// By the reverse rule, one pass there and one back: vᵀ(∇s)v is the product of v with vᵀ∇s.
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let (score, trace) = self.network.trace(x);
        let pulled = self.network.pullback(trace, v.clone());
        Along { slope: row_dot(score, v.clone()).neg(), curvature: row_dot(pulled, v).neg() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Activation;
    use crate::{laws, weights};
    use burn::tensor::DType;

    #[test]
    fn an_mlp_score_knows_its_slope_and_curvature_and_is_trained_exactly() {
        let network = Hidden { residual: true, ..Hidden::new(vec![5, 5], Activation::Silu) };
        let config = MlpScoreConfig { dim: 3, network };
        let model = laws::in_double(|init| MlpScore::new(&config, init).unwrap());
        laws::directional(&model, 3, 50);
        laws::precision(&weights::cast(model.clone(), DType::F32), &model, 3, 50);
        laws::trained(&model, 3, 50, laws::losses);
        assert_eq!(model.config(), config);
        assert!(MlpScoreConfig { dim: 0, ..config }.validate().is_err());
    }
}
