//! Whether a proposal is accepted.

use burn::tensor::{Bool, DType, Tensor, TensorData};
use ebm_ops::Noise;

use crate::mcmc::evaluated::Evaluated;
use crate::{State, StepReport};

/// The energy error from which a trajectory counts as diverged; Stan's.
pub(crate) const DIVERGENCE: f64 = 1000.0;

/// What a Metropolis step reports, each `[chains]` unless it says otherwise.
#[derive(Clone, Debug)]
pub struct MetropolisInfo {
    /// The probability with which the proposal was accepted, min(1, exp(−energy error)).
    pub acceptance: Tensor<1>,
    /// Whether it was accepted.
    pub accepted: Tensor<1, Bool>,
    /// Whether the proposal was not finite in position, energy or score, or its energy error above 1000.
    /// Such a proposal is rejected: the chain stays where it was.
    pub diverged: Tensor<1, Bool>,
    /// Minus the logarithm of the acceptance ratio: the change of the total energy along the trajectory.
    pub energy_error: Tensor<1>,
    /// Potential and kinetic energy where the trajectory began; of Hamiltonian Monte Carlo only.
    pub total_energy: Option<Tensor<1>>,
    /// The energy where the chain is now.
    pub energy: Tensor<1>,
    /// The score where the chain is now, `[chains, dim]`.
    pub score: Tensor<2>,
}

impl StepReport for MetropolisInfo {
    fn acceptance(&self) -> Option<&Tensor<1>> {
        Some(&self.acceptance)
    }

    fn energy_error(&self) -> Option<&Tensor<1>> {
        Some(&self.energy_error)
    }

    fn diverged(&self) -> Option<&Tensor<1, Bool>> {
        Some(&self.diverged)
    }

    fn total_energy(&self) -> Option<&Tensor<1>> {
        self.total_energy.as_ref()
    }

    fn score(&self) -> Option<&Tensor<2>> {
        Some(&self.score)
    }
}

/// The chains after a Metropolis test, and what the test reports.
pub(crate) type Tested = (State<Evaluated>, MetropolisInfo);

/// `proposal` with probability min(1, exp(−energy error)), else `state`, row by row; the error is the change of
/// the energies plus `kinetic`, `[chains]`.
///
/// # Reference
/// Metropolis, Rosenbluth, Rosenbluth, Teller and Teller (1953), *Equation of state calculations by fast
/// computing machines*.
pub(crate) fn accept_or_reject(
    state: State<Evaluated>,
    proposal: State<Evaluated>,
    kinetic: Tensor<1>,
    noise: &mut Noise,
) -> Tested {
    let energy_error = proposal.memo.energy.clone() - state.memo.energy.clone() + kinetic;
    // A position or score that is not finite makes the kinetic energy infinite or NaN.
    let unsound = proposal.memo.energy.clone().is_finite().bool_not().bool_or(energy_error.clone().is_nan());
    let ratio = energy_error.clone().neg().exp();
    let acceptance = ratio.clamp_max(1.0).mask_fill(unsound.clone(), 0.0);
    let accepted = uniform_like(&acceptance, noise).lower(acceptance.clone());
    let diverged = unsound.bool_or(energy_error.clone().greater_elem(DIVERGENCE));
    // On the device: reading the mask would wait for it once a step.
    let state = state.mask_where(accepted.clone(), proposal);
    let (energy, score) = (state.memo.energy.clone(), state.memo.score.clone());
    (
        state,
        MetropolisInfo { acceptance, accepted, diverged, energy_error, total_energy: None, energy, score },
    )
}

/// Numbers uniform on `[0, 1)`, of the shape, type and device of `x`; to 24 bits in single precision, and
/// from the same words to 32 bits in double.
pub(crate) fn uniform_like(x: &Tensor<1>, noise: &mut Noise) -> Tensor<1> {
    let ([n], options) = (x.dims(), (&x.device().inner(), x.dtype()));
    match x.dtype() {
        DType::F64 => {
            let unit = (-32f64).exp2();
            let values: Vec<f64> = noise.words(n).into_iter().map(|word| f64::from(word) * unit).collect();
            Tensor::from_data(TensorData::new(values, [n]), options)
        }
        _ => Tensor::from_data(TensorData::new(noise.uniforms(n), [n]), options),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Counting, Fenced, doubles, flags, numbers};
    use crate::{Hmc, Kernel, Mala, Mamclmc};
    use burn::tensor::Device;
    use ebm_model::Gaussian;
    use std::cell::Cell;

    fn assert_stays_within<K>(kernel: &K, model: &Fenced)
    where
        K: Kernel<Fenced, Memo = Evaluated, Info = MetropolisInfo>,
    {
        let mut noise = Noise::seeded(31);
        let start = Tensor::zeros([200, 2], &Device::flex());
        let mut state = kernel.init(model, start);
        let (mut n_accepted, mut n_diverged) = (0, 0);
        for _ in 0..50 {
            let (next, info) = kernel.step(model, state, &mut noise);
            let (accepted, diverged) = (flags(info.accepted), flags(info.diverged));
            let acceptance = numbers(info.acceptance);
            for ((accepted, diverged), acceptance) in accepted.into_iter().zip(diverged).zip(acceptance) {
                assert!(!(accepted && diverged) && (0.0..=1.0).contains(&acceptance));
                n_accepted += usize::from(accepted);
                n_diverged += usize::from(diverged);
            }
            assert!(numbers(info.energy).iter().all(|energy| *energy <= 0.5 * model.radius.powi(2) + 1e-6));
            state = next;
        }
        let squares = numbers(state.position.square().sum_dim(1));
        assert!(squares.iter().all(|square| square.sqrt() <= model.radius + 1e-6));
        assert!(numbers(state.memo.score).iter().all(|score| score.is_finite()));
        assert!(1000 < n_accepted && 1000 < n_diverged, "{n_accepted} accepted, {n_diverged} diverged");
    }

    #[test]
    fn a_chain_stays_at_its_last_finite_point_where_the_model_is_not_finite() {
        let (nan, infinity) = (f64::NAN, f64::INFINITY);
        for (energy, score) in
            [(nan, nan), (nan, 0.0), (infinity, 0.0), (-infinity, 0.0), (0.0, nan), (0.0, infinity)]
        {
            let model = Fenced { radius: 1.2, energy, score };
            assert_stays_within(&Mala::new(0.5).unwrap(), &model);
            assert_stays_within(&Hmc::new(0.4, 3).unwrap(), &model);
            assert_stays_within(&Mamclmc::new(0.4).unwrap().with_longest(1.0).unwrap(), &model);
        }
    }

    #[test]
    fn a_chain_that_begins_outside_the_support_may_enter_it() {
        let model = Fenced { radius: 1.0, energy: f64::INFINITY, score: -1.0 };
        let (kernel, mut noise) = (Mala::new(0.5).unwrap(), Noise::seeded(32));
        let mut state = kernel.init(&model, doubles(&[[1.1, 0.0]; 50]));
        for _ in 0..20 {
            state = kernel.step(&model, state, &mut noise).0;
        }
        assert!(numbers(state.memo.energy).iter().filter(|energy| energy.is_finite()).count() > 25);
    }

    #[test]
    fn nothing_is_computed_twice() {
        let target = Counting(Gaussian::standard(2), Cell::new([0, 0]));
        let steps = |kernel: &dyn Kernel<Counting<Gaussian>, Memo = Evaluated, Info = MetropolisInfo>| {
            target.1.set([0, 0]);
            let mut noise = Noise::seeded(1);
            let mut state = kernel.init(&target, doubles(&[[0.0, 1.0]]));
            for _ in 0..7 {
                state = kernel.step(&target, state, &mut noise).0;
            }
            target.1.get()
        };
        assert_eq!(steps(&Mala::new(0.1).unwrap()), [8, 8]);
        assert_eq!(steps(&Hmc::new(0.1, 5).unwrap().with_fixed_length()), [8, 1 + 7 * 5]);
    }
}
