//! Hamiltonian Monte Carlo whose trajectories a warm-up of many chains makes as long as suits them, by name.

use burn::tensor::Tensor;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use super::Chees;
use crate::sampler::erase;
use crate::{AnyKernel, AnySampler, Density, Hmc, NamedSampler, Need, SampleError, WarmUp, WarmedUp};

/// Numbers of [`Hmc`] with the warm-up [`Chees`], by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheesSettings {
    /// The step size ε of the leapfrog steps before a warm-up; 0.05 by default.
    pub step_size: f64,
    /// The largest number of leapfrog steps without a warm-up, or with one of a single chain; 10 by default.
    pub leapfrog: usize,
}

impl Default for CheesSettings {
    fn default() -> Self {
        Self { step_size: 0.05, leapfrog: 10 }
    }
}

impl NamedSampler for CheesSettings {
    const NAME: &'static str = "chees";
    const ABOUT: &'static str =
        "hmc, whose trajectories a warm-up of several chains makes as long as is best";
    const SECTION: &'static str = "chain";
    const NEED: Need = Need::Energy;
    const STEP: Option<&'static str> = Some("step_size");

    fn build(&self) -> Result<AnySampler, SampleError> {
        Ok(with_chees(Hmc::new(self.step_size, self.leapfrog)?).into())
    }

    fn with_step_size(self, step_size: f64) -> Self {
        Self { step_size, ..self }
    }

    fn with_langevin_step(self, eta: f64) -> Self {
        self.with_step_size((2.0 * eta).sqrt())
    }

    fn with_leapfrog(self, leapfrog: usize) -> Self {
        Self { leapfrog, ..self }
    }

    fn evaluations(&self) -> usize {
        self.leapfrog
    }
}

/// The kernel without its type, warmed up by [`Chees`].
fn with_chees(kernel: Hmc) -> AnyKernel {
    let (name, first) = (CheesSettings::NAME, kernel.clone());
    let warm_up = move |model: Density, warm_up: &WarmUp, start: Tensor<2>, noise: &mut Noise| {
        let tuned = Chees::from(*warm_up).run(model.energy_for(name)?, &first, start, noise)?;
        let (kernel, state) = (with_chees(tuned.kernel), erase(tuned.state));
        Ok(WarmedUp { kernel, state, report: Some(tuned.report) })
    };
    let (step_size, longest) = (kernel.step_size(), kernel.longest());
    AnyKernel::of_energy(name, step_size, kernel).with_trajectory(longest).with_warm_up(warm_up)
}
