//! Chains of a kernel of any type.

use std::fmt;

use ebm_model::{Potential, Score};
use ebm_ops::Noise;

use super::erased::{AnyInfo, AnyMemo, OnEnergies, OnScores};
use crate::{Chain, Draw, State};

/// A [`Chain`] of an [`AnyKernel`](crate::AnyKernel).
pub struct AnyChain<'a>(Erased<'a>);

enum Erased<'a> {
    Score(Chain<'a, dyn Score + 'a, OnScores>),
    Energy(Chain<'a, dyn Potential + 'a, OnEnergies>),
}

impl<'a> AnyChain<'a> {
    pub(crate) fn of_score(
        model: &'a dyn Score,
        kernel: OnScores,
        state: State<AnyMemo>,
        noise: Noise,
    ) -> Self {
        Self(Erased::Score(Chain::resume(model, kernel, state, noise)))
    }

    pub(crate) fn of_energy(
        model: &'a dyn Potential,
        kernel: OnEnergies,
        state: State<AnyMemo>,
        noise: Noise,
    ) -> Self {
        Self(Erased::Energy(Chain::resume(model, kernel, state, noise)))
    }

    /// The state and the noise, from which [`AnyKernel::resume`](crate::AnyKernel::resume) continues.
    ///
    /// # Panics
    /// If a step has panicked before.
    pub fn into_parts(self) -> (State<AnyMemo>, Noise) {
        match self.0 {
            Erased::Score(chain) => chain.into_parts(),
            Erased::Energy(chain) => chain.into_parts(),
        }
    }
}

impl Iterator for AnyChain<'_> {
    type Item = Draw<AnyInfo>;

    fn next(&mut self) -> Option<Draw<AnyInfo>> {
        match &mut self.0 {
            Erased::Score(chain) => chain.next(),
            Erased::Energy(chain) => chain.next(),
        }
    }
}

impl fmt::Debug for AnyChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyChain")
    }
}
