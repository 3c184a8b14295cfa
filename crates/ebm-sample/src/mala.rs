//! Langevin dynamics that a Metropolis test makes exact.

use burn::tensor::Tensor;
use ebm_model::Potential;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::evaluated::{Evaluated, evaluate};
use crate::leapfrog::Leapfrog;
use crate::{Kernel, Langevin, Mass, MetropolisInfo, SampleError, State};

/// The Metropolis-adjusted Langevin algorithm: y = x + η M⁻¹s(x) + √(2η) M^(−½) z is taken with probability
/// min(1, p(y) q(x|y) / p(x) q(y|x)), q the normal law of the proposal.
///
/// Leaves exp(−E) invariant at any η; in many dimensions the best acceptance is 0.574.
/// One evaluation of energy and score a step; it draws normals, then uniforms.
///
/// # Reference
/// Roberts and Tweedie (1996), *Exponential convergence of Langevin distributions*, §1.4.2;
/// Roberts and Rosenthal (1998), *Optimal scaling of discrete approximations to Langevin diffusions*.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Settings")]
pub struct Mala {
    step_size: f64,
    mass: Mass,
}

impl Mala {
    /// Steps of size η with unit mass.
    ///
    /// # Errors
    /// [`SampleError::StepSize`] unless `0 < step_size < ∞`.
    pub fn new(step_size: f64) -> Result<Self, SampleError> {
        Ok(Self { step_size: Langevin::new(step_size)?.step_size(), mass: Mass::unit() })
    }

    /// The same steps with this mass.
    pub fn with_mass(self, mass: Mass) -> Self {
        Self { mass, ..self }
    }

    /// η.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// M.
    pub fn mass(&self) -> &Mass {
        &self.mass
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    step_size: f64,
    mass: Mass,
}

impl TryFrom<Settings> for Mala {
    type Error = SampleError;

    fn try_from(Settings { step_size, mass }: Settings) -> Result<Self, SampleError> {
        Ok(Self::new(step_size)?.with_mass(mass))
    }
}

impl<M: Potential + ?Sized> Kernel<M> for Mala {
    type Memo = Evaluated;
    type Info = MetropolisInfo;

    fn init(&self, model: &M, position: Tensor<2>) -> State<Evaluated> {
        evaluate(model, position)
    }

    fn step(
        &self,
        model: &M,
        state: State<Evaluated>,
        noise: &mut Noise,
    ) -> (State<Evaluated>, MetropolisInfo) {
        // One leapfrog step of time √(2η) is the proposal, and its energy error the log ratio.
        let step_size = (2.0 * self.step_size).sqrt();
        Leapfrog { step_size, n: 1, mass: &self.mass }.tested(model, state, noise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metropolis::tests::{assert_near, doubles, flags, numbers};
    use burn::tensor::{DType, Device};
    use ebm_model::{Gaussian, Score};

    #[test]
    fn the_log_acceptance_ratio_on_a_gaussian_is_the_known_one() {
        let target = Gaussian::new(vec![1.0, -2.0], &[vec![2.0, 0.6], vec![0.6, 0.5]]).unwrap();
        let (eta, noise) = (0.4, Noise::seeded(5));
        let x = target.sample(20, &mut noise.derive("start"), &Device::flex()).cast(DType::F64);
        let kernel = Mala::new(eta).unwrap();
        let state = kernel.init(&target, x.clone());
        let (next, info) = kernel.step(&target, state, &mut noise.clone());

        let z = noise.clone().normal_like(&x);
        let y = x.clone() + target.score(x.clone()) * eta + z * (2.0 * eta).sqrt();
        let square = |x: &Tensor<2>| target.score(x.clone()).square().sum_dim(1);
        let log_ratio = numbers((square(&x) - square(&y)) * (0.25 * eta));
        assert_near(&numbers(info.energy_error.neg()), &log_ratio, 1e-12);
        let acceptance: Vec<f64> = log_ratio.iter().map(|ratio| ratio.exp().min(1.0)).collect();
        assert_near(&numbers(info.acceptance), &acceptance, 1e-12);

        // where it was accepted the chain is at y, elsewhere at x
        let (x, y, next) = (numbers(x), numbers(y), numbers(next.position));
        let accepted = flags(info.accepted);
        assert!(accepted.contains(&true) && accepted.contains(&false), "{accepted:?}");
        for (row, accepted) in accepted.into_iter().enumerate() {
            let expected = if accepted { &y } else { &x };
            assert_near(&next[2 * row..2 * row + 2], &expected[2 * row..2 * row + 2], 1e-14);
        }
    }

    #[test]
    fn a_mass_is_a_change_of_units() {
        let (variances, eta, mut noise) = ([9.0, 0.01], 0.4, Noise::seeded(6));
        let wide = Gaussian::new(vec![0.0; 2], &[vec![9.0, 0.0], vec![0.0, 0.01]]).unwrap();
        let plain = Mala::new(eta).unwrap();
        let scaled = plain.clone().with_mass(Mass::from_variances(variances.to_vec()).unwrap());
        let units = doubles(&[[3.0, 0.1]]);
        let x = doubles(&[[0.3, 1.0], [-1.0, 2.0], [0.0, -0.5]]);

        let narrow = Gaussian::standard(2);
        let state = plain.init(&narrow, x.clone());
        let (expected, by) = plain.step(&narrow, state, &mut noise.clone());
        let state = scaled.init(&wide, x * units.clone());
        let (found, info) = scaled.step(&wide, state, &mut noise);
        assert_near(&numbers(found.position), &numbers(expected.position * units), 1e-12);
        assert_near(&numbers(info.energy_error), &numbers(by.energy_error), 1e-12);
    }

    #[test]
    fn a_kernel_on_paper_is_the_kernel_and_a_step_that_is_none_is_refused() {
        let kernel = Mala::new(0.25).unwrap().with_mass(Mass::from_variances(vec![1.0, 2.5]).unwrap());
        let text = serde_json::to_string(&kernel).unwrap();
        assert_eq!(text, r#"{"step_size":0.25,"mass":[1.0,2.5]}"#);
        assert_eq!(serde_json::from_str::<Mala>(&text).unwrap(), kernel);
        let refused = serde_json::from_str::<Mala>(r#"{"step_size":0.0,"mass":null}"#).unwrap_err();
        assert!(refused.to_string().contains("expected a positive, finite number, found 0"), "{refused}");
        for step in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Mala::new(step), Err(SampleError::StepSize(_))), "{step}");
        }
    }
}
