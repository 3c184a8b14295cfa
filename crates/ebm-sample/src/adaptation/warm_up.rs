//! Steps that adapt a kernel before the draws that count.

use burn::tensor::Tensor;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use super::adapting::Adapting;
use super::dual_averaging::target_acceptance;
use super::numbers::{mean, numbers};
use crate::{Kernel, MetropolisInfo, SampleError, State, Tunable, WarmUpReport};

/// Steps in which step size and mass are adapted to the target, in Stan's windows; both stay fixed afterwards.
///
/// All chains of the batch share one step size, set by their mean acceptance, and one diagonal mass, set by the
/// variances of all their draws in a window; a coordinate that has not moved in it keeps the mass it had.
/// Each step reads the acceptance back from the device, and in a window the positions too, so that a warm-up
/// waits for the device where the chain after it does not.
///
/// # Reference
/// Hoffman and Gelman (2014), *The No-U-Turn sampler*, §3.2; the Stan reference manual, *Automatic parameter tuning*.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Settings")]
pub struct WarmUp {
    n_steps: usize,
    acceptance: Option<f64>,
}

/// What a type over a [`WarmUp`], which adapts more than that, takes from it: its constructors and its number of steps.
macro_rules! over_warm_up {
    ($name:ident { $(#[$new:meta])* new, $(#[$acceptance:meta])* with_acceptance }) => {
        /// As many steps, to the same acceptance.
        impl From<WarmUp> for $name {
            fn from(warm_up: WarmUp) -> Self {
                Self(warm_up)
            }
        }

        impl $name {
            $(#[$new])*
            ///
            /// # Errors
            /// [`SampleError::OutOfRange`] if there are no steps.
            pub fn new(n_steps: usize) -> Result<Self, SampleError> {
                Ok(Self(WarmUp::new(n_steps)?))
            }

            $(#[$acceptance])*
            ///
            /// # Errors
            /// [`SampleError::OutOfRange`] unless it is between 0 and 1.
            pub fn with_acceptance(self, acceptance: f64) -> Result<Self, SampleError> {
                Ok(Self(self.0.with_acceptance(acceptance)?))
            }

            /// The number of steps.
            pub fn n_steps(&self) -> usize {
                self.0.n_steps()
            }
        }
    };
}

pub(super) use over_warm_up;

/// The result of a warm-up.
#[derive(Clone, Debug)]
pub struct Tuned<K, C> {
    /// The kernel with the adapted step size and mass.
    pub kernel: K,
    /// The state of the chains, to continue from.
    pub state: State<C>,
    /// What happened.
    pub report: WarmUpReport,
}

impl WarmUp {
    /// `n_steps` steps, to the acceptance at which the kernel is most efficient; fewer than 20 adapt no mass.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if there are no steps.
    pub fn new(n_steps: usize) -> Result<Self, SampleError> {
        Ok(Self { n_steps: OutOfRange::at_least("warm_up_steps", 1, n_steps)?, acceptance: None })
    }

    /// The same steps to this acceptance.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless it is between 0 and 1.
    pub fn with_acceptance(self, acceptance: f64) -> Result<Self, SampleError> {
        Ok(Self { acceptance: Some(target_acceptance(acceptance)?), ..self })
    }

    /// The number of steps.
    pub fn n_steps(&self) -> usize {
        self.n_steps
    }

    /// The acceptance that is aimed at, unless that is the kernel's own.
    pub(crate) fn acceptance(&self) -> Option<f64> {
        self.acceptance
    }

    /// Warms up chains that start at `position`, `[chains, dim]`; `kernel` has the first step size and mass.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if the positions are not finite, which happens only if they start so.
    pub fn run<M, K>(
        &self,
        model: &M,
        kernel: &K,
        position: Tensor<2>,
        noise: &mut Noise,
    ) -> Result<Tuned<K, K::Memo>, SampleError>
    where
        M: ?Sized,
        K: Tunable + Kernel<M, Info = MetropolisInfo>,
    {
        let [n_chains, dim] = position.dims();
        let mut adapting = self.adapting(kernel, dim)?;
        let mut state = kernel.init(model, position);
        for _ in 0..self.n_steps {
            let (next, info) = adapting.trial()?.step(model, state, noise);
            state = next;
            let positions = adapting.is_in_window().then(|| numbers(state.position.clone()));
            let rows = positions.iter().flat_map(|positions| positions.chunks_exact(dim));
            let n_diverged = numbers(info.diverged.float()).iter().filter(|flag| **flag == 1.0).count();
            adapting.observe(mean(&numbers(info.acceptance)), n_diverged, rows)?;
        }
        let (kernel, report) = adapting.finish(n_chains)?;
        Ok(Tuned { kernel, state, report })
    }

    pub(crate) fn adapting<K: Tunable>(&self, kernel: &K, dim: usize) -> Result<Adapting<K>, SampleError> {
        Adapting::new(kernel, self.n_steps, self.acceptance.unwrap_or(K::ACCEPTANCE), dim)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    n_steps: usize,
    acceptance: Option<f64>,
}

impl TryFrom<Settings> for WarmUp {
    type Error = SampleError;

    fn try_from(Settings { n_steps, acceptance }: Settings) -> Result<Self, SampleError> {
        let plain = Self::new(n_steps)?;
        acceptance.map_or(Ok(plain), |acceptance| plain.with_acceptance(acceptance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::r_hat;
    use crate::testing::warmed_up_where_finite;
    use crate::{Chain, Evaluated, Hmc, Mala};
    use burn::tensor::Device;
    use ebm_model::Gaussian;

    const N_CHAINS: usize = 100;

    fn uneven() -> Gaussian {
        Gaussian::new(vec![1.0, -1.0], &[vec![100.0, 0.0], vec![0.0, 0.01]]).unwrap()
    }

    fn warm<K>(kernel: &K) -> Tuned<K, Evaluated>
    where
        K: Tunable + Kernel<Gaussian, Memo = Evaluated, Info = MetropolisInfo>,
    {
        let start = Noise::seeded(111).normal([N_CHAINS, 2], &Device::flex());
        WarmUp::new(400).unwrap().run(&uneven(), kernel, start, &mut Noise::seeded(112)).unwrap()
    }

    /// The mean acceptance of 40 steps of the tuned kernel, its step size times `factor`.
    fn acceptance<K>(tuned: &Tuned<K, Evaluated>, factor: f64) -> f64
    where
        K: Tunable + Kernel<Gaussian, Memo = Evaluated, Info = MetropolisInfo>,
    {
        let kernel = tuned.kernel.tuned(factor * tuned.kernel.step_size(), tuned.kernel.mass().clone());
        let (kernel, target, mut noise) = (kernel.unwrap(), uneven(), Noise::seeded(113));
        let (mut state, mut total) = (tuned.state.clone(), 0.0);
        for _ in 0..40 {
            let (next, info) = kernel.step(&target, state, &mut noise);
            (state, total) = (next, total + mean(&numbers(info.acceptance)));
        }
        total / 40.0
    }

    fn assert_tuned<K>(tuned: &Tuned<K, Evaluated>)
    where
        K: Tunable + Kernel<Gaussian, Memo = Evaluated, Info = MetropolisInfo>,
    {
        // the last window has 200 draws of 100 chains; were only one in ten of use, the variance of 2,000
        // draws would have an error of √(2/2000), 3.2 %
        let variances = tuned.report.mass.variances().unwrap();
        for (found, exact) in variances.iter().zip([100.0, 0.01]) {
            assert!((found / exact - 1.0).abs() < 5.0 * (2f64 / 2000.0).sqrt(), "{found} against {exact}");
        }
        // the step that has the target acceptance is within a quarter of the one found
        let (short, long) = (acceptance(tuned, 0.8), acceptance(tuned, 1.25));
        assert!(long < K::ACCEPTANCE && K::ACCEPTANCE < short, "{long}, {short}");
        assert_eq!(tuned.report.step_size, tuned.kernel.step_size());
        assert_eq!(&tuned.report.mass, tuned.kernel.mass());
    }

    #[test]
    fn a_target_of_uneven_variances_gets_its_mass_and_the_target_acceptance() {
        // one leapfrog step: of more the acceptance on a Gaussian rises again where they come full circle
        assert_tuned(&warm(&Hmc::new(0.01, 1).unwrap()));
        assert_tuned(&warm(&Mala::new(1e-3).unwrap()));
    }

    #[test]
    fn in_single_precision_coordinates_of_any_scales_mix_after_a_warm_up() {
        for variance in [1e-10, 1e-8, 1e10] {
            let target = Gaussian::diagonal(vec![0.0; 2], vec![1.0, variance]).unwrap();
            let (start, mut noise) = (Noise::seeded(115).normal([4, 2], &Device::flex()), Noise::seeded(116));
            let warm_up = WarmUp::new(1000).unwrap();
            let tuned = warm_up.run(&target, &Hmc::new(0.1, 10).unwrap(), start, &mut noise).unwrap();
            let chain = Chain::resume(&target, tuned.kernel, tuned.state, noise);
            let draws: Vec<Vec<f64>> = chain.take(1000).map(|draw| numbers(draw.position)).collect();
            for i in 0..2 {
                let chain = |c: usize| draws.iter().map(|draw| draw[2 * c + i]).collect::<Vec<f64>>();
                let found = r_hat(&(0..4).map(chain).collect::<Vec<_>>());
                assert!(found < 1.01, "{variance:e}: {found}");
            }
        }
    }

    #[test]
    fn a_warm_up_is_a_function_of_the_seed_and_is_read_back_as_written() {
        let (once, again) = (warm(&Hmc::new(0.01, 5).unwrap()), warm(&Hmc::new(0.01, 5).unwrap()));
        assert_eq!((&once.kernel, &once.report), (&again.kernel, &again.report));
        assert_eq!(once.state.position.into_data(), again.state.position.into_data());
        let text = serde_json::to_string(&once.report).unwrap();
        let read: WarmUpReport = serde_json::from_str(&text).unwrap();
        assert!((read.step_size / once.report.step_size - 1.0).abs() < 1e-15);
        assert_eq!((read.n_steps, read.n_chains), (400, N_CHAINS));
        let warm_up = WarmUp::new(400).unwrap().with_acceptance(0.9).unwrap();
        let text = serde_json::to_string(&warm_up).unwrap();
        assert_eq!(serde_json::from_str::<WarmUp>(&text).unwrap(), warm_up);
        assert!(serde_json::from_str::<WarmUp>(r#"{"n_steps":0,"acceptance":null}"#).is_err());
    }

    #[test]
    fn chains_warm_up_where_the_model_is_finite_and_starts_that_are_not_are_an_error() {
        let warm_up = WarmUp::new(60).unwrap();
        let tuned = warmed_up_where_finite(|model, start| {
            warm_up.run(model, &Mala::new(0.5).unwrap(), start, &mut Noise::seeded(114))
        });
        assert!(0 < tuned.report.n_diverged && tuned.report.step_size.is_finite());
    }

    #[test]
    fn there_must_be_a_step_and_an_acceptance_between_0_and_1() {
        assert!(WarmUp::new(0).is_err());
        assert!(WarmUp::new(10).unwrap().with_acceptance(1.0).is_err());
    }
}
