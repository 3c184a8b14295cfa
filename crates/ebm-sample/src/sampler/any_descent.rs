//! An annealed sampler of any type, chosen at run time.

use std::fmt;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use ebm_model::{NoisyPotential, NoisyScore};
use ebm_ops::Noise;

use crate::restoring::Replacement;
use crate::{Annealed, Density, Descent, Level, Levels, Need, NoiseLadder, SampleError};

/// A [`Descent`] without its type: its levels are the same, bit for bit.
#[derive(Clone)]
pub struct AnyDescent {
    name: &'static str,
    descent: Erased,
}

/// The descent, by what it needs of a model.
#[derive(Clone)]
enum Erased {
    Score(Arc<dyn for<'m> Descent<dyn NoisyScore + 'm> + Send + Sync>),
    Energy(Arc<dyn for<'m> Descent<dyn NoisyPotential + 'm> + Send + Sync>),
}

impl AnyDescent {
    /// A descent that needs a score at every noise level.
    pub fn of_score<D>(name: &'static str, descent: D) -> Self
    where
        D: for<'m> Descent<dyn NoisyScore + 'm> + Send + Sync + 'static,
    {
        Self { name, descent: Erased::Score(Arc::new(descent)) }
    }

    /// A descent that needs an energy at every noise level.
    pub fn of_energy<D>(name: &'static str, descent: D) -> Self
    where
        D: for<'m> Descent<dyn NoisyPotential + 'm> + Send + Sync + 'static,
    {
        Self { name, descent: Erased::Energy(Arc::new(descent)) }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it needs of a model.
    pub fn need(&self) -> Need {
        match self.descent {
            Erased::Score(_) => Need::NoisyScore,
            Erased::Energy(_) => Need::NoisyEnergy,
        }
    }

    /// The noise levels.
    pub fn ladder(&self) -> &NoiseLadder {
        self.annealed().ladder()
    }

    /// How many items [`descend`](Self::descend) yields.
    pub fn n_items(&self) -> usize {
        self.annealed().n_items()
    }

    /// N(0, σ₁²I), where a descent starts, `[n, dim]`, on `device`.
    pub fn start(&self, n: usize, dim: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        self.annealed().start(n, dim, noise, device)
    }

    /// The descent from `start`, `[samples, dim]`; see [`Descent::descend`].
    ///
    /// # Errors
    /// [`SampleError::Unfit`] if the model is not what the descent needs.
    pub fn descend<'a>(
        &self,
        model: Density<'a>,
        start: Tensor<2>,
        noise: Noise,
    ) -> Result<Box<dyn Iterator<Item = Level> + 'a>, SampleError> {
        Ok(match &self.descent {
            Erased::Score(descent) => {
                let model = model.noisy_score_for(self.name)?;
                Box::new(Levels::new(descent.clone(), model, start, noise))
            }
            Erased::Energy(descent) => {
                let model = model.noisy_energy_for(self.name)?;
                Box::new(Levels::new(descent.clone(), model, start, noise))
            }
        })
    }

    /// The same descent with the coordinates held that have a value in `known`; see [`Replacement`].
    ///
    /// # Errors
    /// As [`Replacement::new`].
    pub fn replacing(&self, known: &[Option<f64>], resampling: usize) -> Result<Self, SampleError> {
        let descent = match &self.descent {
            Erased::Score(descent) => {
                Erased::Score(Arc::new(Replacement::new(descent.clone(), known, resampling)?))
            }
            Erased::Energy(descent) => {
                Erased::Energy(Arc::new(Replacement::new(descent.clone(), known, resampling)?))
            }
        };
        Ok(Self { name: self.name, descent })
    }

    fn annealed(&self) -> &dyn Annealed {
        match &self.descent {
            Erased::Score(descent) => descent,
            Erased::Energy(descent) => descent,
        }
    }
}

impl fmt::Debug for AnyDescent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyDescent").field("name", &self.name).field("ladder", self.ladder()).finish()
    }
}
