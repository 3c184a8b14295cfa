//! Steps that adapt Metropolis-adjusted microcanonical Monte Carlo.

use burn::tensor::Tensor;
use ebm_model::Potential;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use super::numbers::{mean, numbers};
use super::warm_up::over_warm_up;
use super::widest_direction::WidestDirection;
use crate::{Evaluated, Kernel, Mamclmc, SampleError, Tuned, WarmUp};

/// The longest trajectory, in deviations of the widest direction.
const LENGTH: f64 = 2.0;

/// Steps in which the trajectories of [`Mamclmc`] get their length, beside the step size and mass of a [`WarmUp`].
///
/// In the units of the mass every coordinate has the variance 1, and along the first principal component, which Oja's rule
/// finds from the draws of each window but the first, it is λ, between 1 and d: the longest trajectory has the time
/// 2√λ. So it is 2 where the coordinates are independent (2√d in the papers, √d on average), and longer where they are
/// correlated.
///
/// # Reference
/// Robnik, Cohn-Gordon and Seljak (2025), *Metropolis adjusted microcanonical Hamiltonian Monte Carlo*, for the step size and
/// the length without correlations; Sountsov and Hoffman (2022), *Focusing on difficult directions for learning HMC
/// trajectory lengths*, for the principal component.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MamclmcWarmUp(WarmUp);

over_warm_up! { MamclmcWarmUp {
    /// `n_steps` steps, to an acceptance of 0.9; fewer than 20 adapt no mass, fewer than 200 no length.
    new,
    /// The same steps to this acceptance.
    with_acceptance
}}

impl MamclmcWarmUp {
    /// Warms up chains that start at `position`, `[chains, dim]`; `kernel` has the first step size, mass and length.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if the positions are not finite, which happens only if they start so.
    ///
    /// # Panics
    /// In one dimension.
    pub fn run<M: Potential + ?Sized>(
        &self,
        model: &M,
        kernel: &Mamclmc,
        position: Tensor<2>,
        noise: &mut Noise,
    ) -> Result<Tuned<Mamclmc, Evaluated>, SampleError> {
        let [n_chains, dim] = position.dims();
        let mut adapting = self.0.adapting(kernel, dim)?;
        let (mut longest, mut widest) = (kernel.longest(), None::<WidestDirection>);
        let mut state = kernel.init(model, position);
        for _ in 0..self.0.n_steps() {
            let trial = adapting.trial()?.with_longest(longest)?;
            let (next, info) = trial.step(model, state, noise);
            state = next;
            let positions = adapting.is_in_window().then(|| numbers(state.position.clone()));
            if let (Some(positions), Some(widest)) = (&positions, &mut widest) {
                widest.add(positions);
            }
            let rows = positions.iter().flat_map(|positions| positions.chunks_exact(dim));
            let n_diverged = info.diverged.into_data().iter::<bool>().filter(|diverged| *diverged).count();
            adapting.observe(mean(&numbers(info.acceptance)), n_diverged, rows)?;
            if adapting.mass() != trial.mass() {
                if let Some(variance) = widest.as_ref().and_then(WidestDirection::variance) {
                    longest = LENGTH * variance.clamp(1.0, dim as f64).sqrt();
                }
                widest = Some(WidestDirection::new(adapting.center(), adapting.mass()));
            }
        }
        let (kernel, report) = adapting.finish(n_chains)?;
        Ok(Tuned { kernel: kernel.with_longest(longest)?, state, report })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chain;
    use crate::testing::{mean_and_variance, warmed_up_where_finite};
    use burn::tensor::Device;
    use ebm_model::Gaussian;

    fn warm(target: &Gaussian, n_chains: usize, n_steps: usize) -> Tuned<Mamclmc, Evaluated> {
        let start = Noise::seeded(381).normal([n_chains, target.dim()], &Device::flex());
        let (kernel, warm_up) = (Mamclmc::new(0.05).unwrap(), MamclmcWarmUp::new(n_steps).unwrap());
        warm_up.run(target, &kernel, start, &mut Noise::seeded(382)).unwrap()
    }

    #[test]
    fn it_finds_steps_variances_and_lengths_in_any_dimension_and_condition() {
        for (dim, condition) in [(2, 1.0), (2, 1e3), (10, 1e3), (100, 1.0), (100, 1e3)] {
            let variances: Vec<f64> =
                (0..dim).map(|i| f64::powf(condition, i as f64 / (dim - 1) as f64)).collect();
            let target = Gaussian::diagonal(vec![0.0; dim], variances.clone()).unwrap();
            let tuned = warm(&target, 8, 800);
            let found = tuned.report.mass.variances().unwrap();
            let worst = found.iter().zip(&variances).map(|(f, v)| (f / v).ln().abs()).fold(0.0, f64::max);
            assert!(worst < 0.7, "{dim}, {condition}: {worst}");
            let (acceptance, longest) = (tuned.report.acceptance, tuned.kernel.longest());
            assert!((0.8..0.97).contains(&acceptance), "{dim}, {condition}: {acceptance}");
            // of few chains the widest of many equal directions seems wider than it is
            assert!((2.0..5.0).contains(&longest), "{dim}, {condition}: {longest}");
            assert!((0.5..3.0).contains(&tuned.kernel.step_size()), "{dim}, {condition}");
        }
    }

    #[test]
    fn a_direction_that_no_diagonal_mass_sees_makes_the_trajectories_longer() {
        // correlations of 0.9 to the distance: the widest direction of 50 has a variance of 15.9
        let row = |i: usize| (0..50).map(|j| 0.9f64.powi(i.abs_diff(j) as i32)).collect();
        let target = Gaussian::new(vec![0.0; 50], &(0..50).map(row).collect::<Vec<Vec<f64>>>()).unwrap();
        let tuned = warm(&target, 16, 800);
        let exact = 2.0 * 15.93f64.sqrt();
        assert!((tuned.kernel.longest() / exact).ln().abs() < 0.35, "{}", tuned.kernel.longest());
        let chain = Chain::resume(&target, tuned.kernel, tuned.state, Noise::seeded(383));
        let last: Vec<f64> =
            chain.skip(9).step_by(10).take(60).flat_map(|draw| numbers(draw.position)).collect();
        let means: Vec<f64> = last.chunks_exact(50).map(|x| x.iter().sum::<f64>() / 50f64.sqrt()).collect();
        let (_, found) = mean_and_variance(&means);
        let lag = |k: i32| 2.0 * (1.0 - f64::from(k) / 50.0) * 0.9f64.powi(k);
        let exact = 1.0 + (1..50).map(lag).sum::<f64>();
        // were a third of the draws independent
        let error = 5.0 * (6.0 / means.len() as f64).sqrt();
        assert!((found / exact - 1.0).abs() < error, "{found} against {exact}");
    }

    #[test]
    fn few_steps_adapt_what_they_can_and_a_warm_up_is_a_function_of_the_seed() {
        let target = Gaussian::standard(3);
        for n_steps in [1, 19, 20, 100] {
            let tuned = warm(&target, 1, n_steps);
            assert_eq!((tuned.report.n_steps, tuned.kernel.longest()), (n_steps, 2.0));
        }
        let (once, again) = (warm(&target, 3, 250), warm(&target, 3, 250));
        assert_eq!((&once.kernel, &once.report), (&again.kernel, &again.report));
        assert_eq!(once.state.position.into_data(), again.state.position.into_data());
    }

    #[test]
    fn chains_warm_up_where_the_model_is_finite_and_starts_that_are_not_are_an_error() {
        let warm_up = MamclmcWarmUp::new(60).unwrap();
        let tuned = warmed_up_where_finite(|model, start| {
            warm_up.run(model, &Mamclmc::new(0.3).unwrap(), start, &mut Noise::seeded(384))
        });
        assert!(0 < tuned.report.n_diverged && tuned.report.step_size.is_finite());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(MamclmcWarmUp::new(0).is_err());
        assert!(MamclmcWarmUp::new(5).unwrap().with_acceptance(1.0).is_err());
        let warm_up = MamclmcWarmUp::new(10).unwrap().with_acceptance(0.7).unwrap();
        let text = serde_json::to_string(&warm_up).unwrap();
        assert_eq!(serde_json::from_str::<MamclmcWarmUp>(&text).unwrap(), warm_up);
    }
}
