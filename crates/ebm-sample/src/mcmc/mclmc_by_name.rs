//! Microcanonical Langevin Monte Carlo by name.

use burn::tensor::Tensor;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::sampler::erase;
use crate::{
    AnyKernel, AnySampler, Density, Integrator, Mclmc, MclmcWarmUp, NamedSampler, Need, SampleError, WarmUp,
    WarmedUp,
};

/// Numbers of [`Mclmc`] by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MclmcSettings {
    /// The time h of a step; 0.05 by default.
    pub step_size: f64,
    /// The time ℓ in which the direction is forgotten; 1 by default.
    pub length: f64,
    /// In which parts a step is made; the minimal norm by default.
    pub integrator: Integrator,
    /// The variance of the energy error per dimension that a warm-up comes to; 5 · 10⁻⁴ by default.
    pub energy_variance: f64,
}

impl Default for MclmcSettings {
    fn default() -> Self {
        Self { step_size: 0.05, length: 1.0, integrator: Integrator::default(), energy_variance: 5e-4 }
    }
}

impl NamedSampler for MclmcSettings {
    const NAME: &'static str = "mclmc";
    const ABOUT: &'static str = "microcanonical Langevin dynamics; biased by O(step size²)";
    const SECTION: &'static str = "mclmc";
    const NEED: Need = Need::Score;
    const STEP: Option<&'static str> = Some("step_size");

    fn build(&self) -> Result<AnySampler, SampleError> {
        let kernel = Mclmc::new(self.step_size)?.with_length(self.length)?.with_integrator(self.integrator);
        Ok(with_warm_up(kernel, MclmcWarmUp::new(1)?.with_energy_variance(self.energy_variance)?).into())
    }

    fn with_step_size(self, step_size: f64) -> Self {
        Self { step_size, ..self }
    }

    fn with_langevin_step(self, eta: f64) -> Self {
        self.with_step_size((2.0 * eta).sqrt())
    }

    fn evaluations(&self) -> usize {
        self.integrator.evaluations()
    }
}

/// The kernel without its type, warmed up as `how` says, in as many steps as are asked for.
fn with_warm_up(kernel: Mclmc, how: MclmcWarmUp) -> AnyKernel {
    let (name, first) = (MclmcSettings::NAME, kernel.clone());
    let warm_up = move |model: Density, warm_up: &WarmUp, start: Tensor<2>, noise: &mut Noise| {
        let energy = model.energy_for("a warm-up")?;
        let tuned = how.with_n_steps(warm_up.n_steps())?.run(energy, &first, start, noise)?;
        Ok(WarmedUp { kernel: with_warm_up(tuned.kernel, how), state: erase(tuned.state), report: None })
    };
    let (step_size, length) = (kernel.step_size(), kernel.length());
    let kernel = AnyKernel::of_score(name, step_size, kernel).for_at_least(2);
    kernel.with_trajectory(length).with_warm_up(warm_up)
}
