//! Langevin dynamics that a Metropolis test makes exact.

use burn::tensor::Tensor;
use ebm_model::Potential;
use ebm_ops::leapfrog::{add_scaled, kinetic_change, leapfrog_kinetic_change, leapfrog_position};
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::mcmc::evaluated::{Evaluated, evaluate};
use crate::mcmc::metropolis::{Tested, accept_or_reject};
use crate::{
    AnyKernel, AnySampler, Kernel, Mass, MetropolisInfo, NamedSampler, Need, SampleError, State, Tunable,
};

/// The Metropolis-adjusted Langevin algorithm: y = x + η M⁻¹s(x) + √(2η) M^(−½) z is accepted with probability
/// min(1, p(y) q(x|y) / p(x) q(y|x)), where q is the normal density of the proposal.
///
/// The proposal is one leapfrog step of time √(2η), and minus the logarithm of the ratio its energy error:
/// [`Hmc`](crate::Hmc) with one step is the same kernel.
/// Leaves exp(−E) invariant at any η; in many dimensions the best acceptance is 0.574.
/// One evaluation of energy and score per step; it draws normals, then uniforms.
///
/// # Reference
/// Roberts and Tweedie (1996), *Exponential convergence of Langevin distributions*, §1.4.2;
/// Roberts and Rosenthal (1998), *Optimal scaling of discrete approximations to Langevin diffusions*.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Mala {
    step_size: f64,
    mass: Mass,
}

impl Mala {
    /// Steps of size η with unit mass.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < step_size < ∞`.
    pub fn new(step_size: f64) -> Result<Self, SampleError> {
        Ok(Self { step_size: OutOfRange::positive("step_size", step_size)?, mass: Mass::unit() })
    }

    /// The same steps with this mass.
    pub fn with_mass(self, mass: Mass) -> Self {
        Self { mass, ..self }
    }

    /// The step size η.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// The mass M.
    pub fn mass(&self) -> &Mass {
        &self.mass
    }
}

impl<M: Potential + ?Sized> Kernel<M> for Mala {
    type Memo = Evaluated;
    type Info = MetropolisInfo;

    fn init(&self, model: &M, position: Tensor<2>) -> State<Evaluated> {
        evaluate(model, position)
    }

    fn step(&self, model: &M, state: State<Evaluated>, noise: &mut Noise) -> Tested {
        let epsilon = (2.0 * self.step_size).sqrt();
        let (x, score) = (state.position.clone(), state.memo.score.clone());
        let z = noise.normal_like(&x);
        let root = self.mass.scale(&x);
        // y = x + η M⁻¹ s(x) + √(2η) M^(−½) z
        //   = x + ε M^(−½) r,  r = z + ½ε M^(−½) s(x),  ε = √(2η);
        // z′ = r + ½ε M^(−½) s(y) is minus the z that leads from y back to x, so that
        // log p(x) q(y|x) − log p(y) q(x|y) = E(y) − E(x) + ½‖z′‖² − ½‖z‖².
        let (proposal, kinetic) = if root.is_identity() {
            let proposal = evaluate(model, leapfrog_position(x, z.clone(), score.clone(), epsilon));
            let kinetic = leapfrog_kinetic_change(z, score, proposal.memo.score.clone(), epsilon);
            (proposal, kinetic)
        } else {
            let r = add_scaled(z.clone(), root.apply(score), 0.5 * epsilon);
            let proposal = evaluate(model, add_scaled(x, root.apply(r.clone()), epsilon));
            let back = add_scaled(r, root.apply(proposal.memo.score.clone()), 0.5 * epsilon);
            (proposal, kinetic_change(back, z))
        };
        accept_or_reject(state, proposal, kinetic, noise)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    step_size: f64,
    mass: Mass,
}

impl TryFrom<Stored> for Mala {
    type Error = SampleError;

    fn try_from(Stored { step_size, mass }: Stored) -> Result<Self, SampleError> {
        Ok(Self::new(step_size)?.with_mass(mass))
    }
}

impl Tunable for Mala {
    /// Roberts and Rosenthal (1998), in many dimensions.
    const ACCEPTANCE: f64 = 0.574;

    fn step_size(&self) -> f64 {
        self.step_size
    }

    fn mass(&self) -> &Mass {
        &self.mass
    }

    fn tuned(&self, step_size: f64, mass: Mass) -> Result<Self, SampleError> {
        Ok(Self::new(step_size)?.with_mass(mass))
    }
}

/// Numbers of [`Mala`] by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MalaSettings {
    /// The step size η; 0.05 by default.
    pub step_size: f64,
}

impl Default for MalaSettings {
    fn default() -> Self {
        Self { step_size: 0.05 }
    }
}

impl NamedSampler for MalaSettings {
    const NAME: &'static str = "mala";
    const ABOUT: &'static str = "Metropolis-adjusted Langevin dynamics";
    const SECTION: &'static str = "chain";
    const NEED: Need = Need::Energy;
    const STEP: Option<&'static str> = Some("step_size");

    fn build(&self) -> Result<AnySampler, SampleError> {
        Ok(AnyKernel::tunable(Self::NAME, Mala::new(self.step_size)?).into())
    }

    fn with_step_size(self, step_size: f64) -> Self {
        Self { step_size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chain;
    use crate::testing::{assert_near, doubles, flags, numbers};
    use burn::tensor::{DType, Device};
    use ebm_model::{Gaussian, Score, Tempered};

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
    fn a_gaussian_at_temperature_t_is_one_of_t_times_the_variance() {
        let gaussian = |variance: f64| Gaussian::isotropic(vec![1.0], variance).unwrap();
        let (hot, cold, kernel) = (gaussian(2.0), gaussian(0.5), Mala::new(0.3).unwrap());
        let start = || Tensor::ones([50, 1], &Device::flex());
        let tempered = Tempered::new(&cold, 4.0);
        let mut found = Chain::start(&tempered, kernel.clone(), start(), Noise::seeded(4));
        let mut expected = Chain::start(&hot, kernel, start(), Noise::seeded(4));
        let (found, expected) = (found.nth(9).unwrap(), expected.nth(9).unwrap());
        let gap = (found.position - expected.position).abs().max().into_scalar::<f32>();
        assert!(gap < 1e-5, "{gap}");
    }

    #[test]
    fn a_kernel_is_read_back_as_written_and_its_step_size_must_be_positive_and_finite() {
        let kernel = Mala::new(0.25).unwrap().with_mass(Mass::from_variances(vec![1.0, 2.5]).unwrap());
        let text = serde_json::to_string(&kernel).unwrap();
        assert_eq!(text, r#"{"step_size":0.25,"mass":[1.0,2.5]}"#);
        assert_eq!(serde_json::from_str::<Mala>(&text).unwrap(), kernel);
        let refused = serde_json::from_str::<Mala>(r#"{"step_size":0.0,"mass":null}"#).unwrap_err();
        assert!(refused.to_string().contains("expected a positive, finite number, found 0"), "{refused}");
        for step in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Mala::new(step), Err(SampleError::OutOfRange(_))), "{step}");
        }
    }
}
