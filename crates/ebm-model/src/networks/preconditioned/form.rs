//! The forms that make a network a score.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// β at time 0 of the variance-preserving process, and what it grows by until time 1.
const BETA: [f64; 2] = [0.1, 19.9];

/// What time 1 of the variance-preserving process is to a network: the last of a thousand steps.
const LAST_STEP: f64 = 999.0;

/// A form D(y, σ) = c_skip y + c_out f(c_in y, c), whose score is (D − y)/σ².
///
/// | | c_skip | c_out | c_in | c | score |
/// |---|---|---|---|---|---|
/// | EDM | σ_d²/(σ² + σ_d²) | σ σ_d/√(σ² + σ_d²) | 1/√(σ² + σ_d²) | ln(σ)/4 | −y/(σ² + σ_d²) + σ_d/(σ √(σ² + σ_d²)) f |
/// | VE | 1 | σ | 1 | ln(σ/2) | f/σ |
/// | VP | 1 | −σ | 1/√(σ² + 1) | 999 t(σ) | −f/σ |
///
/// σ is that of pixels from −1 to 1. A network of VE is told that of pixels from 0 to 1, σ/2. One of VP is given
/// x = √ᾱ y at the time t(σ) at which β, which grows evenly from 0.1 to 20, has made σ² = (1 − ᾱ)/ᾱ of the noise:
/// ln(1 + σ²) = 9.95 t² + 0.1 t.
///
/// # Reference
/// Karras, Aittala, Aila and Laine (2022), *Elucidating the design space of diffusion-based generative
/// models*, table 1; Song, Sohl-Dickstein, Kingma, Kumar, Ermon and Poole (2021), *Score-based generative modeling
/// through stochastic differential equations*, §C, for VE and VP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preconditioning {
    /// Of Karras et al., with unit variance of what the network is given and of what it must learn.
    #[default]
    Edm,
    /// Of networks trained on the variance-exploding process.
    Ve,
    /// Of networks trained on the variance-preserving process.
    Vp,
}

impl Preconditioning {
    /// c, what the network is told of each row's σ.
    pub(super) fn condition(self, sigma: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Edm => sigma.log() / 4.0,
            Self::Ve => (sigma / 2.0).log(),
            Self::Vp => time(sigma) * LAST_STEP,
        }
    }
}

/// t(σ), in the form of the root that has no difference of like numbers.
fn time(sigma: Tensor<1>) -> Tensor<1> {
    let [least, growth] = BETA;
    let log = sigma.square().log1p();
    let root = (log.clone() * (2.0 * growth) + least * least).sqrt();
    log * 2.0 / (root + least)
}

/// A form at the noise levels of a batch.
#[derive(Clone, Debug)]
pub(super) struct Level {
    form: Preconditioning,
    /// σ_d, of VP 1.
    sigma_data: f64,
    /// σ, `[batch, 1]`.
    sigma: Tensor<2>,
    /// σ² + σ_d², `[batch, 1]`.
    variance: Tensor<2>,
}

impl Level {
    /// `form` at each row's `sigma`, `[batch]`; `sigma_data` is EDM's σ_d.
    pub(super) fn new(form: Preconditioning, sigma_data: f64, sigma: Tensor<1>) -> Self {
        let sigma_data = if form == Preconditioning::Edm { sigma_data } else { 1.0 };
        let sigma = sigma.unsqueeze_dim::<2>(1);
        let variance = sigma.clone().square() + sigma_data * sigma_data;
        Self { form, sigma_data, sigma, variance }
    }

    /// σ², `[batch, 1]`.
    pub(super) fn noise_variance(&self) -> Tensor<2> {
        self.sigma.clone().square()
    }

    /// √(σ² + σ_d²).
    fn deviation(&self) -> Tensor<2> {
        self.variance.clone().sqrt()
    }

    /// c_in y.
    pub(super) fn input(&self, y: Tensor<2>) -> Tensor<2> {
        match self.form {
            Preconditioning::Edm | Preconditioning::Vp => y / self.deviation(),
            Preconditioning::Ve => y,
        }
    }

    /// D of y and f.
    pub(super) fn mean(&self, y: Tensor<2>, f: Tensor<2>) -> Tensor<2> {
        match self.form {
            Preconditioning::Edm => {
                let weight = self.sigma.clone() / self.deviation() * self.sigma_data;
                f * weight + y * self.share()
            }
            Preconditioning::Ve => y + f * self.sigma.clone(),
            Preconditioning::Vp => y - f * self.sigma.clone(),
        }
    }

    /// The score of y and f, with no difference of large numbers in it.
    pub(super) fn score(&self, y: Tensor<2>, f: Tensor<2>) -> Tensor<2> {
        match self.form {
            Preconditioning::Edm => f * self.score_weight() - y / self.variance.clone(),
            Preconditioning::Ve => f / self.sigma.clone(),
            Preconditioning::Vp => f.neg() / self.sigma.clone(),
        }
    }

    /// (∂D/∂y)ᵀv, where `pulled` is (∂f/∂u)ᵀv with u = c_in y.
    pub(super) fn mean_pullback(&self, v: Tensor<2>, pulled: Tensor<2>) -> Tensor<2> {
        match self.form {
            Preconditioning::Edm => {
                let own = v * self.share();
                own + pulled * (self.sigma.clone() / self.variance.clone() * self.sigma_data)
            }
            Preconditioning::Ve => v + pulled * self.sigma.clone(),
            Preconditioning::Vp => v - pulled * (self.sigma.clone() / self.deviation()),
        }
    }

    /// The terms of −vᵀ(∇s)v, whose sum it is, with `pulled` as in [`mean_pullback`](Self::mean_pullback).
    pub(super) fn bend(&self, v: Tensor<2>, pulled: Tensor<2>) -> Tensor<2> {
        match self.form {
            Preconditioning::Edm => {
                let own = v.clone().square() / self.variance.clone();
                own - v * pulled * self.score_weight() / self.deviation()
            }
            Preconditioning::Ve => v.neg() * pulled / self.sigma.clone(),
            Preconditioning::Vp => v * pulled / (self.sigma.clone() * self.deviation()),
        }
    }

    /// EDM's c_skip.
    fn share(&self) -> Tensor<2> {
        self.variance.clone().recip() * (self.sigma_data * self.sigma_data)
    }

    /// What f is multiplied by in EDM's score.
    fn score_weight(&self) -> Tensor<2> {
        (self.sigma.clone() * self.deviation()).recip() * self.sigma_data
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use burn::tensor::DType;

    #[test]
    fn the_time_of_a_level_is_that_at_which_the_process_has_it() {
        let times = [1e-5, 1e-3, 0.02, 0.3, 1.0];
        let sigma = |t: f64| (0.5 * BETA[1] * t * t + BETA[0] * t).exp_m1().sqrt();
        let row: Tensor<1> = testing::doubles(&[times.map(sigma)]).reshape([5]);
        let found: Vec<f64> = Preconditioning::Vp.condition(row.clone()).into_data().iter::<f64>().collect();
        for (found, t) in found.into_iter().zip(times) {
            assert!((found / (999.0 * t) - 1.0).abs() < 1e-12, "{found} at {t}");
        }
        let single = Preconditioning::Vp.condition(row.cast(DType::F32)).into_data();
        for (found, t) in single.iter::<f64>().zip(times) {
            assert!((found / (999.0 * t) - 1.0).abs() < 1e-6, "{found} at {t} in single precision");
        }
    }
}
