//! Metropolis-adjusted microcanonical Monte Carlo by name.

use burn::tensor::Tensor;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::sampler::erase;
use crate::{
    AnyKernel, AnySampler, Density, Integrator, Mamclmc, MamclmcWarmUp, NamedSampler, Need, SampleError,
    WarmUp, WarmedUp,
};

/// Numbers of [`Mamclmc`] by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MamclmcSettings {
    /// The time h of a step of the integrator; 0.05 by default.
    pub step_size: f64,
    /// The time of the longest trajectory; 2 by default.
    pub longest: f64,
    /// The rate at which the direction is forgotten on the way; 0, not at all, by default.
    pub refresh_rate: f64,
    /// In which parts a step is made; the minimal norm by default.
    pub integrator: Integrator,
}

impl Default for MamclmcSettings {
    fn default() -> Self {
        Self { step_size: 0.05, longest: 2.0, refresh_rate: 0.0, integrator: Integrator::default() }
    }
}

impl MamclmcSettings {
    fn kernel(&self) -> Result<Mamclmc, SampleError> {
        let kernel = Mamclmc::new(self.step_size)?.with_longest(self.longest)?;
        Ok(kernel.with_refresh_rate(self.refresh_rate)?.with_integrator(self.integrator))
    }
}

impl NamedSampler for MamclmcSettings {
    const NAME: &'static str = "mamclmc";
    const ABOUT: &'static str = "Metropolis-adjusted microcanonical Monte Carlo";
    const SECTION: &'static str = "mamclmc";
    const NEED: Need = Need::Energy;
    const STEP: Option<&'static str> = Some("step_size");

    fn build(&self) -> Result<AnySampler, SampleError> {
        Ok(with_warm_up(self.kernel()?).into())
    }

    fn with_step_size(self, step_size: f64) -> Self {
        Self { step_size, ..self }
    }

    fn with_langevin_step(self, eta: f64) -> Self {
        self.with_step_size((2.0 * eta).sqrt())
    }

    fn evaluations(&self) -> usize {
        self.kernel().map_or(1, |kernel| kernel.n_steps() * self.integrator.evaluations())
    }
}

/// The kernel without its type, warmed up in as many steps as are asked for.
fn with_warm_up(kernel: Mamclmc) -> AnyKernel {
    let (name, first) = (MamclmcSettings::NAME, kernel.clone());
    let warm_up = move |model: Density, warm_up: &WarmUp, start: Tensor<2>, noise: &mut Noise| {
        let tuned = MamclmcWarmUp::from(*warm_up).run(model.energy_for(name)?, &first, start, noise)?;
        let (kernel, state) = (with_warm_up(tuned.kernel), erase(tuned.state));
        Ok(WarmedUp { kernel, state, report: Some(tuned.report) })
    };
    let (step_size, longest) = (kernel.step_size(), kernel.longest());
    let kernel = AnyKernel::of_energy(name, step_size, kernel).for_at_least(2);
    kernel.with_trajectory(longest).with_warm_up(warm_up)
}
