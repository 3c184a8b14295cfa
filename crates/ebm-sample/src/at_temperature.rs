//! A kernel on a flatter or steeper target.

use burn::tensor::Tensor;
use ebm_model::Tempered;
use ebm_ops::Noise;

use crate::{Kernel, SampleError, State};

/// A kernel whose target is exp(−E/T) instead of exp(−E).
///
/// All energies and scores that it tells are those of E/T.
#[derive(Clone, Debug, PartialEq)]
pub struct AtTemperature<K> {
    kernel: K,
    temperature: Temperature,
}

impl<K> AtTemperature<K> {
    /// `kernel` at `temperature`.
    ///
    /// # Errors
    /// [`SampleError::Temperature`] unless `0 < temperature < ∞`.
    pub fn new(kernel: K, temperature: f64) -> Result<Self, SampleError> {
        Ok(Self { kernel, temperature: Temperature::new(temperature)? })
    }

    /// T.
    pub fn temperature(&self) -> f64 {
        self.temperature.value()
    }
}

impl<M, K, Memo, Info> Kernel<M> for AtTemperature<K>
where
    M: ?Sized,
    K: for<'a> Kernel<Tempered<&'a M>, Memo = Memo, Info = Info>,
{
    type Memo = Memo;
    type Info = Info;

    fn init(&self, model: &M, position: Tensor<2>) -> State<Memo> {
        self.kernel.init(&self.temperature.of(model), position)
    }

    fn step(&self, model: &M, state: State<Memo>, noise: &mut Noise) -> (State<Memo>, Info) {
        self.kernel.step(&self.temperature.of(model), state, noise)
    }
}

/// A temperature, positive and finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Temperature(f64);

impl Temperature {
    pub(crate) fn new(temperature: f64) -> Result<Self, SampleError> {
        if temperature.is_finite() && 0.0 < temperature {
            return Ok(Self(temperature));
        }
        Err(SampleError::Temperature(temperature))
    }

    pub(crate) fn value(self) -> f64 {
        self.0
    }

    pub(crate) fn of<M: ?Sized>(self, model: &M) -> Tempered<&M> {
        Tempered::new(model, self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chain, Mala};
    use burn::tensor::Device;
    use ebm_model::Gaussian;

    #[test]
    fn a_gaussian_at_temperature_t_is_one_of_t_times_the_variance() {
        let law = |variance: f64| Gaussian::isotropic(vec![1.0], variance).unwrap();
        let (hot, cold) = (law(2.0), law(0.5));
        let kernel = Mala::new(0.3).unwrap();
        let start = || Tensor::ones([50, 1], &Device::flex());
        let tempered = AtTemperature::new(kernel.clone(), 4.0).unwrap();
        let mut found = Chain::start(&cold, tempered, start(), Noise::seeded(4));
        let mut expected = Chain::start(&hot, kernel, start(), Noise::seeded(4));
        let (found, expected) = (found.nth(9).unwrap(), expected.nth(9).unwrap());
        let gap = (found.position - expected.position).abs().max().into_scalar::<f32>();
        assert!(gap < 1e-5, "{gap}");
    }

    #[test]
    fn a_temperature_that_is_none_is_refused() {
        for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(AtTemperature::new((), temperature).is_err());
        }
    }
}
