//! What draws the negatives of contrastive divergence.

use burn::tensor::Tensor;
use ebm_model::{Potential, Score};
use ebm_sample::{Evaluated, Hmc, Kernel, Langevin, LangevinInfo, Mala, MetropolisInfo, State};

/// A kernel that says, if it knows, how its chains do.
///
/// A kernel of one's own needs no more than `impl<M: Score> NegativeSampler<M> for Mine {}`.
pub trait NegativeSampler<M>: Kernel<M> {
    /// What `state`, to which a step has led, and the step's `info` tell; nothing is computed for it.
    fn report(&self, state: &State<Self::Memo>, info: &Self::Info) -> SamplerReport {
        let _ = (state, info);
        SamplerReport::default()
    }
}

/// What a kernel tells of one step.
#[derive(Clone, Debug, Default)]
pub struct SamplerReport {
    /// The probability with which each chain's proposal was accepted, `[chains]`.
    pub acceptance: Option<Tensor<1>>,
    /// The score where the step began or where it ended, `[chains, dim]`.
    pub score: Option<Tensor<2>>,
}

impl<M: Score> NegativeSampler<M> for Langevin {
    fn report(&self, _: &State<()>, info: &LangevinInfo) -> SamplerReport {
        SamplerReport { acceptance: None, score: Some(info.score.clone()) }
    }
}

impl<M: Potential> NegativeSampler<M> for Mala {
    fn report(&self, state: &State<Evaluated>, info: &MetropolisInfo) -> SamplerReport {
        metropolis(state, info)
    }
}

impl<M: Potential> NegativeSampler<M> for Hmc {
    fn report(&self, state: &State<Evaluated>, info: &MetropolisInfo) -> SamplerReport {
        metropolis(state, info)
    }
}

fn metropolis(state: &State<Evaluated>, info: &MetropolisInfo) -> SamplerReport {
    SamplerReport { acceptance: Some(info.acceptance.clone()), score: Some(state.memo.score.clone()) }
}
