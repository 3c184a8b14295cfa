//! The energy network for points and tables.

use serde::{Deserialize, Serialize};

use crate::layers::{Activation, Hidden, Perceptron, check_size};
use crate::networks::input::filled_row;
use crate::{Confined, Confinement, Init, Input, ModelError, NetworkConfig};

/// The description of an [`MlpEnergy`]; by default two hidden layers of 128 SiLU units and λ = 0.01.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MlpEnergyConfig {
    /// Number of coordinates; 0 is taken from the data.
    pub dim: usize,
    /// The hidden layers.
    #[serde(flatten)]
    pub network: Hidden,
    /// λ of the confining ½λ‖x‖²; with zero, exp(−E) is integrable only if the network makes it so.
    pub confinement: f64,
}

impl Default for MlpEnergyConfig {
    fn default() -> Self {
        Self { dim: 0, network: Hidden::new(vec![128, 128], Activation::Silu), confinement: 0.01 }
    }
}

impl MlpEnergyConfig {
    /// # Errors
    /// [`ModelError::OutOfRange`] with a field whose value no network has.
    pub fn validate(&self) -> Result<(), ModelError> {
        check_size("dim", self.dim)?;
        self.network.validate()?;
        Confinement::new(self.confinement).map(|_| ())
    }
}

impl NetworkConfig for MlpEnergyConfig {
    type Network = MlpEnergy;

    fn construct(&self, init: &Init) -> Result<MlpEnergy, ModelError> {
        MlpEnergy::new(self, init)
    }

    fn input(&self) -> Input {
        Input::Row { dim: self.dim }
    }

    fn fitted(self, found: Input) -> Self {
        Self { dim: filled_row(self.dim, found), ..self }
    }
}

/// The energy of a [`Perceptron`] with one output, with a confinement added.
pub type MlpEnergy = Confined<Perceptron>;

impl MlpEnergy {
    /// A new network.
    ///
    /// # Errors
    /// Those of [`MlpEnergyConfig::validate`].
    pub fn new(config: &MlpEnergyConfig, init: &Init) -> Result<Self, ModelError> {
        config.validate()?;
        let network = Perceptron::new(config.dim, 1, &config.network, &init.part("network"))?;
        Ok(Self::around(network, Confinement::new(config.confinement)?))
    }

    /// The description of the network.
    pub fn config(&self) -> MlpEnergyConfig {
        MlpEnergyConfig {
            dim: self.network().inputs(),
            network: self.network().config().clone(),
            confinement: self.confinement().lambda(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Energy, testing, weights};
    use burn::module::Module;
    use burn::tensor::{DType, Device};
    use ebm_ops::Noise;

    fn config(hidden: &[usize], activation: Activation, residual: bool) -> MlpEnergyConfig {
        let network = Hidden { residual, ..Hidden::new(hidden.to_vec(), activation) };
        MlpEnergyConfig { dim: 2, network, confinement: 0.1 }
    }

    #[test]
    fn an_mlp_energy_passes_the_tests_of_a_potential_and_is_trained_exactly() {
        for (hidden, activation, residual) in [
            (vec![7], Activation::Softplus, false),
            (vec![6, 6], Activation::Silu, true),
            (vec![5, 4, 3], Activation::Tanh, false),
        ] {
            let config = config(&hidden, activation, residual);
            let model = testing::in_double(|init| MlpEnergy::new(&config, init).unwrap());
            testing::assert_potential(&model, 2, 3);
            testing::assert_precision(&weights::cast(model.clone(), DType::F32), &model, 2, 3);
            testing::assert_trainable(&model, 2, 3, testing::losses_and_energy);
        }
    }

    #[test]
    fn the_usual_network_has_its_size_and_survives_a_file() {
        let config = config(&[128, 128], Activation::Silu, false);
        let build = |seed| MlpEnergy::new(&config, &Init::new(Noise::seeded(seed), &Device::flex())).unwrap();
        assert_eq!(build(1).num_params(), 3 * 128 + 129 * 128 + 129);
        assert!(weights::shapes(&build(1)).contains_key("network.hidden.1.weight"));
        testing::assert_saved(build(1), build(2), 2);
        assert_eq!(build(1).config(), config);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<MlpEnergyConfig>(&text).unwrap(), config);
    }

    #[test]
    fn an_impossible_configuration_is_refused_by_its_field() {
        let right = config(&[4], Activation::Silu, false);
        let wrong = [
            (MlpEnergyConfig { dim: 0, ..right.clone() }, "dim: expected 1 to 65,536, found 0"),
            (
                MlpEnergyConfig { confinement: -1.0, ..right.clone() },
                "confinement: expected a finite number, zero or more, found -1",
            ),
            (config(&[], Activation::Silu, false), "hidden: expected 1 to 64 layers, found []"),
        ];
        for (config, expected) in wrong {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    #[should_panic(expected = "points in 2 dimensions were given as [1, 3]")]
    fn points_of_another_dimension_are_refused() {
        let config = config(&[4], Activation::Silu, false);
        let model = testing::in_double(|init| MlpEnergy::new(&config, init).unwrap());
        let _ = model.energy(testing::points(1, 3, 4));
    }
}
