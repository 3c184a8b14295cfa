//! Microcanonical Langevin Monte Carlo, without a Metropolis test.

use burn::tensor::{Bool, Tensor};
use ebm_model::Score;
use ebm_ops::leapfrog::choose_rows;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::mcmc::microcanonical::{Integrator, Motion, Phase, assert_has_directions, partly_refreshed};
use crate::{Kernel, Mass, SampleError, State, StepReport};

/// Chains that move at constant speed, whose direction u the score turns and noise partly refreshes:
/// dx = √d u dt, du = √d (I − uuᵀ)(s(x)/(d − 1) dt + noise), |u| = 1, in steps of time h.
///
/// In one dimension there are no directions to turn.
/// Time is counted so that each coordinate has the mean square velocity 1: with d coordinates, h and the time ℓ in
/// which the direction is forgotten are ε = h √d and L = ℓ √d in the papers, and compare with step size and trajectory of
/// [`Hmc`](crate::Hmc).
///
/// Biased by O(h²), never unstable: on N(0, I) in many dimensions the stationary variance r² of the leapfrog integrator
/// solves tanh(½hr) = h/(2r), so that r² = 1 + h²/12 + O(h⁴), whatever ℓ is; that of the minimal norm is
/// 1 − 0.0108 h² + O(h⁴). [`Mamclmc`](crate::Mamclmc) has no bias.
/// One or two scores a step ([`Integrator`]); it draws normals. Where a step is not finite, the chain stays and its
/// direction is reversed.
///
/// # Reference
/// Robnik, De Luca, Silverstein and Seljak (2023), *Microcanonical Hamiltonian Monte Carlo*; Robnik and Seljak
/// (2023), *Fluctuation without dissipation: microcanonical Langevin Monte Carlo*.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Mclmc {
    step_size: f64,
    length: f64,
    integrator: Integrator,
    mass: Mass,
}

/// What a microcanonical step keeps for the next, each `[chains, dim]`.
#[derive(Clone, Debug)]
pub struct MclmcMemo {
    /// The direction u, of norm 1; 0 before the first step, which makes it one at random.
    pub direction: Tensor<2>,
    /// The score s(x).
    pub score: Tensor<2>,
}

/// What a microcanonical step reports.
#[derive(Clone, Debug)]
pub struct MclmcInfo {
    /// The change of the kinetic energy, `[chains]`; with the change of E it adds up to the energy error of the step.
    pub kinetic_change: Tensor<1>,
    /// Where the step was not finite and the chain stayed, `[chains]`.
    pub diverged: Tensor<1, Bool>,
    /// The score where the chain is now, `[chains, dim]`.
    pub score: Tensor<2>,
}

impl Mclmc {
    /// Steps of time h = `step_size` with unit mass, the integrator of minimal norm, and a direction that is forgotten
    /// in a time of 1.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < step_size < ∞`.
    pub fn new(step_size: f64) -> Result<Self, SampleError> {
        let step_size = OutOfRange::positive("step_size", step_size)?;
        Ok(Self { step_size, length: 1.0, integrator: Integrator::default(), mass: Mass::unit() })
    }

    /// The same with steps of this size.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < step_size < ∞`.
    pub fn with_step_size(self, step_size: f64) -> Result<Self, SampleError> {
        Ok(Self { step_size: OutOfRange::positive("step_size", step_size)?, ..self })
    }

    /// The same with a direction that is forgotten in a time of ℓ = `length`.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < length < ∞`.
    pub fn with_length(self, length: f64) -> Result<Self, SampleError> {
        Ok(Self { length: OutOfRange::positive("length", length)?, ..self })
    }

    /// The same with this integrator.
    pub fn with_integrator(self, integrator: Integrator) -> Self {
        Self { integrator, ..self }
    }

    /// The same with this mass.
    pub fn with_mass(self, mass: Mass) -> Self {
        Self { mass, ..self }
    }

    /// The time h of a step.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// The time ℓ in which the direction is forgotten.
    pub fn length(&self) -> f64 {
        self.length
    }

    /// In which parts a step is made.
    pub fn integrator(&self) -> Integrator {
        self.integrator
    }

    /// The mass M.
    pub fn mass(&self) -> &Mass {
        &self.mass
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    step_size: f64,
    length: f64,
    integrator: Integrator,
    mass: Mass,
}

impl TryFrom<Stored> for Mclmc {
    type Error = SampleError;

    fn try_from(stored: Stored) -> Result<Self, SampleError> {
        let Stored { step_size, length, integrator, mass } = stored;
        Ok(Self::new(step_size)?.with_length(length)?.with_integrator(integrator).with_mass(mass))
    }
}

impl<M: Score + ?Sized> Kernel<M> for Mclmc {
    type Memo = MclmcMemo;
    type Info = MclmcInfo;

    /// # Panics
    /// In one dimension.
    fn init(&self, model: &M, position: Tensor<2>) -> State<MclmcMemo> {
        assert_has_directions(&position);
        let score = model.score(position.clone());
        State { memo: MclmcMemo { direction: position.zeros_like(), score }, position }
    }

    fn step(&self, model: &M, state: State<MclmcMemo>, noise: &mut Noise) -> (State<MclmcMemo>, MclmcInfo) {
        let State { position, memo: MclmcMemo { direction, score } } = state;
        let scale = self.mass.scale(&position);
        let direction = partly_refreshed(direction, self.step_size / self.length, noise);
        let [chains, _] = position.dims();
        let kinetic = Tensor::zeros([chains], (&position.device().inner(), position.dtype()));
        let motion = Motion {
            step_size: self.step_size,
            integrator: self.integrator,
            refresh_rate: 0.0,
            scale: &scale,
        };
        let begin =
            Phase { position: position.clone(), direction: direction.clone(), score: score.clone(), kinetic };
        let end = motion.run(begin, 1, noise, |x, _| model.score(x));

        // A score that is not finite makes the kinetic energy infinite or NaN.
        let diverged = end.kinetic.clone().is_finite().bool_not();
        // On the device: reading the mask would wait for it once a step.
        let rows = end.kinetic.zeros_like().mask_fill(diverged.clone(), 1.0);
        let stay = |new: Tensor<2>, old: Tensor<2>| choose_rows(rows.clone(), new, old);
        let score = stay(end.score, score);
        let memo = MclmcMemo { direction: stay(end.direction, direction.neg()), score: score.clone() };
        (
            State { position: stay(end.position, position), memo },
            MclmcInfo { kinetic_change: end.kinetic, diverged, score },
        )
    }
}

impl StepReport for MclmcInfo {
    /// Where the step was not finite.
    fn diverged(&self) -> Option<&Tensor<1, Bool>> {
        Some(&self.diverged)
    }

    fn score(&self) -> Option<&Tensor<2>> {
        Some(&self.score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chain;
    use crate::testing::{Counting, Fenced, assert_near, doubles, flags, numbers};
    use burn::tensor::Device;
    use ebm_model::Gaussian;
    use std::cell::Cell;

    #[test]
    fn the_direction_has_norm_1_after_any_number_of_steps() {
        let target = Gaussian::diagonal(vec![0.0; 3], vec![1.0, 4.0, 0.01]).unwrap();
        let (kernel, mut noise) = (Mclmc::new(0.2).unwrap(), Noise::seeded(312));
        let mut state = kernel.init(&target, Tensor::ones([20, 3], &Device::flex()));
        for _ in 0..2000 {
            state = kernel.step(&target, state, &mut noise).0;
        }
        let norms = numbers(state.memo.direction.square().sum_dim(1));
        assert_near(&norms, &[1.0; 20], 1e-6);
    }

    #[test]
    fn a_mass_is_a_change_of_units() {
        let wide = Gaussian::diagonal(vec![0.0; 2], vec![9.0, 0.01]).unwrap();
        let plain = Mclmc::new(0.5).unwrap().with_length(0.7).unwrap();
        let scaled = plain.clone().with_mass(Mass::from_variances(vec![9.0, 0.01]).unwrap());
        let (x, units) = (doubles(&[[0.3, 1.0], [-1.0, 2.0]]), doubles(&[[3.0, 0.1]]));
        let (narrow, noise) = (Gaussian::standard(2), Noise::seeded(313));
        let (expected, by) = plain.step(&narrow, plain.init(&narrow, x.clone()), &mut noise.clone());
        let start = scaled.init(&wide, x * units.clone());
        let (found, info) = scaled.step(&wide, start, &mut noise.clone());
        assert_near(&numbers(found.position), &numbers(expected.position * units), 1e-12);
        assert_near(&numbers(found.memo.direction), &numbers(expected.memo.direction), 1e-12);
        assert_near(&numbers(info.kinetic_change), &numbers(by.kinetic_change), 1e-12);
    }

    #[test]
    fn where_the_score_is_not_finite_the_chain_stays_and_turns_back() {
        for score in [f64::NAN, f64::INFINITY] {
            let model = Fenced { radius: 1.2, energy: 0.0, score };
            let (kernel, mut noise) = (Mclmc::new(0.4).unwrap(), Noise::seeded(314));
            let mut state = kernel.init(&model, Tensor::zeros([100, 2], &Device::flex()));
            let mut n_diverged = 0;
            for _ in 0..50 {
                let before = numbers(state.position.clone());
                let (next, info) = kernel.step(&model, state, &mut noise);
                let after = numbers(next.position.clone());
                for (row, diverged) in flags(info.diverged).into_iter().enumerate() {
                    let of = 2 * row..2 * row + 2;
                    assert_eq!(diverged, before[of.clone()] == after[of], "row {row}");
                    n_diverged += usize::from(diverged);
                }
                assert!(numbers(info.score).iter().all(|s| s.is_finite()));
                state = next;
            }
            let squares = numbers(state.position.square().sum_dim(1));
            assert!(squares.iter().all(|square| square.sqrt() <= 1.2 + 1e-6));
            assert!((100..2500).contains(&n_diverged), "{n_diverged}");
        }
    }

    #[test]
    fn a_chain_does_not_depend_on_its_neighbours_and_continues_where_it_was() {
        let target = Gaussian::standard(3);
        let kernel = Mclmc::new(0.3).unwrap();
        let chain = |chains: usize| {
            let start = Tensor::ones([chains, 3], &Device::flex());
            Chain::start(&target, kernel.clone(), start, Noise::seeded(315))
        };
        let two = |x: Tensor<2>| x.narrow(0, 0, 2).into_data();
        assert_eq!(two(chain(2).nth(9).unwrap().position), two(chain(50).nth(9).unwrap().position));
        let mut first = chain(2);
        first.nth(3);
        let (state, noise) = first.into_parts();
        let rest = Chain::resume(&target, kernel.clone(), state, noise).nth(5).unwrap();
        assert_eq!(two(rest.position), two(chain(2).nth(9).unwrap().position));
    }

    #[test]
    fn nothing_is_computed_twice() {
        let target = Counting(Gaussian::standard(2), Cell::new([0, 0]));
        for (integrator, scores) in [(Integrator::Leapfrog, 8), (Integrator::MinimalNorm, 15)] {
            target.1.set([0, 0]);
            let (kernel, mut noise) =
                (Mclmc::new(0.1).unwrap().with_integrator(integrator), Noise::seeded(1));
            let mut state = kernel.init(&target, doubles(&[[0.0, 1.0]]));
            for _ in 0..7 {
                state = kernel.step(&target, state, &mut noise).0;
            }
            assert_eq!(target.1.get(), [0, scores]);
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused_and_a_kernel_is_read_back_as_written() {
        for step in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = Mclmc::new(step).unwrap_err().to_string();
            assert_eq!(error, format!("step_size: expected a positive, finite number, found {step}"));
        }
        let kernel = Mclmc::new(0.5).unwrap();
        let error = kernel.clone().with_length(0.0).unwrap_err().to_string();
        assert_eq!(error, "length: expected a positive, finite number, found 0");
        let text = serde_json::to_string(&kernel).unwrap();
        assert_eq!(text, r#"{"step_size":0.5,"length":1.0,"integrator":"minimal-norm","mass":null}"#);
        assert_eq!(serde_json::from_str::<Mclmc>(&text).unwrap(), kernel);
        assert!(serde_json::from_str::<Mclmc>(&text.replace("1.0", "-1.0")).is_err());
    }

    #[test]
    #[should_panic(expected = "expected at least 2 coordinates, found 1")]
    fn on_a_line_there_are_no_directions() {
        Mclmc::new(0.1).unwrap().init(&Gaussian::standard(1), Tensor::zeros([4, 1], &Device::flex()));
    }
}
