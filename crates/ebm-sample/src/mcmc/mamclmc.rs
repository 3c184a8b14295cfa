//! Microcanonical Monte Carlo that a Metropolis test makes exact.

use burn::tensor::Tensor;
use ebm_model::Potential;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::mcmc::evaluated::{Evaluated, evaluate};
use crate::mcmc::metropolis::{Tested, accept_or_reject};
use crate::mcmc::microcanonical::{Integrator, Motion, Phase, assert_has_directions, fresh_like};
use crate::mcmc::trajectory::{Trajectory, n_steps};
use crate::{Kernel, Mass, MetropolisInfo, SampleError, State, Tunable};

/// A direction at random, a trajectory of the microcanonical dynamics of [`Mclmc`](crate::Mclmc), and a Metropolis
/// test of its energy error ΔE = E(y) − E(x) + ΔK.
///
/// A step of the integrator is undone by the reversed direction, and shrinks volumes by exp(−ΔK), where ΔK sums
/// (d − 1) log(cosh δ + c sinh δ) over its kicks: so min(1, exp(−ΔE)) is the ratio of the densities with the Jacobian of
/// the step, and exp(−E) is invariant at any step size.
///
/// The number of steps is uniform from 1 to ⌈longest/h⌉, drawn anew for each trajectory and shared by the chains of the
/// batch.
/// With a refresh rate γ noise turns the direction between steps, so that it is forgotten in a time of 1/γ; noise
/// changes neither density nor volume, and the test stays as it is.
/// Times are counted as in [`Mclmc`](crate::Mclmc): with d coordinates they are multiplied by √d in the papers.
/// It draws the number of steps, unless there is only one, normals, normals for each refresh, then uniforms.
///
/// # Reference
/// Robnik, Cohn-Gordon and Seljak (2025), *Metropolis adjusted microcanonical Hamiltonian Monte Carlo*.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Mamclmc {
    step_size: f64,
    longest: f64,
    refresh_rate: f64,
    integrator: Integrator,
    mass: Mass,
}

impl Mamclmc {
    /// Trajectories of up to a time of 2 in steps of time h = `step_size`, with unit mass, the integrator of minimal norm
    /// and no refresh on the way.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < step_size < ∞`.
    pub fn new(step_size: f64) -> Result<Self, SampleError> {
        let step_size = OutOfRange::positive("step_size", step_size)?;
        let (integrator, mass) = (Integrator::default(), Mass::unit());
        Ok(Self { step_size, longest: 2.0, refresh_rate: 0.0, integrator, mass })
    }

    /// The same with trajectories of up to this time; at least one and at most 1,000 steps.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < longest < ∞`.
    pub fn with_longest(self, longest: f64) -> Result<Self, SampleError> {
        Ok(Self { longest: OutOfRange::positive("longest", longest)?, ..self })
    }

    /// The same with a direction that is forgotten at this rate on the way; 0 for not at all.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 ≤ refresh_rate < ∞`.
    pub fn with_refresh_rate(self, refresh_rate: f64) -> Result<Self, SampleError> {
        if refresh_rate.is_finite() && 0.0 <= refresh_rate {
            return Ok(Self { refresh_rate, ..self });
        }
        Err(OutOfRange::new("refresh_rate", refresh_rate, "a finite number, 0 or more").into())
    }

    /// The same with this integrator.
    pub fn with_integrator(self, integrator: Integrator) -> Self {
        Self { integrator, ..self }
    }

    /// The same with this mass.
    pub fn with_mass(self, mass: Mass) -> Self {
        Self { mass, ..self }
    }

    /// The time h of a step of the integrator.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// The time of the longest trajectory.
    pub fn longest(&self) -> f64 {
        self.longest
    }

    /// The rate at which the direction is forgotten on the way.
    pub fn refresh_rate(&self) -> f64 {
        self.refresh_rate
    }

    /// In which parts a step is made.
    pub fn integrator(&self) -> Integrator {
        self.integrator
    }

    /// The mass M.
    pub fn mass(&self) -> &Mass {
        &self.mass
    }

    /// The largest number of steps of a trajectory.
    pub fn n_steps(&self) -> usize {
        n_steps(self.longest, self.step_size)
    }

    /// A trajectory of `n` steps, and its test.
    fn trajectory<M: Potential + ?Sized>(
        &self,
        model: &M,
        state: State<Evaluated>,
        n: usize,
        noise: &mut Noise,
    ) -> Trajectory {
        let ([_, dim], scale) = (state.position.dims(), self.mass.scale(&state.position));
        let begin = Phase {
            position: state.position.clone(),
            direction: fresh_like(&state.position, noise),
            score: state.memo.score.clone(),
            kinetic: state.memo.energy.zeros_like(),
        };
        let motion = Motion {
            step_size: self.step_size,
            integrator: self.integrator,
            refresh_rate: self.refresh_rate,
            scale: &scale,
        };
        let mut energy = state.memo.energy.clone();
        let end = motion.run(begin, n, noise, |x, is_last| {
            if !is_last {
                return model.score(x);
            }
            let (at_end, score) = model.energy_and_score(x);
            energy = at_end;
            score
        });
        let velocity = end.direction * (dim as f64).sqrt();
        let proposal = State { position: end.position.clone(), memo: Evaluated { energy, score: end.score } };
        // Of a change of −∞, which rounding can make, the test would accept any proposal.
        let unsound = end.kinetic.clone().is_finite().bool_not();
        let kinetic = end.kinetic.mask_fill(unsound, f64::NAN);
        let (state, info) = accept_or_reject(state, proposal, kinetic, noise);
        Trajectory { state, info, end: end.position, velocity }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    step_size: f64,
    longest: f64,
    refresh_rate: f64,
    integrator: Integrator,
    mass: Mass,
}

impl TryFrom<Stored> for Mamclmc {
    type Error = SampleError;

    fn try_from(stored: Stored) -> Result<Self, SampleError> {
        let Stored { step_size, longest, refresh_rate, integrator, mass } = stored;
        let plain = Self::new(step_size)?.with_longest(longest)?.with_refresh_rate(refresh_rate)?;
        Ok(plain.with_integrator(integrator).with_mass(mass))
    }
}

impl<M: Potential + ?Sized> Kernel<M> for Mamclmc {
    type Memo = Evaluated;
    type Info = MetropolisInfo;

    /// # Panics
    /// In one dimension.
    fn init(&self, model: &M, position: Tensor<2>) -> State<Evaluated> {
        assert_has_directions(&position);
        evaluate(model, position)
    }

    fn step(&self, model: &M, state: State<Evaluated>, noise: &mut Noise) -> Tested {
        let most = self.n_steps();
        let n = if most == 1 { 1 } else { 1 + noise.indices(1, most)[0] };
        let Trajectory { state, info, .. } = self.trajectory(model, state, n, noise);
        (state, info)
    }
}

impl Tunable for Mamclmc {
    /// Robnik, Cohn-Gordon and Seljak (2025).
    const ACCEPTANCE: f64 = 0.9;

    fn step_size(&self) -> f64 {
        self.step_size
    }

    fn mass(&self) -> &Mass {
        &self.mass
    }

    fn tuned(&self, step_size: f64, mass: Mass) -> Result<Self, SampleError> {
        let step_size = OutOfRange::positive("step_size", step_size)?;
        Ok(Self { step_size, mass, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chain;
    use crate::testing::{Counting, assert_near, column, doubles, mean_and_variance, numbers};
    use burn::tensor::Device;
    use ebm_model::{Gaussian, Skewed};
    use std::cell::Cell;

    #[test]
    fn a_skewed_target_is_left_exactly_as_it_is_at_steps_that_are_much_too_long_for_the_dynamics_alone() {
        let (n, target) = (100_000, Skewed::new(3).unwrap());
        let draws = target.sample(n, &mut Noise::seeded(321), &Device::flex());
        let error = |x: &[f64]| {
            let (mean, variance) = mean_and_variance(x);
            let exact = std::f64::consts::PI.powi(2) / 6.0;
            // the fourth central moment is 3 v² + π⁴/15
            let fourth = 2.0 * exact * exact + std::f64::consts::PI.powi(4) / 15.0;
            let n = n as f64;
            let of_mean = (mean - target.mean()[0]).abs() / (exact / n).sqrt();
            of_mean.max((variance - exact).abs() / (fourth / n).sqrt())
        };
        for (integrator, rate) in
            [(Integrator::Leapfrog, 0.0), (Integrator::MinimalNorm, 0.0), (Integrator::Leapfrog, 0.7)]
        {
            let kernel = Mamclmc::new(0.9).unwrap().with_integrator(integrator);
            let kernel = kernel.with_longest(3.0).unwrap().with_refresh_rate(rate).unwrap();
            let chain = Chain::start(&target, kernel, draws.clone(), Noise::seeded(322));
            let last = chain.take(4).last().unwrap();
            let acceptance = numbers(last.info.acceptance).iter().sum::<f64>() / n as f64;
            assert!((0.3..0.98).contains(&acceptance), "{integrator:?}: {acceptance}");
            for i in 0..3 {
                let found = error(&column(last.position.clone(), i));
                assert!(found < 5.0, "{integrator:?}, γ = {rate}, x{i}: {found} standard errors");
            }
            // without the test the same trajectories are seen to be wrong
            let kernel = Mamclmc::new(0.9).unwrap().with_integrator(integrator);
            let state = kernel.init(&target, draws.clone());
            let end = kernel.trajectory(&target, state, 3, &mut Noise::seeded(323)).end;
            assert!(5.0 < error(&column(end, 0)) || integrator == Integrator::MinimalNorm);
        }
    }

    #[test]
    fn a_mass_is_a_change_of_units() {
        let wide = Gaussian::diagonal(vec![0.0; 3], vec![9.0, 0.01, 4.0]).unwrap();
        let plain = Mamclmc::new(0.5).unwrap().with_refresh_rate(0.3).unwrap();
        let mass = Mass::from_variances(vec![9.0, 0.01, 4.0]).unwrap();
        let scaled = plain.clone().with_mass(mass);
        let (x, units) = (doubles(&[[0.3, 1.0, -1.0], [-1.0, 2.0, 0.5]]), doubles(&[[3.0, 0.1, 2.0]]));
        let (narrow, noise) = (Gaussian::standard(3), Noise::seeded(324));
        let start = plain.init(&narrow, x.clone());
        let expected = plain.trajectory(&narrow, start, 4, &mut noise.clone());
        let start = scaled.init(&wide, x * units.clone());
        let found = scaled.trajectory(&wide, start, 4, &mut noise.clone());
        assert_near(&numbers(found.end), &numbers(expected.end * units), 1e-12);
        assert_near(&numbers(found.velocity), &numbers(expected.velocity), 1e-12);
        assert_near(&numbers(found.info.energy_error), &numbers(expected.info.energy_error), 1e-12);
    }

    #[test]
    fn the_energy_is_computed_once_and_the_score_as_often_as_the_integrator_says() {
        let target = Counting(Gaussian::standard(2), Cell::new([0, 0]));
        for (integrator, scores) in [(Integrator::Leapfrog, 6), (Integrator::MinimalNorm, 11)] {
            target.1.set([0, 0]);
            let kernel = Mamclmc::new(0.1).unwrap().with_integrator(integrator);
            let state = kernel.init(&target, doubles(&[[0.0, 1.0]]));
            kernel.trajectory(&target, state, 5, &mut Noise::seeded(1));
            assert_eq!(target.1.get(), [2, scores]);
        }
    }

    #[test]
    fn chains_do_not_depend_on_their_neighbours() {
        let (target, kernel) = (Gaussian::standard(3), Mamclmc::new(0.4).unwrap());
        let run = |chains: usize| {
            let start = Tensor::ones([chains, 3], &Device::flex());
            let last = Chain::start(&target, kernel.clone(), start, Noise::seeded(326)).nth(9).unwrap();
            last.position.narrow(0, 0, 2).into_data()
        };
        assert_eq!(run(2), run(50));
    }

    #[test]
    fn numbers_out_of_range_are_refused_and_a_kernel_is_read_back_as_written() {
        let kernel = Mamclmc::new(0.5).unwrap();
        assert_eq!(kernel.n_steps(), 4);
        assert!(Mamclmc::new(f64::NAN).is_err());
        let error = |result: Result<Mamclmc, SampleError>| result.unwrap_err().to_string();
        let longest = error(kernel.clone().with_longest(f64::INFINITY));
        assert_eq!(longest, "longest: expected a positive, finite number, found inf");
        let rate = error(kernel.clone().with_refresh_rate(-1.0));
        assert_eq!(rate, "refresh_rate: expected a finite number, 0 or more, found -1");
        let text = serde_json::to_string(&kernel).unwrap();
        assert_eq!(serde_json::from_str::<Mamclmc>(&text).unwrap(), kernel);
        let tuned = kernel.tuned(0.2, Mass::unit()).unwrap();
        assert_eq!((tuned.step_size(), tuned.longest()), (0.2, 2.0));
        assert!(serde_json::from_str::<Mamclmc>(&text.replace("2.0", "0.0")).is_err());
    }
}
