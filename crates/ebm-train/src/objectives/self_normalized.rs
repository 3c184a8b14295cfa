//! An energy with its log Z.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use ebm_model::{Along, Directional, Energy, Potential, Score};

/// An energy plus a trained constant c: E(x) + c, so that exp(−E − c) can be a density; c is then log Z.
///
/// Score and derivatives are those of the energy. [`NoiseContrastiveEstimation`] trains both.
///
/// [`NoiseContrastiveEstimation`]: crate::NoiseContrastiveEstimation
///
/// # Reference
/// Gutmann and Hyvärinen (2010), *Noise-contrastive estimation*, §2.1.
#[derive(Module, Debug)]
pub struct SelfNormalized<E: Module> {
    energy: E,
    log_normalizer: Param<Tensor<1>>,
}

impl<E: Module> SelfNormalized<E> {
    /// The energy, with an initial guess of its log Z; `device` is that of the energy.
    ///
    /// Adam moves a parameter by about its learning rate per step, so a guess that is far off costs steps.
    pub fn new(energy: E, log_normalizer: f64, device: &Device) -> Self {
        let guess = Tensor::full([1], log_normalizer, device);
        Self { energy, log_normalizer: Param::from_tensor(guess) }
    }

    /// The energy without the constant.
    pub fn energy(&self) -> &E {
        &self.energy
    }

    /// The constant c, the estimate of log Z, `[1]`.
    pub fn log_normalizer(&self) -> Tensor<1> {
        self.log_normalizer.val()
    }
}

impl<E: Module + Energy> Energy for SelfNormalized<E> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.energy.energy(x) + self.log_normalizer.val()
    }
}

impl<E: Module + Score> Score for SelfNormalized<E> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.energy.score(x)
    }
}

impl<E: Module + Potential> Potential for SelfNormalized<E> {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let (energy, score) = self.energy.energy_and_score(x);
        (energy + self.log_normalizer.val(), score)
    }
}

impl<E: Module + Directional> Directional for SelfNormalized<E> {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        self.energy.along(x, v)
    }
}
