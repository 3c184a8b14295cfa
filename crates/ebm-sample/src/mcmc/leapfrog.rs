//! Leapfrog steps, and a Metropolis test of their energy error.

use burn::tensor::Tensor;
use ebm_model::Potential;
use ebm_ops::Noise;
use ebm_ops::leapfrog::{add_scaled, kinetic_change, leapfrog_kinetic_change, leapfrog_position};

use crate::mcmc::evaluated::{Evaluated, evaluate};
use crate::mcmc::mass::Scale;
use crate::mcmc::metropolis::{Tested, accept_or_reject};
use crate::mcmc::trajectory::Trajectory;
use crate::{Mass, MetropolisInfo, State};

/// Leapfrog steps along the energy H(x, p) = E(x) + ½ pᵀM⁻¹p; momenta are r = M^(−½)p ~ N(0, I).
pub(crate) struct Leapfrog<'a> {
    /// The step size ε.
    pub(crate) step_size: f64,
    /// The number of steps.
    pub(crate) n: usize,
    /// The mass M.
    pub(crate) mass: &'a Mass,
}

impl Leapfrog<'_> {
    /// The steps with a fresh momentum, and a Metropolis test of the error in H.
    pub(crate) fn tested<M: Potential + ?Sized>(
        &self,
        model: &M,
        state: State<Evaluated>,
        noise: &mut Noise,
    ) -> Tested {
        let before = noise.normal_like(&state.position);
        let kinetic = before.clone().square().sum_dim(1).squeeze_dim::<1>(1) * 0.5;
        let total = state.memo.energy.clone() + kinetic;
        let (state, info) = self.moved(model, state, before, noise);
        (state, MetropolisInfo { total_energy: Some(total), ..info })
    }

    /// The steps with a fresh momentum and their test, with where they ended and the velocity there.
    pub(crate) fn trajectory<M: Potential + ?Sized>(
        &self,
        model: &M,
        state: State<Evaluated>,
        noise: &mut Noise,
    ) -> Trajectory {
        let (before, scale) = (noise.normal_like(&state.position), self.mass.scale(&state.position));
        let (proposal, after) = self.run(model, &state, before.clone(), &scale);
        let (end, velocity) = (proposal.position.clone(), after.clone());
        let (state, info) = accept_or_reject(state, proposal, kinetic_change(after, before), noise);
        Trajectory { state, info, end, velocity }
    }

    /// The steps with this momentum and their test.
    fn moved<M: Potential + ?Sized>(
        &self,
        model: &M,
        state: State<Evaluated>,
        before: Tensor<2>,
        noise: &mut Noise,
    ) -> Tested {
        let scale = self.mass.scale(&state.position);
        if self.n == 1 && scale.is_identity() {
            // One step in one pass: of the momentum after it only the square is needed.
            let (epsilon, score) = (self.step_size, state.memo.score.clone());
            let x = leapfrog_position(state.position.clone(), before.clone(), score.clone(), epsilon);
            let proposal = evaluate(model, x);
            let kinetic = leapfrog_kinetic_change(before, score, proposal.memo.score.clone(), epsilon);
            return accept_or_reject(state, proposal, kinetic, noise);
        }
        let (proposal, after) = self.run(model, &state, before.clone(), &scale);
        accept_or_reject(state, proposal, kinetic_change(after, before), noise)
    }

    /// The state after the steps, and the momentum there.
    pub(crate) fn run<M: Potential + ?Sized>(
        &self,
        model: &M,
        state: &State<Evaluated>,
        momentum: Tensor<2>,
        scale: &Scale,
    ) -> (State<Evaluated>, Tensor<2>) {
        let epsilon = self.step_size;
        let kick = |r: Tensor<2>, score: Tensor<2>, time: f64| add_scaled(r, scale.apply(score), time);
        let drift = |x: Tensor<2>, r: Tensor<2>| add_scaled(x, scale.apply(r), epsilon);

        let mut x = state.position.clone();
        let mut r = kick(momentum, state.memo.score.clone(), 0.5 * epsilon);
        for _ in 1..self.n {
            x = drift(x, r.clone());
            r = kick(r, model.score(x.clone()), epsilon);
        }
        let end = evaluate(model, drift(x, r.clone()));
        let r = kick(r, end.memo.score.clone(), 0.5 * epsilon);
        (end, r)
    }
}
