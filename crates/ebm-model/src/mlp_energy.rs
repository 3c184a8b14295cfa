//! The energy network for points and tables.

use serde::{Deserialize, Serialize};

use crate::layers::{Hidden, Perceptron};
use crate::{Confined, Confinement, Init, ModelError};

/// What an [`MlpEnergy`] is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MlpEnergyConfig {
    /// Coordinates of a point.
    pub dim: usize,
    /// The hidden layers; two of 128 units are usual for points in the plane.
    #[serde(flatten)]
    pub network: Hidden,
    /// λ of the confining ½λ‖x‖²; at zero, exp(−E) has an integral only if the network sees to it.
    pub confinement: f64,
}

impl MlpEnergyConfig {
    /// # Errors
    /// [`ModelError::Architecture`], naming the field that no network can have.
    pub fn validate(&self) -> Result<(), ModelError> {
        if !(1..=65_536).contains(&self.dim) {
            let (found, expected) = (self.dim.to_string(), "1 to 65,536".into());
            return Err(ModelError::Architecture { field: "dim", found, expected });
        }
        self.network.validate()?;
        Confinement::new(self.confinement).map(|_| ())
    }
}

/// The energy of a [`Perceptron`] with one output, in a bowl.
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

    /// What the network is made of.
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
    use crate::layers::Activation;
    use crate::{Energy, laws, weights};
    use burn::module::Module;
    use burn::tensor::{DType, Device};
    use ebm_ops::Noise;

    fn config(hidden: &[usize], activation: Activation, residual: bool) -> MlpEnergyConfig {
        let network = Hidden { residual, ..Hidden::new(hidden.to_vec(), activation) };
        MlpEnergyConfig { dim: 2, network, confinement: 0.1 }
    }

    #[test]
    fn an_mlp_energy_keeps_the_laws_of_a_potential_and_is_trained_exactly() {
        for (hidden, activation, residual) in [
            (vec![7], Activation::Softplus, false),
            (vec![6, 6], Activation::Silu, true),
            (vec![5, 4, 3], Activation::Tanh, false),
        ] {
            let config = config(&hidden, activation, residual);
            let model = laws::in_double(|init| MlpEnergy::new(&config, init).unwrap());
            laws::potential(&model, 2, 3);
            laws::precision(&weights::cast(model.clone(), DType::F32), &model, 2, 3);
            laws::trained(&model, 2, 3, laws::losses_and_energy);
        }
    }

    #[test]
    fn the_usual_network_has_its_size_and_survives_a_file() {
        let config = config(&[128, 128], Activation::Silu, false);
        let build = |seed| MlpEnergy::new(&config, &Init::new(Noise::seeded(seed), &Device::flex())).unwrap();
        assert_eq!(build(1).num_params(), 3 * 128 + 129 * 128 + 129);
        assert!(weights::shapes(&build(1)).contains_key("network.hidden.1.weight"));
        laws::saved(build(1), build(2), 2);
        assert_eq!(build(1).config(), config);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<MlpEnergyConfig>(&text).unwrap(), config);
    }

    #[test]
    fn a_configuration_without_a_network_is_refused_by_its_field() {
        let right = config(&[4], Activation::Silu, false);
        let wrong = [
            (MlpEnergyConfig { dim: 0, ..right.clone() }, "dim = 0"),
            (MlpEnergyConfig { confinement: -1.0, ..right.clone() }, "confinement = -1"),
            (config(&[], Activation::Silu, false), "hidden = []"),
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
        let model = laws::in_double(|init| MlpEnergy::new(&config, init).unwrap());
        let _ = model.energy(laws::points(1, 3, 4));
    }
}
