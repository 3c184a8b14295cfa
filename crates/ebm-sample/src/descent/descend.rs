//! From high noise to none, level by level.

use std::sync::Arc;

use burn::tensor::Tensor;
use ebm_model::{AtNoise, NoisyScore};
use ebm_ops::Noise;

use crate::{Annealed, Level, Rung, StepTotals};

/// An annealed sampler: to noise levels what a [`Kernel`](crate::Kernel) is to steps.
///
/// A sampler implements [`level`](Self::level), and [`ladder`](Annealed::ladder) of [`Annealed`]; start, iteration
/// and end are provided.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ebm_model::{AtNoise, Gaussian, NoisyScore};
/// use ebm_ops::Noise;
/// use ebm_sample::{Annealed, Descent, NoiseLadder, Rung, StepTotals};
///
/// /// The mean of the clean point at each level, with noise of the next level on it.
/// struct Renoise(NoiseLadder);
///
/// impl Annealed for Renoise {
///     fn ladder(&self) -> &NoiseLadder {
///         &self.0
///     }
/// }
///
/// impl<M: NoisyScore + ?Sized> Descent<M> for Renoise {
///     fn level(&self, model: &M, at: Rung, x: Tensor<2>, noise: &mut Noise) -> (Tensor<2>, StepTotals) {
///         let z = noise.normal_like(&x);
///         (AtNoise::new(model, at.sigma).denoise(x) + z * at.below, StepTotals::default())
///     }
/// }
///
/// let sampler = Renoise(NoiseLadder::geometric(10.0, 0.1, 20).unwrap());
/// let noise = Noise::seeded(1);
/// let start = sampler.start(5, 2, &mut noise.derive("start"), &Device::flex());
/// let target = Gaussian::standard(2);
/// let levels = sampler.descend(&target, start, noise.derive("chain"));
/// assert_eq!(levels.count(), 20);
/// ```
pub trait Descent<M: NoisyScore + ?Sized>: Annealed {
    /// The work at one level: from where the samples are, `[samples, dim]`, to where they are when it is done, with
    /// what its steps with a Metropolis test reported; other steps report nothing.
    fn level(&self, model: &M, at: Rung, position: Tensor<2>, noise: &mut Noise) -> (Tensor<2>, StepTotals);

    /// The descent from `start`, `[samples, dim]`: an item per level, then, if the last one leaves noise of level
    /// σ on the samples, one at 0 for the mean of the clean points, x + σ² s(x, σ).
    fn descend<'a>(&'a self, model: &'a M, start: Tensor<2>, noise: Noise) -> Levels<'a, M, &'a Self>
    where
        Self: Sized,
    {
        Levels::new(self, model, start, noise)
    }

    /// The samples at the end of the descent, `[samples, dim]`.
    fn run(&self, model: &M, start: Tensor<2>, noise: Noise) -> Tensor<2> {
        let levels = Levels::new(self, model, start, noise);
        levels.last().expect("a ladder has a level").position
    }
}

impl<M: NoisyScore + ?Sized, D: Descent<M> + ?Sized> Descent<M> for &D {
    fn level(&self, model: &M, at: Rung, position: Tensor<2>, noise: &mut Noise) -> (Tensor<2>, StepTotals) {
        (**self).level(model, at, position, noise)
    }
}

impl<M: NoisyScore + ?Sized, D: Descent<M> + ?Sized> Descent<M> for Arc<D> {
    fn level(&self, model: &M, at: Rung, position: Tensor<2>, noise: &mut Noise) -> (Tensor<2>, StepTotals) {
        (**self).level(model, at, position, noise)
    }
}

/// A descent as an iterator of its [`Level`]s.
#[derive(Debug)]
pub struct Levels<'a, M: ?Sized, D> {
    descent: D,
    model: &'a M,
    noise: Noise,
    /// Where the samples are.
    position: Option<Tensor<2>>,
    /// The noise that is left on them.
    sigma: f64,
    n_done: usize,
}

impl<'a, M: NoisyScore + ?Sized, D: Descent<M>> Levels<'a, M, D> {
    /// The levels of `descent` from `start`, `[samples, dim]`.
    pub fn new(descent: D, model: &'a M, start: Tensor<2>, noise: Noise) -> Self {
        let sigma = descent.ladder().top();
        Self { descent, model, noise, position: Some(start), sigma, n_done: 0 }
    }
}

impl<M: NoisyScore + ?Sized, D: Descent<M>> Iterator for Levels<'_, M, D> {
    type Item = Level;

    fn next(&mut self) -> Option<Level> {
        let n = self.descent.ladder().levels().len();
        if self.n_done == self.descent.n_items() {
            return None;
        }
        let position = self.position.take()?;
        let (sigma, (position, totals)) = if self.n_done < n {
            let at = self.descent.ladder().rung(self.n_done);
            (self.descent.reached(at), self.descent.level(self.model, at, position, &mut self.noise))
        } else {
            let denoised = AtNoise::new(self.model, self.sigma).denoise(position);
            (0.0, (denoised, StepTotals::default()))
        };
        self.n_done += 1;
        (self.sigma, self.position) = (sigma, Some(position.clone()));
        Some(Level { sigma, position, totals })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.descent.n_items() - self.n_done;
        (left, Some(left))
    }
}

impl<M: NoisyScore + ?Sized, D: Descent<M>> ExactSizeIterator for Levels<'_, M, D> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AnnealedLangevin, AnnealedMala, NoiseLadder, PredictorCorrector, ProbabilityFlow};
    use burn::tensor::Device;
    use ebm_model::{Gaussian, NoisyPotential};

    fn ladder() -> NoiseLadder {
        NoiseLadder::geometric(5.0, 0.1, 4).unwrap()
    }

    #[test]
    fn a_descent_yields_as_many_items_as_it_says_and_ends_at_zero() {
        let target = Gaussian::standard(2);
        let check = |descent: &dyn Descent<dyn NoisyPotential>, expected: usize| {
            let start = descent.start(3, 2, &mut Noise::seeded(1), &Device::flex());
            let levels = Levels::new(descent, &target as &dyn NoisyPotential, start, Noise::seeded(2));
            assert_eq!((levels.len(), descent.n_items()), (expected, expected));
            let levels: Vec<Level> = levels.collect();
            assert_eq!((levels.len(), levels[expected - 1].sigma), (expected, 0.0));
        };
        check(&AnnealedLangevin::new(ladder(), 2, 0.1).unwrap(), 5);
        check(&AnnealedMala::new(ladder(), 2, 0.1).unwrap(), 5);
        check(&PredictorCorrector::new(ladder(), 2, 0.1).unwrap(), 4);
        check(&ProbabilityFlow::new(ladder()), 4);
    }

    #[test]
    fn a_trait_object_is_sampled_as_the_model_it_is() {
        let (target, sampler) = (Gaussian::standard(2), PredictorCorrector::new(ladder(), 2, 0.1).unwrap());
        let start = || sampler.start(3, 2, &mut Noise::seeded(1), &Device::flex());
        let typed = sampler.run(&target, start(), Noise::seeded(2));
        let erased = sampler.run(&target as &dyn NoisyScore, start(), Noise::seeded(2));
        assert_eq!(erased.into_data(), typed.into_data());
    }

    #[test]
    fn a_rung_names_the_level_below_it() {
        let ladder = ladder();
        let rungs: Vec<Rung> = (0..4).map(|i| ladder.rung(i)).collect();
        assert!(rungs.windows(2).all(|pair| pair[0].below == pair[1].sigma && !pair[0].is_last()));
        assert!(rungs[3].is_last() && rungs[3].below == 0.0 && rungs[3].index == 3);
    }
}
