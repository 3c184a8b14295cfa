//! The score network for points and tables without noise.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::row_dot::row_dot;
use serde::{Deserialize, Serialize};

use crate::layers::{Activation, Hidden, Perceptron, check_size};
use crate::networks::input::filled_row;
use crate::{
    Along, Capabilities, Directional, DirectionalScore, Init, Input, Layer, ModelError, NetworkConfig, Score,
};

/// The description of an [`MlpScore`]; by default two hidden layers of 128 SiLU units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MlpScoreConfig {
    /// Number of coordinates; 0 is taken from the data.
    pub dim: usize,
    /// The hidden layers.
    #[serde(flatten)]
    pub network: Hidden,
}

impl Default for MlpScoreConfig {
    fn default() -> Self {
        Self { dim: 0, network: Hidden::new(vec![128, 128], Activation::Silu) }
    }
}

impl MlpScoreConfig {
    /// # Errors
    /// [`ModelError::OutOfRange`] with a field whose value no network has.
    pub fn validate(&self) -> Result<(), ModelError> {
        check_size("dim", self.dim)?;
        self.network.validate()
    }
}

impl NetworkConfig for MlpScoreConfig {
    type Network = MlpScore;

    fn construct(&self, init: &Init) -> Result<MlpScore, ModelError> {
        MlpScore::new(self, init)
    }

    fn input(&self) -> Input {
        Input::Row { dim: self.dim }
    }

    fn fitted(self, found: Input) -> Self {
        Self { dim: filled_row(self.dim, found), ..self }
    }
}

/// s(x) = f(x), a [`Perceptron`] with as many outputs as inputs.
///
/// Its Jacobian need not be symmetric, so it need not be the gradient of an energy.
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

    /// The description of the network.
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
    /// By the reverse rule, one forward and one reverse pass: vᵀ(∇s)v is the product of v with vᵀ∇s.
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let (score, trace) = self.network.trace(x);
        let pulled = self.network.pullback(trace, v.clone());
        Along { slope: row_dot(score, v.clone()).neg(), curvature: row_dot(pulled, v).neg() }
    }
}

impl Capabilities for MlpScore {
    fn as_score(&self) -> Option<&dyn DirectionalScore> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{testing, weights};
    use burn::tensor::DType;

    #[test]
    fn an_mlp_score_knows_its_slope_and_curvature_and_is_trained_exactly() {
        let network = Hidden { residual: true, ..Hidden::new(vec![5, 5], Activation::Silu) };
        let config = MlpScoreConfig { dim: 3, network };
        let model = testing::in_double(|init| MlpScore::new(&config, init).unwrap());
        testing::assert_directional(&model, 3, 50);
        testing::assert_precision(&weights::cast(model.clone(), DType::F32), &model, 3, 50);
        testing::assert_trainable(&model, 3, 50, testing::losses);
        assert_eq!(model.config(), config);
        assert!(MlpScoreConfig { dim: 0, ..config }.validate().is_err());
    }
}
