//! The ordinary differential equation that has the marginals of the noising process.

use burn::tensor::Tensor;
use ebm_model::{AtNoise, NoisyScore, Score};
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::{
    Annealed, AnyDescent, AnySampler, Descent, NamedSampler, Need, NoiseLadder, Rung, SampleError, StepTotals,
};

/// Rounds in which a step is undone after a first guess; each divides the error by about σ/(σ − σ′) of the step.
const ROUNDS: usize = 2;

/// dx/dσ = −σ s(x, σ), solved by Heun's method down a ladder and by one Euler step from the last level to 0.
///
/// Deterministic after the start: it draws no noise. 2L − 1 network passes for L levels, second order in the steps.
///
/// # Reference
/// Karras et al. (2022), *Elucidating the design space of diffusion-based generative models*, algorithm 1
/// with σ(t) = t; the equation is from Song et al. (2021), *Score-based generative modeling through
/// stochastic differential equations*, eq. 13.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbabilityFlow {
    ladder: NoiseLadder,
}

impl ProbabilityFlow {
    /// The flow down this ladder.
    pub fn new(ladder: NoiseLadder) -> Self {
        Self { ladder }
    }

    /// EDM's ladder: `n` levels from `top` to `bottom` with ρ = 7.
    ///
    /// # Errors
    /// Those of [`NoiseLadder::karras`].
    pub fn edm(top: f64, bottom: f64, n: usize) -> Result<Self, SampleError> {
        Ok(Self::new(NoiseLadder::karras(top, bottom, 7.0, n)?))
    }

    /// The noise at the top of the ladder from which the flow comes down to `x`, both `[samples, dim]`.
    ///
    /// Heun's steps are undone one by one by fixed-point iteration, 6L − 6 network passes for L levels; `x` is taken to
    /// be at the lowest level, so that [`run`](Descent::run) gives it back without what the model takes for noise of
    /// that level.
    ///
    /// # Reference
    /// Song et al. (2021), *Score-based generative modeling through stochastic differential equations*, §4.3.
    pub fn encode<M: NoisyScore + ?Sized>(&self, model: &M, x: Tensor<2>) -> Tensor<2> {
        let n_steps = self.ladder.levels().len() - 1;
        (0..n_steps).rev().map(|index| self.ladder.rung(index)).fold(x, |x, at| {
            let guess = heun(model, x.clone(), at.below, at.sigma);
            (0..ROUNDS).fold(guess, |z, _| z.clone() + x.clone() - heun(model, z, at.sigma, at.below))
        })
    }
}

impl Annealed for ProbabilityFlow {
    fn ladder(&self) -> &NoiseLadder {
        &self.ladder
    }
}

impl<M: NoisyScore + ?Sized> Descent<M> for ProbabilityFlow {
    fn level(&self, model: &M, at: Rung, position: Tensor<2>, _: &mut Noise) -> (Tensor<2>, StepTotals) {
        (heun(model, position, at.sigma, at.below), StepTotals::default())
    }
}

/// One step from level `from` to level `to`; Euler's where `to` is 0, as there is no score there.
pub(crate) fn heun<M: NoisyScore + ?Sized>(model: &M, x: Tensor<2>, from: f64, to: f64) -> Tensor<2> {
    let slope = |x: Tensor<2>, sigma: f64| AtNoise::new(model, sigma).score(x) * -sigma;
    let first = slope(x.clone(), from);
    let euler = x.clone() + first.clone() * (to - from);
    if to == 0.0 {
        return euler;
    }
    let second = slope(euler, to);
    x + (first + second) * (0.5 * (to - from))
}

/// Numbers of [`ProbabilityFlow`] by name; its ladder is EDM's, ρ = 7.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbabilityFlowSettings {
    /// The highest noise level; 20 by default.
    pub top: f64,
    /// The lowest noise level above 0; 0.01 by default.
    pub bottom: f64,
    /// The number of levels; 40 by default.
    pub levels: usize,
}

impl Default for ProbabilityFlowSettings {
    fn default() -> Self {
        Self { top: 20.0, bottom: 0.01, levels: 40 }
    }
}

impl NamedSampler for ProbabilityFlowSettings {
    const NAME: &'static str = "probability-flow";
    const ABOUT: &'static str = "the probability flow by Heun's method";
    const SECTION: &'static str = "heun";
    const NEED: Need = Need::NoisyScore;

    fn build(&self) -> Result<AnySampler, SampleError> {
        let flow = ProbabilityFlow::edm(self.top, self.bottom, self.levels)?;
        Ok(AnyDescent::of_score(Self::NAME, flow).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::column;
    use burn::tensor::{DType, Device};
    use ebm_model::Gaussian;

    /// x_0 = μ + (x_T − μ) √(s²/(s² + σ_T²)), exactly.
    fn error_with(n_levels: usize) -> f64 {
        let target = Gaussian::isotropic(vec![0.5], 0.25).unwrap();
        let start = Tensor::<2>::from_data([[-9.0], [0.5], [4.0]], (&Device::flex(), DType::F64));
        let flow = ProbabilityFlow::edm(20.0, 0.01, n_levels).unwrap();
        let end = column(flow.run(&target, start, Noise::seeded(1)), 0);
        let shrink = (0.25f64 / (0.25 + 400.0)).sqrt();
        let exact = [-9.0, 0.5, 4.0].map(|x| 0.5 + (x - 0.5) * shrink);
        end.iter().zip(exact).map(|(found, exact)| (found - exact).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn the_flow_of_a_gaussian_is_the_known_contraction_to_second_order() {
        let (coarse, fine) = (error_with(40), error_with(80));
        // the last Euler step leaves σ²/(2 s²) = 2e-4 of the end's 0.24
        assert!(fine < 1.5e-3, "{fine}");
        let (medium, finer) = (error_with(10), error_with(20));
        assert!(3.0 * finer < medium, "halving the steps divides the error by four: {medium}, {finer}");
        assert!(fine <= coarse, "{fine}, {coarse}");
    }

    #[test]
    fn what_is_encoded_is_decoded_and_the_code_of_a_gaussian_is_the_known_expansion() {
        let target = Gaussian::isotropic(vec![0.5], 0.25).unwrap();
        let x = [-0.6, 0.5, 1.7];
        let start = Tensor::<2>::from_data(x.map(|x| [x]), (&Device::flex(), DType::F64));
        let flow = ProbabilityFlow::edm(20.0, 0.01, 40).unwrap();
        let code = flow.encode(&target, start);
        let grow = ((0.25f64 + 400.0) / 0.2501).sqrt();
        for (found, x) in column(code.clone(), 0).into_iter().zip(x) {
            assert!((found - 0.5 - (x - 0.5) * grow).abs() < 0.02 * grow, "{found} of {x}");
        }
        // the last step takes the noise of the lowest level off
        let shrink = 0.25 / 0.2501;
        for (found, x) in column(flow.run(&target, code, Noise::seeded(1)), 0).into_iter().zip(x) {
            assert!((found - 0.5 - (x - 0.5) * shrink).abs() < 1e-4, "{found} of {x}");
        }
    }

    #[test]
    fn each_item_has_the_level_it_reached_and_the_last_is_zero() {
        let flow = ProbabilityFlow::edm(20.0, 0.01, 5).unwrap();
        let start = Tensor::zeros([1, 1], &Device::flex());
        let target = Gaussian::standard(1);
        let sigmas: Vec<f64> =
            flow.descend(&target, start, Noise::seeded(1)).map(|level| level.sigma).collect();
        assert_eq!(sigmas[..4], flow.ladder().levels()[1..]);
        assert_eq!(sigmas[4], 0.0);
    }
}
