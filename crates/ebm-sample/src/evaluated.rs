//! What a Metropolis kernel knows of where it stands.

use burn::tensor::{Bool, Tensor};
use ebm_model::Potential;

use crate::State;

/// Energy and score at the position, so that neither is computed twice.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// E(x), `[chains]`.
    pub energy: Tensor<1>,
    /// s(x), `[chains, dim]`.
    pub score: Tensor<2>,
}

/// A position with what the model says of it.
pub(crate) fn evaluate<M: Potential + ?Sized>(model: &M, position: Tensor<2>) -> State<Evaluated> {
    let (energy, score) = model.energy_and_score(position.clone());
    State { position, memo: Evaluated { energy, score } }
}

impl State<Evaluated> {
    /// `other` in the rows of `mask`, `[chains]`, this one in the rest.
    pub(crate) fn mask_where(self, mask: Tensor<1, Bool>, other: Self) -> Self {
        let rows = mask.clone().unsqueeze_dim::<2>(1).expand(self.position.dims());
        State {
            position: self.position.mask_where(rows.clone(), other.position),
            memo: Evaluated {
                energy: self.memo.energy.mask_where(mask, other.memo.energy),
                score: self.memo.score.mask_where(rows, other.memo.score),
            },
        }
    }

    /// The rows in which position, energy and score are numbers and not infinite, `[chains]`.
    pub(crate) fn is_finite(&self) -> Tensor<1, Bool> {
        let rows = (self.position.clone() + self.memo.score.clone()).sum_dim(1).squeeze_dim::<1>(1);
        (rows + self.memo.energy.clone()).is_finite()
    }
}
