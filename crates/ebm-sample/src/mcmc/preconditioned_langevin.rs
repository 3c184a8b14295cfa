//! Langevin dynamics with a diagonal preconditioner.

use burn::tensor::Tensor;
use ebm_model::Score;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::{
    AnyKernel, AnySampler, Density, Kernel, LangevinInfo, Mala, Mass, NamedSampler, Need, SampleError, State,
    WarmUp, WarmedUp,
};

/// x + η M⁻¹ s(x) + √(2η) M^(−½) z,  z ~ N(0, I),  M diagonal.
///
/// [`Langevin`](crate::Langevin) where coordinate `i` is measured in units of √v_i, v the variances of the mass: on a Gaussian
/// of these variances it is stable for η < 2, however different they are.
/// Biased by O(η); [`Mala`](crate::Mala) with the same mass is not.
///
/// # Reference
/// Roberts and Stramer (2002), *Langevin diffusions and Metropolis–Hastings algorithms*, with a constant
/// diffusion matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct PreconditionedLangevin {
    step_size: f64,
    mass: Mass,
}

impl PreconditionedLangevin {
    /// Steps of size η with this mass.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < step_size < ∞`.
    pub fn new(step_size: f64, mass: Mass) -> Result<Self, SampleError> {
        Ok(Self { step_size: OutOfRange::positive("step_size", step_size)?, mass })
    }

    /// The step size η.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// The mass M.
    pub fn mass(&self) -> &Mass {
        &self.mass
    }
}

impl<M: Score + ?Sized> Kernel<M> for PreconditionedLangevin {
    type Memo = ();
    type Info = LangevinInfo;

    fn init(&self, _: &M, position: Tensor<2>) -> State<()> {
        State { position, memo: () }
    }

    fn step(&self, model: &M, state: State<()>, noise: &mut Noise) -> (State<()>, LangevinInfo) {
        let (x, eta, scale) = (state.position.clone(), self.step_size, self.mass.scale(&state.position));
        let score = model.score(x.clone());
        let z = noise.normal_like(&x);
        let shift = scale.apply(score.clone()) * eta + z * (2.0 * eta).sqrt();
        (State { position: x + scale.apply(shift), memo: () }, LangevinInfo::new(score))
    }
}

/// Numbers of [`PreconditionedLangevin`] by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PreconditionedLangevinSettings {
    /// The step size η; 0.05 by default.
    pub step_size: f64,
    /// The variance of each coordinate; empty, the default, leaves them to a warm-up.
    pub variances: Vec<f64>,
}

impl Default for PreconditionedLangevinSettings {
    fn default() -> Self {
        Self { step_size: 0.05, variances: vec![] }
    }
}

impl NamedSampler for PreconditionedLangevinSettings {
    const NAME: &'static str = "preconditioned-langevin";
    const ABOUT: &'static str =
        "langevin in units of the target's variances: preconditioned.variances, or found by a warm-up";
    const SECTION: &'static str = "preconditioned";
    const NEED: Need = Need::Score;
    const STEP: Option<&'static str> = Some("step_size");

    fn build(&self) -> Result<AnySampler, SampleError> {
        let (name, step_size) = (Self::NAME, self.step_size);
        if self.variances.is_empty() {
            let unfinished = PreconditionedLangevin::new(step_size, Mass::unit())?;
            let find = move |model: Density, warm_up: &WarmUp, start: Tensor<2>, noise: &mut Noise| {
                find_variances(step_size, model, warm_up, start, noise)
            };
            let kernel = AnyKernel::of_score(name, step_size, unfinished).without_variances();
            return Ok(kernel.with_warm_up(find).into());
        }
        let kernel = of_variances(step_size, self.variances.clone())?;
        let itself = kernel.clone();
        let burn_in = move |model: Density, warm_up: &WarmUp, start: Tensor<2>, noise: &mut Noise| {
            itself.burn_in(model, warm_up.n_steps(), start, noise)
        };
        Ok(kernel.with_warm_up(burn_in).into())
    }

    fn with_step_size(self, step_size: f64) -> Self {
        Self { step_size, ..self }
    }
}

fn of_variances(step_size: f64, variances: Vec<f64>) -> Result<AnyKernel, SampleError> {
    let (dim, mass) = (variances.len(), Mass::from_variances(variances)?);
    let kernel = PreconditionedLangevin::new(step_size, mass)?;
    Ok(AnyKernel::of_score(PreconditionedLangevinSettings::NAME, step_size, kernel).for_dim(dim))
}

/// The kernel with the variances that a warm-up of [`Mala`] finds, where the warm-up ends.
fn find_variances(
    step_size: f64,
    model: Density,
    warm_up: &WarmUp,
    start: Tensor<2>,
    noise: &mut Noise,
) -> Result<WarmedUp, SampleError> {
    let energy = model.energy_for("a warm-up")?;
    let dim = start.dims()[1];
    let tuned = warm_up.run(energy, &Mala::new(step_size)?, start, noise)?;
    // Too few steps adapt no mass: all variances stay 1.
    let variances = tuned.kernel.mass().variances().map_or(vec![1.0; dim], <[f64]>::to_vec);
    let kernel = of_variances(step_size, variances)?;
    let state = kernel.init(energy, tuned.state.position);
    Ok(WarmedUp { kernel, state, report: Some(tuned.report) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{column, mean_and_variance};
    use crate::{Chain, Langevin};
    use burn::tensor::Device;
    use ebm_model::Gaussian;

    #[test]
    fn on_a_gaussian_of_uneven_variances_the_bias_is_that_of_the_standard_one() {
        let (n, eta, variances) = (40_000, 0.5, [100.0, 0.01]);
        let target = Gaussian::new(vec![0.0; 2], &[vec![100.0, 0.0], vec![0.0, 0.01]]).unwrap();
        let mass = Mass::from_variances(variances.to_vec()).unwrap();
        let kernel = PreconditionedLangevin::new(eta, mass).unwrap();
        let start = Tensor::zeros([n, 2], &Device::flex());
        let last = Chain::start(&target, kernel, start, Noise::seeded(52)).nth(40).unwrap().position;
        for (i, variance) in variances.into_iter().enumerate() {
            let exact = variance / (1.0 - 0.5 * eta);
            let (_, found) = mean_and_variance(&column(last.clone(), i));
            assert!((found - exact).abs() < 5.0 * exact * (2.0 / n as f64).sqrt(), "{found}, {exact}");
        }
    }

    #[test]
    fn with_unit_mass_it_is_langevin() {
        let target = Gaussian::isotropic(vec![1.0; 3], 0.5).unwrap();
        let start = || Noise::seeded(1).normal([6, 3], &Device::flex());
        let kernel = PreconditionedLangevin::new(0.1, Mass::unit()).unwrap();
        let found = Chain::start(&target, kernel, start(), Noise::seeded(2)).nth(5).unwrap();
        let langevin = Langevin::new(0.1).unwrap();
        let expected = Chain::start(&target, langevin, start(), Noise::seeded(2)).nth(5).unwrap();
        let gap = (found.position - expected.position).abs().max().into_scalar::<f32>();
        assert!(gap < 1e-5, "{gap}");
        assert!(PreconditionedLangevin::new(0.0, Mass::unit()).is_err());
    }
}
