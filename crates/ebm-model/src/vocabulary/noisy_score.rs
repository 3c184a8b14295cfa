//! Scores at every noise level.

use burn::tensor::Tensor;
use ebm_ops::Noise;

use crate::Score;

/// The reverse rule of a score at a batch of positions: v ↦ vᵀ ∂s/∂x, row by row, both `[batch, dim]`.
pub type ScorePullback<'a> = Box<dyn FnOnce(Tensor<2>) -> Tensor<2> + 'a>;

/// The score of p_σ = p ∗ N(0, σ²I) at every noise level σ.
pub trait NoisyScore {
    /// s(x, σ), row by row: `x` is `[batch, dim]`, `sigma` `[batch]` and positive; the result `[batch, dim]`.
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2>;

    /// The mean of the clean point given the noisy one, E[x₀ | x] = x + σ² s(x, σ); shapes as above.
    ///
    /// # Reference
    /// Efron (2011), *Tweedie's formula and selection bias*, eq. 1.4.
    fn denoise_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let variance = sigma.clone().square().unsqueeze_dim::<2>(1);
        x.clone() + self.score_at(x, sigma) * variance
    }

    /// The score and its reverse rule v ↦ vᵀ ∂s/∂x, at the cost of about one more score when it is called.
    ///
    /// By autodiff of the position unless a model overrides it, so it is for sampling and not for training: neither
    /// result depends on the parameters any more.
    ///
    /// # Panics
    /// If the score is not a differentiable function of `x`.
    fn score_and_pullback_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<2>, ScorePullback<'_>) {
        let x = x.inner().autodiff().require_grad();
        let score = self.score_at(x.clone(), sigma);
        assert!(score.is_tracked(), "the score was not computed from the positions it was given");
        let value = score.clone().inner();
        let pullback = move |v: Tensor<2>| {
            let mut gradients = (score * v.inner()).sum().backward();
            x.grad_remove(&mut gradients).expect("a tracked score has a gradient")
        };
        (value, Box::new(pullback))
    }

    /// The score in a step of training, where a network with dropout draws its masks from `noise`; shapes as above.
    ///
    /// Every other method is without dropout.
    fn score_in_training(&self, x: Tensor<2>, sigma: Tensor<1>, _noise: &mut Noise) -> Tensor<2> {
        self.score_at(x, sigma)
    }

    /// The score at one noise level, for samplers of a plain [`Score`]; for a trait object use [`AtNoise::new`].
    ///
    /// # Panics
    /// Unless `0 < sigma < ∞`.
    fn at(&self, sigma: f64) -> AtNoise<'_, Self>
    where
        Self: Sized,
    {
        AtNoise::new(self, sigma)
    }
}

impl<S: NoisyScore + ?Sized> NoisyScore for &S {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        (**self).score_at(x, sigma)
    }

    fn denoise_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        (**self).denoise_at(x, sigma)
    }

    fn score_and_pullback_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<2>, ScorePullback<'_>) {
        (**self).score_and_pullback_at(x, sigma)
    }

    fn score_in_training(&self, x: Tensor<2>, sigma: Tensor<1>, noise: &mut Noise) -> Tensor<2> {
        (**self).score_in_training(x, sigma, noise)
    }
}

/// A model at one fixed noise level.
#[derive(Debug)]
pub struct AtNoise<'a, M: ?Sized> {
    model: &'a M,
    sigma: f64,
}

impl<'a, M: ?Sized> AtNoise<'a, M> {
    /// `model` at the noise level `sigma`.
    ///
    /// # Panics
    /// Unless `0 < sigma < ∞`.
    pub fn new(model: &'a M, sigma: f64) -> Self {
        assert!(sigma.is_finite() && 0.0 < sigma, "sigma: expected a positive, finite number, found {sigma}");
        Self { model, sigma }
    }

    /// The noise level σ.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    pub(crate) fn model(&self) -> &M {
        self.model
    }

    /// σ for each row of `x`, `[batch]`.
    pub(crate) fn levels(&self, x: &Tensor<2>) -> Tensor<1> {
        Tensor::full([x.dims()[0]], self.sigma, (&x.device(), x.dtype()))
    }
}

impl<M: NoisyScore + ?Sized> AtNoise<'_, M> {
    /// The denoised positions E[x₀ | x], `[batch, dim]`.
    pub fn denoise(&self, x: Tensor<2>) -> Tensor<2> {
        let sigma = self.levels(&x);
        self.model.denoise_at(x, sigma)
    }
}

impl<M: NoisyScore + ?Sized> Score for AtNoise<'_, M> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let sigma = self.levels(&x);
        self.model.score_at(x, sigma)
    }
}
