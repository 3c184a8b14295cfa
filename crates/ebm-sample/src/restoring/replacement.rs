//! Known coordinates held in a descent of the prior.

use burn::tensor::Tensor;
use ebm_model::NoisyScore;
use ebm_ops::{Noise, OutOfRange};

use super::operators::constants::constants;
use crate::{Annealed, Descent, NoiseLadder, Rung, SampleError, StepTotals};

/// A descent whose known coordinates are replaced, after each level, by the known values with the noise of the level.
///
/// Each level is done `resampling` times, with the noise of the level put back in between, so that the free
/// coordinates come to agree with the known ones; with 1 they do so only loosely. Any descent can be wrapped, and the
/// prior needs no derivative; the draws are not those of the posterior, however fine the ladder is.
///
/// The known values are exact in the last item, unless the descent leaves noise on the samples, which the last item
/// takes off.
///
/// # Reference
/// Lugmayr et al. (2022), *RePaint: inpainting using denoising diffusion probabilistic models*, algorithm 1;
/// replacement alone is from Song et al. (2021), *Score-based generative modeling through stochastic differential
/// equations*, appendix I.2.
#[derive(Clone, Debug, PartialEq)]
pub struct Replacement<D> {
    descent: D,
    /// 1 where a coordinate is known, else 0.
    is_known: Vec<f64>,
    /// The known values, and 0 elsewhere.
    values: Vec<f64>,
    resampling: usize,
}

impl<D: Annealed> Replacement<D> {
    /// `descent` with the coordinates held that have a value in `known`, one entry per coordinate.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless a coordinate is known, all known values are finite, and `resampling` is at
    /// least 1.
    pub fn new(descent: D, known: &[Option<f64>], resampling: usize) -> Result<Self, SampleError> {
        OutOfRange::at_least("known coordinates", 1, known.iter().flatten().count())?;
        OutOfRange::at_least("resampling", 1, resampling)?;
        if let Some(found) = known.iter().flatten().find(|value| !value.is_finite()) {
            return Err(OutOfRange::new("known value", found, "a finite number").into());
        }
        let is_known = known.iter().map(|value| f64::from(u8::from(value.is_some()))).collect();
        Ok(Self { descent, is_known, values: known.iter().map(|x| x.unwrap_or(0.0)).collect(), resampling })
    }

    /// The positions with the known coordinates at the noise level σ.
    fn replaced(&self, x: Tensor<2>, sigma: f64, noise: &mut Noise) -> Tensor<2> {
        let dim = self.values.len();
        assert_eq!(x.dims()[1], dim, "{dim} coordinates are known or free");
        let mask = constants::<2, 2>(&self.is_known, [1, dim], &x);
        let values = constants::<2, 2>(&self.values, [1, dim], &x);
        let noisy =
            if 0.0 < sigma { noise.normal_like(&x) * sigma + values } else { x.zeros_like() + values };
        let is_free = mask.equal_elem(0.0).expand(x.dims());
        noisy.mask_where(is_free, x)
    }
}

impl<D: Annealed> Annealed for Replacement<D> {
    fn ladder(&self) -> &NoiseLadder {
        self.descent.ladder()
    }

    fn reached(&self, at: Rung) -> f64 {
        self.descent.reached(at)
    }
}

impl<M: NoisyScore + ?Sized, D: Descent<M>> Descent<M> for Replacement<D> {
    fn level(&self, model: &M, at: Rung, position: Tensor<2>, noise: &mut Noise) -> (Tensor<2>, StepTotals) {
        let reached = self.descent.reached(at);
        let mut position = if at.index == 0 { self.replaced(position, at.sigma, noise) } else { position };
        let mut totals = StepTotals::default();
        for round in 1..=self.resampling {
            let (moved, of_round) = self.descent.level(model, at, position, noise);
            totals.merge(of_round);
            position = self.replaced(moved, reached, noise);
            let added = (at.sigma * at.sigma - reached * reached).max(0.0).sqrt();
            if round < self.resampling && 0.0 < added {
                position = position.clone() + noise.normal_like(&position) * added;
            }
        }
        (position, totals)
    }
}
