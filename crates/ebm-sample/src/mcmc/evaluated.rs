//! Energy and score at the position of a chain.

use burn::tensor::{Bool, Tensor};
use ebm_model::Potential;
use ebm_ops::leapfrog::choose_rows;

use crate::State;

/// Energy and score at the position, so that neither is computed twice.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The energy E(x), `[chains]`.
    pub energy: Tensor<1>,
    /// The score s(x), `[chains, dim]`.
    pub score: Tensor<2>,
}

/// A position with its energy and score.
pub(crate) fn evaluate<M: Potential + ?Sized>(model: &M, position: Tensor<2>) -> State<Evaluated> {
    let (energy, score) = model.energy_and_score(position.clone());
    State { position, memo: Evaluated { energy, score } }
}

impl State<Evaluated> {
    /// `other` in the rows of `mask`, `[chains]`, this one in the rest.
    pub(crate) fn mask_where(self, mask: Tensor<1, Bool>, other: Self) -> Self {
        let options = (&self.position.device().inner(), self.position.dtype());
        let rows = Tensor::<1>::zeros(mask.dims(), options).mask_fill(mask.clone(), 1.0);
        State {
            position: choose_rows(rows.clone(), self.position, other.position),
            memo: Evaluated {
                energy: self.memo.energy.mask_where(mask, other.memo.energy),
                score: choose_rows(rows, self.memo.score, other.memo.score),
            },
        }
    }
}
