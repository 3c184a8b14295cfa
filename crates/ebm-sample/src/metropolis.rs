//! Whether a proposal is taken.

use burn::tensor::{Bool, DType, Tensor, TensorData};
use ebm_ops::Noise;

use crate::State;
use crate::evaluated::Evaluated;

/// The energy error from which a trajectory counts as diverged; Stan's.
pub(crate) const DIVERGENCE: f64 = 1000.0;

/// What a Metropolis step decided, each `[chains]` unless it says otherwise.
#[derive(Clone, Debug)]
pub struct MetropolisInfo {
    /// The probability with which the proposal was taken, min(1, exp(−energy error)).
    pub acceptance: Tensor<1>,
    /// Whether it was taken.
    pub accepted: Tensor<1, Bool>,
    /// Whether the proposal was not finite in position, energy or score, or its energy error above 1000.
    /// Such a proposal is rejected: the chain stays where it was.
    pub diverged: Tensor<1, Bool>,
    /// Minus the logarithm of the acceptance ratio: the change of the total energy along the trajectory.
    pub energy_error: Tensor<1>,
    /// E where the chain is now.
    pub energy: Tensor<1>,
    /// The score where the chain is now, `[chains, dim]`.
    pub score: Tensor<2>,
}

/// `proposal` with probability min(1, exp(−energy error)), else `state`, row by row; the error is that of
/// the energies and of `kinetic`, `[chains]`.
///
/// # Reference
/// Metropolis, Rosenbluth, Rosenbluth, Teller and Teller (1953), *Equation of state calculations by fast
/// computing machines*.
pub(crate) fn decide(
    state: State<Evaluated>,
    proposal: State<Evaluated>,
    kinetic: Tensor<1>,
    noise: &mut Noise,
) -> (State<Evaluated>, MetropolisInfo) {
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
    (state, MetropolisInfo { acceptance, accepted, diverged, energy_error, energy, score })
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
pub(crate) mod tests {
    use super::*;
    use crate::{Hmc, Kernel, Mala};
    use burn::tensor::Device;
    use ebm_model::{Energy, Gaussian, Potential, Score};
    use std::cell::Cell;

    pub(crate) fn doubles<const D: usize>(rows: &[[f64; D]]) -> Tensor<2> {
        Tensor::from_data(TensorData::new(rows.concat(), [rows.len(), D]), (&Device::flex(), DType::F64))
    }

    pub(crate) fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
        x.cast(DType::F64).into_data().try_to_vec().unwrap()
    }

    pub(crate) fn flags(mask: Tensor<1, Bool>) -> Vec<bool> {
        mask.into_data().try_to_vec().unwrap()
    }

    pub(crate) fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() <= tolerance * (1.0 + e.abs()), "{found:?} against {expected:?}");
        }
    }

    /// N(0, I) within a radius; beyond it energy and score are the given numbers.
    pub(crate) struct Fenced {
        pub(crate) radius: f64,
        pub(crate) energy: f64,
        pub(crate) score: f64,
    }

    impl Fenced {
        fn beyond(&self, x: Tensor<2>) -> Tensor<2, Bool> {
            x.square().sum_dim(1).greater_elem(self.radius * self.radius)
        }
    }

    impl Energy for Fenced {
        fn energy(&self, x: Tensor<2>) -> Tensor<1> {
            let beyond = self.beyond(x.clone()).squeeze_dim::<1>(1);
            (x.square().sum_dim(1).squeeze_dim::<1>(1) * 0.5).mask_fill(beyond, self.energy)
        }
    }

    impl Score for Fenced {
        fn score(&self, x: Tensor<2>) -> Tensor<2> {
            let beyond = self.beyond(x.clone()).expand(x.dims());
            (-x).mask_fill(beyond, self.score)
        }
    }

    impl Potential for Fenced {}

    /// How often a model was asked for its energy and for its score.
    pub(crate) struct Counting<M>(pub(crate) M, pub(crate) Cell<[usize; 2]>);

    impl<M> Counting<M> {
        fn count(&self, energy: usize, score: usize) {
            let [energies, scores] = self.1.get();
            self.1.set([energies + energy, scores + score]);
        }
    }

    impl<M: Energy> Energy for Counting<M> {
        fn energy(&self, x: Tensor<2>) -> Tensor<1> {
            self.count(1, 0);
            self.0.energy(x)
        }
    }

    impl<M: Score> Score for Counting<M> {
        fn score(&self, x: Tensor<2>) -> Tensor<2> {
            self.count(0, 1);
            self.0.score(x)
        }
    }

    impl<M: Potential> Potential for Counting<M> {}

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
    fn a_chain_stays_at_its_last_good_point_where_the_model_has_no_numbers() {
        let (nan, infinity) = (f64::NAN, f64::INFINITY);
        for (energy, score) in
            [(nan, nan), (nan, 0.0), (infinity, 0.0), (-infinity, 0.0), (0.0, nan), (0.0, infinity)]
        {
            let model = Fenced { radius: 1.2, energy, score };
            assert_stays_within(&Mala::new(0.5).unwrap(), &model);
            assert_stays_within(&Hmc::new(0.4, 3).unwrap(), &model);
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
        assert_eq!(steps(&Hmc::new(0.1, 5).unwrap()), [8, 1 + 7 * 5]);
    }
}
