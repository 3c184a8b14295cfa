//! Langevin dynamics in the target's own units.

use burn::tensor::Tensor;
use ebm_model::Score;
use ebm_ops::Noise;

use crate::{Kernel, Langevin, LangevinInfo, Mass, SampleError, State};

/// x + η M⁻¹ s(x) + √(2η) M^(−½) z,  z ~ N(0, I),  M diagonal.
///
/// [`Langevin`] where coordinate `i` is measured in units of √v_i, v the variances of the mass: on a Gaussian
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
    /// [`SampleError::StepSize`] unless `0 < step_size < ∞`.
    pub fn new(step_size: f64, mass: Mass) -> Result<Self, SampleError> {
        Ok(Self { step_size: Langevin::new(step_size)?.step_size(), mass })
    }

    /// η.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// M.
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
        (State { position: x + scale.apply(shift), memo: () }, LangevinInfo { score })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chain;
    use crate::level::tests::{column, mean_and_variance};
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
