//! Hamiltonian Monte Carlo.

use burn::tensor::Tensor;
use ebm_model::Potential;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::mcmc::evaluated::{Evaluated, evaluate};
use crate::mcmc::leapfrog::Leapfrog;
use crate::mcmc::metropolis::Tested;
use crate::mcmc::trajectory::n_steps;
use crate::{
    AnyKernel, AnySampler, Kernel, Mass, MetropolisInfo, NamedSampler, Need, SampleError, State, Tunable,
};

/// A momentum p ~ N(0, M), L leapfrog steps of size ε along the energy H(x, p) = E(x) + ½ pᵀM⁻¹p, and a
/// Metropolis test of the error in H.
///
/// L is uniform on 1, …, `n_leapfrog`, drawn anew for each step and shared by the chains of the batch: trajectories
/// of one length resonate, on N(0, I) for instance where they come full circle, and then hardly move.
/// [`with_fixed_length`](Self::with_fixed_length) makes all of them `n_leapfrog` long.
///
/// Leaves exp(−E) invariant at any ε, since L does not depend on the position; in many dimensions the best
/// acceptance is 0.651.
/// L scores and one energy per step; it draws L, unless there is only one, then normals, then uniforms.
/// With L = 1 it is [`Mala`](crate::Mala) with η = ε²/2.
///
/// # Reference
/// Duane, Kennedy, Pendleton and Roweth (1987), *Hybrid Monte Carlo*; Neal (2011), *MCMC using Hamiltonian
/// dynamics*, §3, and §3.2 for lengths at random.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Hmc {
    step_size: f64,
    n_leapfrog: usize,
    mass: Mass,
    #[serde(skip_serializing_if = "is_false")]
    fixed_length: bool,
}

impl Hmc {
    /// Trajectories of up to `n_leapfrog` steps of size ε = `step_size` with unit mass.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < step_size < ∞` and there is a leapfrog step.
    pub fn new(step_size: f64, n_leapfrog: usize) -> Result<Self, SampleError> {
        let n_leapfrog = OutOfRange::at_least("leapfrog", 1, n_leapfrog)?;
        let step_size = OutOfRange::positive("step_size", step_size)?;
        Ok(Self { step_size, n_leapfrog, mass: Mass::unit(), fixed_length: false })
    }

    /// Trajectories that are all of the full length.
    pub fn with_fixed_length(self) -> Self {
        Self { fixed_length: true, ..self }
    }

    /// The same trajectories with this mass.
    pub fn with_mass(self, mass: Mass) -> Self {
        Self { mass, ..self }
    }

    /// The step size ε of the leapfrog steps.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// The largest number L of leapfrog steps.
    pub fn n_leapfrog(&self) -> usize {
        self.n_leapfrog
    }

    /// Whether every trajectory has the full length.
    pub fn has_fixed_length(&self) -> bool {
        self.fixed_length
    }

    /// The number L of leapfrog steps of the next trajectory.
    pub(crate) fn draw_length(&self, noise: &mut Noise) -> usize {
        if self.fixed_length || self.n_leapfrog == 1 {
            return self.n_leapfrog;
        }
        1 + noise.indices(1, self.n_leapfrog)[0]
    }

    /// The mass M.
    pub fn mass(&self) -> &Mass {
        &self.mass
    }

    /// The time of the longest trajectory, ε L.
    pub fn longest(&self) -> f64 {
        self.step_size * self.n_leapfrog as f64
    }

    /// The same steps in trajectories of up to this time: at least one step and at most 1,000.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < longest < ∞`.
    pub fn with_longest(self, longest: f64) -> Result<Self, SampleError> {
        let longest = OutOfRange::positive("longest", longest)?;
        Ok(Self { n_leapfrog: n_steps(longest, self.step_size), ..self })
    }

    /// `n` of its leapfrog steps.
    pub(crate) fn leapfrog(&self, n: usize) -> Leapfrog<'_> {
        Leapfrog { step_size: self.step_size, n, mass: &self.mass }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    step_size: f64,
    n_leapfrog: usize,
    mass: Mass,
    #[serde(default)]
    fixed_length: bool,
}

impl TryFrom<Stored> for Hmc {
    type Error = SampleError;

    fn try_from(stored: Stored) -> Result<Self, SampleError> {
        let Stored { step_size, n_leapfrog, mass, fixed_length } = stored;
        Ok(Self { fixed_length, ..Self::new(step_size, n_leapfrog)?.with_mass(mass) })
    }
}

impl<M: Potential + ?Sized> Kernel<M> for Hmc {
    type Memo = Evaluated;
    type Info = MetropolisInfo;

    fn init(&self, model: &M, position: Tensor<2>) -> State<Evaluated> {
        evaluate(model, position)
    }

    fn step(&self, model: &M, state: State<Evaluated>, noise: &mut Noise) -> Tested {
        let n = self.draw_length(noise);
        self.leapfrog(n).tested(model, state, noise)
    }
}

impl Tunable for Hmc {
    /// Stan's, above the 0.651 of Beskos et al. (2013), since a step too long costs more than one too short.
    const ACCEPTANCE: f64 = 0.8;

    fn step_size(&self) -> f64 {
        self.step_size
    }

    fn mass(&self) -> &Mass {
        &self.mass
    }

    fn tuned(&self, step_size: f64, mass: Mass) -> Result<Self, SampleError> {
        Ok(Self { fixed_length: self.fixed_length, ..Self::new(step_size, self.n_leapfrog)?.with_mass(mass) })
    }
}

/// Numbers of [`Hmc`] by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HmcSettings {
    /// The step size ε of the leapfrog steps; 0.05 by default.
    pub step_size: f64,
    /// The largest number of leapfrog steps; 10 by default.
    pub leapfrog: usize,
    /// Whether every trajectory has that many, instead of a number drawn anew for each step; false by default.
    pub fixed_length: bool,
}

impl Default for HmcSettings {
    fn default() -> Self {
        Self { step_size: 0.05, leapfrog: 10, fixed_length: false }
    }
}

impl NamedSampler for HmcSettings {
    const NAME: &'static str = "hmc";
    const ABOUT: &'static str = "Hamiltonian Monte Carlo";
    const SECTION: &'static str = "chain";
    const NEED: Need = Need::Energy;
    const STEP: Option<&'static str> = Some("step_size");

    fn build(&self) -> Result<AnySampler, SampleError> {
        let kernel = Hmc { fixed_length: self.fixed_length, ..Hmc::new(self.step_size, self.leapfrog)? };
        Ok(AnyKernel::tunable(Self::NAME, kernel).into())
    }

    fn with_step_size(self, step_size: f64) -> Self {
        Self { step_size, ..self }
    }

    fn with_langevin_step(self, eta: f64) -> Self {
        self.with_step_size((2.0 * eta).sqrt())
    }

    fn with_leapfrog(self, leapfrog: usize) -> Self {
        Self { leapfrog, ..self }
    }

    fn evaluations(&self) -> usize {
        self.leapfrog
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mala;
    use crate::testing::{assert_near, doubles, flags, numbers};
    use ebm_model::Gaussian;

    #[test]
    fn leapfrog_on_a_gaussian_is_the_known_rotation() {
        let (sigma, epsilon): (f64, f64) = (1.7, 0.6);
        let target = Gaussian::isotropic(vec![0.0], sigma * sigma).unwrap();
        let (x, noise) = (doubles(&[[0.3], [-2.0], [5.0], [0.0]]), Noise::seeded(8));
        let momentum = numbers(noise.clone().normal_like(&x));
        for n_leapfrog in [1, 2, 7, 40] {
            let kernel = Hmc::new(epsilon, n_leapfrog).unwrap().with_fixed_length();
            let state = kernel.init(&target, x.clone());
            let (momentum_tensor, scale) = (noise.clone().normal_like(&x), kernel.mass.scale(&x));
            let (end, r) = kernel.leapfrog(n_leapfrog).run(&target, &state, momentum_tensor, &scale);
            let (_, info) = kernel.step(&target, state, &mut noise.clone());

            let square = (epsilon / sigma).powi(2);
            let angle = (1.0 - 0.5 * square).acos() * n_leapfrog as f64;
            let g = (1.0 - 0.25 * square).sqrt() / sigma;
            let exact: Vec<[f64; 3]> = numbers(x.clone())
                .into_iter()
                .zip(&momentum)
                .map(|(x, p)| {
                    let end = x * angle.cos() + p / g * angle.sin();
                    let error = square / (8.0 * sigma * sigma) * (end * end - x * x);
                    [end, p * angle.cos() - g * x * angle.sin(), error]
                })
                .collect();
            let column = |i: usize| exact.iter().map(|row| row[i]).collect::<Vec<_>>();
            assert_near(&numbers(end.position), &column(0), 1e-12);
            assert_near(&numbers(r), &column(1), 1e-12);
            assert_near(&numbers(info.energy_error), &column(2), 1e-12);
        }
    }

    #[test]
    fn one_leapfrog_step_is_mala() {
        let target = Gaussian::new(vec![1.0, -2.0], &[vec![2.0, 0.6], vec![0.6, 0.5]]).unwrap();
        let mass = Mass::from_variances(vec![3.0, 0.5]).unwrap();
        let (epsilon, noise) = (0.9, Noise::seeded(9));
        let (hmc, mala) = (Hmc::new(epsilon, 1).unwrap(), Mala::new(0.5 * epsilon * epsilon).unwrap());
        let (hmc, mala) = (hmc.with_mass(mass.clone()), mala.with_mass(mass));
        let x = noise.derive("start").normal_like(&doubles(&[[0.0; 2]; 20])) + doubles(&[[1.0, -2.0]]);
        let (left, by_hmc) = hmc.step(&target, hmc.init(&target, x.clone()), &mut noise.clone());
        let (right, by_mala) = mala.step(&target, mala.init(&target, x), &mut noise.clone());
        assert_near(&numbers(left.position), &numbers(right.position), 1e-12);
        assert_near(&numbers(by_hmc.energy_error), &numbers(by_mala.energy_error), 1e-12);
        let accepted = flags(by_hmc.accepted);
        assert!(accepted.contains(&true) && accepted.contains(&false));
        assert_eq!(accepted, flags(by_mala.accepted));
    }

    #[test]
    fn a_mass_is_a_change_of_units() {
        let wide = Gaussian::new(vec![0.0; 2], &[vec![9.0, 0.0], vec![0.0, 0.01]]).unwrap();
        let plain = Hmc::new(0.5, 4).unwrap();
        let scaled = plain.clone().with_mass(Mass::from_variances(vec![9.0, 0.01]).unwrap());
        let (x, units, noise) =
            (doubles(&[[0.3, 1.0], [-1.0, 2.0]]), doubles(&[[3.0, 0.1]]), Noise::seeded(6));
        let narrow = Gaussian::standard(2);
        let (expected, by) = plain.step(&narrow, plain.init(&narrow, x.clone()), &mut noise.clone());
        let start = scaled.init(&wide, x * units.clone());
        let (found, info) = scaled.step(&wide, start, &mut noise.clone());
        assert_near(&numbers(found.position), &numbers(expected.position * units), 1e-12);
        assert_near(&numbers(info.energy_error), &numbers(by.energy_error), 1e-12);
    }

    #[test]
    fn an_unstable_trajectory_is_flagged_and_rejected() {
        let target = Gaussian::isotropic(vec![0.0], 0.01).unwrap();
        let (kernel, x) = (Hmc::new(1.0, 10).unwrap(), doubles(&[[0.1], [0.2]]));
        let (end, info) = kernel.step(&target, kernel.init(&target, x.clone()), &mut Noise::seeded(3));
        assert_eq!(flags(info.diverged), [true, true]);
        assert_eq!(flags(info.accepted), [false, false]);
        assert_eq!(numbers(end.position), numbers(x));
    }

    #[test]
    fn a_trajectory_needs_a_step_and_a_step_size_and_is_read_back_as_written() {
        assert_eq!(Hmc::new(0.1, 0).unwrap_err().to_string(), "leapfrog: expected at least 1, found 0");
        assert!(matches!(Hmc::new(f64::NAN, 1), Err(SampleError::OutOfRange(_))));
        let kernel = Hmc::new(0.1, 3).unwrap();
        let text = serde_json::to_string(&kernel).unwrap();
        assert_eq!(text, r#"{"step_size":0.1,"n_leapfrog":3,"mass":null}"#);
        assert_eq!(serde_json::from_str::<Hmc>(&text).unwrap(), kernel);
        let fixed = kernel.with_fixed_length();
        let text = serde_json::to_string(&fixed).unwrap();
        assert_eq!(serde_json::from_str::<Hmc>(&text).unwrap(), fixed);
        assert!(fixed.tuned(0.2, Mass::unit()).unwrap().has_fixed_length());
    }

    #[test]
    fn lengths_are_uniform_up_to_the_largest() {
        let (n, most) = (12_000, 6);
        let (kernel, mut noise) = (Hmc::new(0.1, most).unwrap(), Noise::seeded(10));
        let mut counts = vec![0; most + 1];
        (0..n).for_each(|_| counts[kernel.draw_length(&mut noise)] += 1);
        assert_eq!(counts[0], 0);
        let expected = n as f64 / most as f64;
        let error = (expected * (1.0 - 1.0 / most as f64)).sqrt();
        for count in &counts[1..] {
            assert!((f64::from(*count) - expected).abs() < 5.0 * error, "{counts:?}");
        }
        let fixed = kernel.with_fixed_length();
        assert!((0..100).all(|_| fixed.draw_length(&mut noise) == most));
    }
}
