//! Mixtures of energies.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_ops::OutOfRange;

use crate::algebra::{log_sum_and_shares, mixed};
use crate::rows::constants;
use crate::{Along, Directional, Energy, ModelError, Potential, Score};

/// −log Σ_k w_k exp(−E_k(x)): the sum of the densities, likely where any of them is.
///
/// A component's share of the mass is w_k Z_k, not w_k: the weights are probabilities only if the components
/// are normalised (Z_k = 1), and then, if they sum to one, so is the mixture.
/// They are used as given.
///
/// # Reference
/// Du, Li and Mordatch (2020), *Compositional visual generation with energy based models*, §3.2: disjunction.
#[derive(Module, Debug)]
pub struct EnergyMixture<E> {
    components: Vec<E>,
    #[module(skip)]
    weights: Vec<f64>,
}

impl<E> EnergyMixture<E> {
    /// The mixture with these weights, which are not scaled.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless there is one positive, finite weight for each component, one or more.
    pub fn new(weights: Vec<f64>, components: Vec<E>) -> Result<Self, ModelError> {
        const WHAT: &str = "weights of a mixture of energies";
        if weights.is_empty() || weights.len() != components.len() {
            let expected = format!("one for each of {} components", components.len());
            return Err(OutOfRange::new(WHAT, weights.len(), expected).into());
        }
        match weights.iter().find(|weight| !(weight.is_finite() && 0.0 < **weight)) {
            Some(weight) => Err(OutOfRange::new(WHAT, weight, "positive, finite numbers").into()),
            None => Ok(Self { components, weights }),
        }
    }

    /// The weights w, as given.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The components.
    pub fn components(&self) -> &[E] {
        &self.components
    }

    /// log w_k − E_k, `[batch, components]`.
    fn log_terms(&self, energies: Vec<Tensor<1>>) -> Tensor<2> {
        let energies = Tensor::stack::<2>(energies, 1);
        let logs: Vec<f64> = self.weights.iter().map(|weight| weight.ln()).collect();
        let logs = constants(&logs, [1, logs.len()], &energies);
        logs - energies
    }
}

impl<E: Energy> Energy for EnergyMixture<E> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let energies = self.components.iter().map(|component| component.energy(x.clone()));
        log_sum_and_shares(self.log_terms(energies.collect())).0.neg()
    }
}

impl<E: Potential> Score for EnergyMixture<E> {
    /// Σ_k r_k s_k, r the shares of the components in the density at x.
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.energy_and_score(x).1
    }
}

impl<E: Potential> Potential for EnergyMixture<E> {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let (energies, scores): (Vec<_>, Vec<_>) =
            self.components.iter().map(|component| component.energy_and_score(x.clone())).unzip();
        let (log_sum, shares) = log_sum_and_shares(self.log_terms(energies));
        let parts = scores.into_iter().enumerate().map(|(k, score)| score * shares.clone().narrow(1, k, 1));
        let score = parts.reduce(|sum, part| sum + part).expect("a mixture has a component");
        (log_sum.neg(), score)
    }
}

impl<E: Energy + Directional> Directional for EnergyMixture<E> {
    /// Slope Σ r Ė; curvature Σ r Ë less the variance of Ė under r.
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let energies = self.components.iter().map(|component| component.energy(x.clone()));
        let (_, shares) = log_sum_and_shares(self.log_terms(energies.collect()));
        let (slopes, curvatures): (Vec<_>, Vec<_>) = self
            .components
            .iter()
            .map(|component| component.along(x.clone(), v.clone()))
            .map(|along| (along.slope, along.curvature))
            .unzip();
        mixed(shares, Tensor::stack::<2>(slopes, 1), Tensor::stack::<2>(curvatures, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Activation, Hidden};
    use crate::{Gaussian, GaussianMixture, MlpEnergy, MlpEnergyConfig, Shifted, testing};

    #[test]
    fn a_mixture_of_networks_keeps_the_laws_of_a_potential_and_is_trained_exactly() {
        let network = Hidden::new(vec![4], Activation::Tanh);
        let config = MlpEnergyConfig { dim: 2, network, confinement: 0.5 };
        let model = testing::in_double(|init| {
            let build = |k: usize| MlpEnergy::new(&config, &init.nth(k)).unwrap();
            let shifted = |k: usize| Shifted::new(build(k), vec![k as f64 - 0.5, 0.3]);
            EnergyMixture::new(vec![0.7, 2.0], vec![shifted(0), shifted(1)]).unwrap()
        });
        testing::assert_potential(&model, 2, 26);
        testing::assert_trainable(&model, 2, 26, testing::losses_and_energy);
    }

    #[test]
    fn components_count_by_weight_times_mass() {
        let parts = [
            Gaussian::isotropic(vec![-1.0, 0.0], 0.3).unwrap(),
            Gaussian::isotropic(vec![2.0, 1.0], 1.5).unwrap(),
        ];
        // a Gaussian's energy is not normalised: its Z is divided out by the weight
        let weights =
            [0.25, 0.75].iter().zip(&parts).map(|(w, law)| w / law.log_normalizer().exp()).collect();
        let found = EnergyMixture::new(weights, parts.to_vec()).unwrap();
        let exact = GaussianMixture::new(vec![0.25, 0.75], parts.to_vec()).unwrap();
        let x = testing::points(9, 2, 27) * 2.0;
        testing::assert_close(found.energy(x.clone()), exact.energy(x), 1e-13, "an energy");
    }

    #[test]
    fn far_from_every_component_nothing_overflows() {
        let law = Gaussian::isotropic(vec![0.0, 0.0], 1e-4).unwrap();
        let mixture = EnergyMixture::new(vec![1.0, 1.0], vec![&law, &law]).unwrap();
        let x = testing::points(4, 2, 28) * 100.0;
        let (energy, score) = mixture.energy_and_score(x.clone());
        testing::assert_close(energy, law.energy(x.clone()) - 2f64.ln(), 1e-13, "an energy");
        testing::assert_close(score, law.score(x), 1e-13, "a score");
    }

    #[test]
    fn unfit_weights_are_refused() {
        let law = Gaussian::standard(1);
        assert!(EnergyMixture::new(vec![1.0], vec![&law, &law]).is_err());
        assert!(EnergyMixture::new(vec![0.0], vec![&law]).is_err());
        assert!(EnergyMixture::<Gaussian>::new(vec![], vec![]).is_err());
    }
}
