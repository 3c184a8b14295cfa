//! Leapfrog steps and a test of their energy error, which is what the kernels with a Metropolis test are.

use burn::tensor::Tensor;
use ebm_model::Potential;
use ebm_ops::Noise;
use ebm_ops::leapfrog::{add_scaled, kinetic_change, leapfrog_kinetic_change, leapfrog_position};

use crate::evaluated::{Evaluated, evaluate};
use crate::mass::Scale;
use crate::metropolis::decide;
use crate::{Mass, MetropolisInfo, State};

/// Leapfrog steps along the energy H(x, p) = E(x) + ½ pᵀM⁻¹p; momenta are r = M^(−½)p ~ N(0, I).
pub(crate) struct Leapfrog<'a> {
    /// ε.
    pub(crate) step_size: f64,
    /// How many steps.
    pub(crate) n: usize,
    /// M.
    pub(crate) mass: &'a Mass,
}

impl Leapfrog<'_> {
    /// The steps with a fresh momentum, and a Metropolis test of the error in H.
    pub(crate) fn tested<M: Potential + ?Sized>(
        &self,
        model: &M,
        state: State<Evaluated>,
        noise: &mut Noise,
    ) -> (State<Evaluated>, MetropolisInfo) {
        let before = noise.normal_like(&state.position);
        let scale = self.mass.scale(&state.position);
        if self.n == 1 && scale.is_identity() {
            // The momentum after such a step is needed for its square alone.
            let (epsilon, score) = (self.step_size, state.memo.score.clone());
            let x = leapfrog_position(state.position.clone(), before.clone(), score.clone(), epsilon);
            let proposal = evaluate(model, x);
            let kinetic = leapfrog_kinetic_change(before, score, proposal.memo.score.clone(), epsilon);
            return decide(state, proposal, kinetic, noise);
        }
        let (proposal, after) = self.lead(model, &state, before.clone(), &scale);
        decide(state, proposal, kinetic_change(after, before), noise)
    }

    /// Where the steps lead, and the momentum there.
    pub(crate) fn lead<M: Potential + ?Sized>(
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
