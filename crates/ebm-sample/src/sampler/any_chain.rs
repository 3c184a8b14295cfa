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
    pub(crate) fn of_score(chain: Chain<'a, dyn Score + 'a, OnScores>) -> Self {
        Self(Erased::Score(chain))
    }

    pub(crate) fn of_energy(chain: Chain<'a, dyn Potential + 'a, OnEnergies>) -> Self {
        Self(Erased::Energy(chain))
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
