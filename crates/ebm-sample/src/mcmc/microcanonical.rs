//! Motion at constant speed, whose direction the score turns.

use burn::tensor::Tensor;
use ebm_ops::Noise;
use ebm_ops::leapfrog::add_scaled;
use ebm_ops::row_dot::row_dot;
use serde::{Deserialize, Serialize};

use crate::mcmc::mass::Scale;

/// λ of McLachlan (1995), from which the integrator of minimal norm has its kicks.
const LAMBDA: f64 = 0.193_183_327_503_783_6;

/// Norms below this one are too small to divide by: in single precision their squares are 0.
const TINY: f64 = 1e-18;

/// In which parts kicks (of the direction, B) and drifts (of the position, A) alternate in a step of size ε.
///
/// Both are symmetric and of second order; on most targets the minimal norm has the smaller error for as many
/// evaluations of the score.
///
/// # Reference
/// McLachlan (1995), *On the numerical integration of ordinary differential equations by symmetric composition
/// methods*; Takaishi and de Forcrand (2006), *Testing and tuning symplectic integrators for the hybrid Monte
/// Carlo algorithm in lattice QCD*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Integrator {
    /// B(½ε) A(ε) B(½ε), one evaluation of the score.
    Leapfrog,
    /// B(λε) A(½ε) B((1 − 2λ)ε) A(½ε) B(λε) with λ = 0.1932, two evaluations.
    #[default]
    MinimalNorm,
}

impl Integrator {
    /// Evaluations of the score in a step.
    pub fn evaluations(self) -> usize {
        self.rest().len()
    }

    /// The first kick, in steps.
    fn first(self) -> f64 {
        match self {
            Self::Leapfrog => 0.5,
            Self::MinimalNorm => LAMBDA,
        }
    }

    /// The drifts, each with the kick after it, in steps.
    fn rest(self) -> &'static [(f64, f64)] {
        match self {
            Self::Leapfrog => &[(1.0, 0.5)],
            Self::MinimalNorm => &[(0.5, 1.0 - 2.0 * LAMBDA), (0.5, LAMBDA)],
        }
    }
}

/// Where a trajectory is.
pub(crate) struct Phase {
    /// The position x, `[chains, dim]`.
    pub(crate) position: Tensor<2>,
    /// The direction u, `[chains, dim]`, of norm 1.
    pub(crate) direction: Tensor<2>,
    /// The score s(x), `[chains, dim]`.
    pub(crate) score: Tensor<2>,
    /// By how much the kinetic energy has changed, `[chains]`.
    pub(crate) kinetic: Tensor<1>,
}

/// The dynamics dx/dt = √d u, du/dt = √d (I − uuᵀ) s(x)/(d − 1), in the units of a mass.
///
/// The direction u stays on the unit sphere, and exp(−E(x)) times the uniform distribution on the sphere is
/// invariant. Time is counted so that each coordinate has the mean square velocity 1, as in Hamiltonian Monte Carlo with
/// unit mass: a step of h here is one of ε = h √d in the papers.
///
/// # Reference
/// Robnik, De Luca, Silverstein and Seljak (2023), *Microcanonical Hamiltonian Monte Carlo*, §2; Robnik and Seljak
/// (2023), *Fluctuation without dissipation: microcanonical Langevin Monte Carlo*, §2.
pub(crate) struct Motion<'a> {
    /// The step size h.
    pub(crate) step_size: f64,
    /// In which parts a step is made.
    pub(crate) integrator: Integrator,
    /// Partial refreshes per unit of time; see [`partly_refreshed`].
    pub(crate) refresh_rate: f64,
    /// M^(−½).
    pub(crate) scale: &'a Scale,
}

impl Motion<'_> {
    /// `n` steps from `phase`, with a partial refresh between two of them; kicks that follow each other without one
    /// are made as one, which they equal.
    ///
    /// `score(x, is_last)` gives the score.
    pub(crate) fn run(
        &self,
        phase: Phase,
        n: usize,
        noise: &mut Noise,
        mut score: impl FnMut(Tensor<2>, bool) -> Tensor<2>,
    ) -> Phase {
        let (h, rest) = (self.step_size, self.integrator.rest());
        let (mut phase, mut kick) = (phase, self.integrator.first());
        for step in 1..=n {
            for (part, (drift, next)) in (1..).zip(rest) {
                phase = self.kicked(phase, kick * h);
                let x = self.drifted(phase.position, phase.direction.clone(), drift * h);
                let score = score(x.clone(), step == n && part == rest.len());
                phase = Phase { position: x, score, ..phase };
                kick = *next;
            }
            if step == n {
                break;
            }
            if 0.0 < self.refresh_rate {
                phase = self.kicked(phase, kick * h);
                phase.direction = partly_refreshed(phase.direction, self.refresh_rate * h, noise);
                kick = 0.0;
            }
            kick += self.integrator.first();
        }
        self.kicked(phase, kick * h)
    }

    /// x + t √d M^(−½) u.
    fn drifted(&self, x: Tensor<2>, direction: Tensor<2>, time: f64) -> Tensor<2> {
        let speed = (x.dims()[1] as f64).sqrt();
        add_scaled(x, self.scale.apply(direction), time * speed)
    }

    /// The exact flow of the direction in a time t at fixed x: with g = M^(−½)s, e = g/‖g‖, δ = t √d ‖g‖/(d − 1) and
    /// c = e·u,
    ///
    /// u′ = (u + e (sinh δ + c (cosh δ − 1))) / (cosh δ + c sinh δ).
    ///
    /// It shrinks areas of the sphere by exp(−ΔK), ΔK = (d − 1) log(cosh δ + c sinh δ), which is the change of
    /// the kinetic energy. In terms of ζ = exp(−δ) nothing overflows.
    fn kicked(&self, phase: Phase, time: f64) -> Phase {
        let dim = phase.position.dims()[1] as f64;
        let (u, g) = (phase.direction, self.scale.apply(phase.score.clone()));
        let norm = row_dot(g.clone(), g.clone()).sqrt();
        let over = norm.clone().clamp_min(TINY).recip();
        let cosine = row_dot(g.clone(), u.clone()) * over.clone();
        let delta = norm * (time * dim.sqrt() / (dim - 1.0));
        let zeta = delta.clone().neg().exp();
        let fall = zeta.clone().neg() + 1.0;
        let square = zeta.clone().square();
        // 2ζ (cosh δ + c sinh δ)
        let size = square.clone() + 1.0 + cosine.clone() * (square.neg() + 1.0);
        let of_g = fall.clone() * (zeta.clone() + 1.0 + cosine * fall) * over / size.clone();
        let of_u = zeta * 2.0 / size.clone();
        let direction = add_scaled(by_row(u, of_u), by_row(g, of_g), 1.0);
        let change = (delta + (size * 0.5).log()) * (dim - 1.0);
        Phase { direction, kinetic: phase.kinetic + change, ..phase }
    }
}

/// After so many times of forgetting, what is left of a direction is below the precision of a double; its square in
/// ν² is still far from overflow in single precision.
const FORGOTTEN: f64 = 35.0;

/// (u + ν z)/‖u + ν z‖ with ν² = (exp(2 t) − 1)/d, z ~ N(0, I): the direction after a time of which t is the share of
/// that in which it is forgotten. Of u = 0 it is a direction at random.
///
/// # Reference
/// Robnik and Seljak (2023), §3.
pub(crate) fn partly_refreshed(direction: Tensor<2>, time: f64, noise: &mut Noise) -> Tensor<2> {
    let dim = direction.dims()[1] as f64;
    let nu = ((2.0 * time.min(FORGOTTEN)).exp_m1() / dim).sqrt();
    let z = noise.normal_like(&direction);
    unit(add_scaled(direction, z, nu))
}

/// Directions at random, of the shape of `x`.
pub(crate) fn fresh_like(x: &Tensor<2>, noise: &mut Noise) -> Tensor<2> {
    unit(noise.normal_like(x))
}

/// Every row over its norm.
fn unit(x: Tensor<2>) -> Tensor<2> {
    let over = row_dot(x.clone(), x.clone()).sqrt().clamp_min(TINY).recip();
    by_row(x, over)
}

/// Every row times its number.
fn by_row(x: Tensor<2>, numbers: Tensor<1>) -> Tensor<2> {
    x * numbers.unsqueeze_dim::<2>(1)
}

/// # Panics
/// In one dimension, where the only directions are forwards and backwards and no score turns one into the other.
pub(crate) fn assert_has_directions(position: &Tensor<2>) {
    let [_, dim] = position.dims();
    assert!(2 <= dim, "microcanonical dynamics: expected at least 2 coordinates, found {dim}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mass;
    use crate::testing::{assert_near, doubles, numbers};
    use burn::tensor::DType;
    use ebm_model::{Energy, Gaussian, Score, Skewed};

    /// A phase at `position` with `direction` in which the score of `model` is known.
    fn phase(model: &impl Score, position: Tensor<2>, direction: Tensor<2>) -> Phase {
        let kinetic = position.clone().sum_dim(1).squeeze_dim::<1>(1) * 0.0;
        Phase { score: model.score(position.clone()), position, direction, kinetic }
    }

    fn motion(scale: &Scale, step_size: f64, integrator: Integrator) -> Motion<'_> {
        Motion { step_size, integrator, refresh_rate: 0.0, scale }
    }

    /// Points and directions in three coordinates, in double precision.
    fn start() -> (Tensor<2>, Tensor<2>) {
        let x = doubles(&[[0.3, -1.0, 0.2], [1.2, 0.4, -2.0], [-0.5, 0.0, 0.9], [0.0, -3.0, 0.1]]);
        let u = fresh_like(&x, &mut Noise::seeded(301));
        (x, u)
    }

    #[test]
    fn after_any_time_a_refreshed_direction_is_a_unit_vector() {
        for time in [0.0, 1.0, 50.0, 1e3, f64::INFINITY] {
            let (_, u) = start();
            for u in [u.clone(), u.cast(DType::F32)] {
                let refreshed = partly_refreshed(u, time, &mut Noise::seeded(305));
                let squares = row_dot(refreshed.clone(), refreshed).cast(DType::F64);
                assert_near(&numbers(squares), &[1.0; 4], 1e-5);
            }
        }
    }

    #[test]
    fn a_kick_is_the_exact_flow_in_terms_of_hyperbolic_functions() {
        let (target, scale) = (Skewed::new(3).unwrap(), Mass::unit().scale(&start().0));
        for time in [1e-3, 0.4, 3.0] {
            let (x, u) = start();
            let before = phase(&target, x, u.clone());
            let score = numbers(before.score.clone());
            let after = motion(&scale, 1.0, Integrator::Leapfrog).kicked(before, time);
            let (found, kinetic, u) = (numbers(after.direction), numbers(after.kinetic), numbers(u));
            for row in 0..4 {
                let of = 3 * row..3 * row + 3;
                let (s, u) = (&score[of.clone()], &u[of.clone()]);
                let norm = s.iter().map(|s| s * s).sum::<f64>().sqrt();
                let c = s.iter().zip(u).map(|(s, u)| s * u).sum::<f64>() / norm;
                let delta = time * 3f64.sqrt() * norm / 2.0;
                let size = delta.cosh() + c * delta.sinh();
                let along = (delta.sinh() + c * (delta.cosh() - 1.0)) / norm;
                let exact: Vec<f64> = s.iter().zip(u).map(|(s, u)| (u + s * along) / size).collect();
                assert_near(&found[of], &exact, 1e-13);
                assert_near(&kinetic[row..=row], &[2.0 * size.ln()], 1e-13);
            }
        }
    }

    #[test]
    fn the_kinetic_change_is_minus_the_logarithm_of_the_change_of_areas_on_the_sphere() {
        // in the plane directions are angles: dθ′/dθ = exp(−ΔK)
        let target = Skewed::new(2).unwrap();
        let x = doubles(&[[0.7, -0.4], [-1.0, 0.3]]);
        let scale = Mass::unit().scale(&x);
        let after = |theta: f64| {
            let u = doubles(&[[theta.cos(), theta.sin()]; 2]);
            let after = motion(&scale, 1.0, Integrator::Leapfrog).kicked(phase(&target, x.clone(), u), 0.6);
            let u = numbers(after.direction);
            ([u[1].atan2(u[0]), u[3].atan2(u[2])], numbers(after.kinetic))
        };
        for theta in [0.2, 1.0, -1.4] {
            let h = 1e-5;
            let (right, left, (_, kinetic)) = (after(theta + h).0, after(theta - h).0, after(theta));
            for row in 0..2 {
                let slope = (right[row] - left[row]) / (2.0 * h);
                assert!((slope.ln() + kinetic[row]).abs() < 1e-8, "{slope}, {}", kinetic[row]);
            }
        }
    }

    #[test]
    fn a_trajectory_comes_back_when_its_direction_is_reversed_and_keeps_the_norm_of_the_direction() {
        let target = Skewed::new(3).unwrap();
        let (x, u) = start();
        let scale = Mass::from_variances(vec![1.5, 0.6, 1.0]).unwrap().scale(&x);
        for integrator in [Integrator::Leapfrog, Integrator::MinimalNorm] {
            let motion = motion(&scale, 0.3, integrator);
            let run = |from: Phase| motion.run(from, 7, &mut Noise::seeded(1), |x, _| target.score(x));
            let end = run(phase(&target, x.clone(), u.clone()));
            let norms = numbers(row_dot(end.direction.clone(), end.direction.clone()));
            assert_near(&norms, &[1.0; 4], 1e-13);
            let gained = numbers(end.kinetic);
            let back = run(phase(&target, end.position, end.direction.neg()));
            assert_near(&numbers(back.position), &numbers(x.clone()), 1e-11);
            assert_near(&numbers(back.direction.neg()), &numbers(u.clone()), 1e-11);
            assert_near(&numbers(back.kinetic.neg()), &gained, 1e-11);
        }
    }

    #[test]
    fn kicks_made_as_one_equal_the_steps_one_by_one() {
        let target = Skewed::new(3).unwrap();
        let (x, u) = start();
        let scale = Mass::unit().scale(&x);
        let motion = motion(&scale, 0.4, Integrator::MinimalNorm);
        let mut noise = Noise::seeded(1);
        let together =
            motion.run(phase(&target, x.clone(), u.clone()), 3, &mut noise, |x, _| target.score(x));
        let mut single = phase(&target, x, u);
        for _ in 0..3 {
            single = motion.run(single, 1, &mut noise, |x, _| target.score(x));
        }
        assert_near(&numbers(together.position), &numbers(single.position), 1e-13);
        assert_near(&numbers(together.direction), &numbers(single.direction), 1e-13);
        assert_near(&numbers(together.kinetic), &numbers(single.kinetic), 1e-12);
        assert_eq!(noise, Noise::seeded(1));
    }

    #[test]
    fn the_energy_error_of_a_step_is_of_third_order() {
        let target = Gaussian::new(vec![0.0; 2], &[vec![1.0, 0.5], vec![0.5, 1.0]]).unwrap();
        let x = Noise::seeded(302).normal_like(&doubles(&[[0.0; 2]; 200]));
        let u = fresh_like(&x, &mut Noise::seeded(303));
        let scale = Mass::unit().scale(&x);
        for integrator in [Integrator::Leapfrog, Integrator::MinimalNorm] {
            let error = |h: f64| {
                let from = phase(&target, x.clone(), u.clone());
                let end =
                    motion(&scale, h, integrator).run(from, 1, &mut Noise::seeded(1), |x, _| target.score(x));
                let change = target.energy(end.position) - target.energy(x.clone()) + end.kinetic;
                numbers(change).iter().map(|error| error * error).sum::<f64>().sqrt()
            };
            let ratio = error(0.004) / error(0.002);
            assert!((ratio - 8.0).abs() < 0.4, "{integrator:?}: {ratio}");
        }
    }

    #[test]
    fn where_there_is_no_score_the_direction_stays_and_steep_scores_turn_it_downhill() {
        let x = doubles(&[[0.0, 0.0], [0.0, 0.0]]);
        let scale = Mass::unit().scale(&x);
        let u = doubles(&[[0.6, 0.8], [0.6, 0.8]]);
        let kinetic = x.clone().sum_dim(1).squeeze_dim::<1>(1);
        let score = doubles(&[[0.0, 0.0], [-1e9, 0.0]]);
        let before = Phase { position: x, direction: u, score, kinetic };
        let after = motion(&scale, 1.0, Integrator::Leapfrog).kicked(before, 1.0);
        assert_near(&numbers(after.direction), &[0.6, 0.8, -1.0, 0.0], 1e-12);
        // δ − log 2 + log(1 + c) with δ = √2 · 10⁹ and c = −0.6
        let exact = 2f64.sqrt() * 1e9 + 0.2f64.ln();
        assert_near(&numbers(after.kinetic), &[0.0, exact], 1e-12);
    }

    #[test]
    fn a_refresh_keeps_the_norm_and_forgets_at_its_rate() {
        let (n, dim, time) = (4000, 40, 0.3);
        let x = Tensor::zeros([n, dim], (&burn::tensor::Device::flex(), DType::F64));
        let u = fresh_like(&x, &mut Noise::seeded(304));
        let after = partly_refreshed(u.clone(), time, &mut Noise::seeded(305));
        assert_near(&numbers(row_dot(after.clone(), after.clone())), &vec![1.0; n], 1e-13);
        // u · u′ is 1/√(1 + ν²d) = exp(−t), up to O(1/d)
        let mean = numbers(row_dot(u, after)).iter().sum::<f64>() / n as f64;
        assert!((mean - (-time).exp()).abs() < 0.01, "{mean}");
        let whole = partly_refreshed(x.clone(), time, &mut Noise::seeded(306));
        assert_near(&numbers(whole), &numbers(fresh_like(&x, &mut Noise::seeded(306))), 1e-13);
    }
}
