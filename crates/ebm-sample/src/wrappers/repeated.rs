//! Several steps as one.

use burn::tensor::Tensor;
use ebm_ops::{Noise, OutOfRange};

use crate::{Kernel, SampleError, State};

/// `n` steps of a kernel as one step, which reports what the last of them does.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeated<K> {
    kernel: K,
    n: usize,
}

impl<K> Repeated<K> {
    /// `kernel`, `n` times.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if `n` is 0.
    pub fn new(kernel: K, n: usize) -> Result<Self, SampleError> {
        Ok(Self { kernel, n: OutOfRange::at_least("repetitions", 1, n)? })
    }
}

impl<M: ?Sized, K: Kernel<M>> Kernel<M> for Repeated<K> {
    type Memo = K::Memo;
    type Info = K::Info;

    fn init(&self, model: &M, position: Tensor<2>) -> State<K::Memo> {
        self.kernel.init(model, position)
    }

    fn step(&self, model: &M, state: State<K::Memo>, noise: &mut Noise) -> (State<K::Memo>, K::Info) {
        let first = self.kernel.step(model, state, noise);
        (1..self.n).fold(first, |(state, _), _| self.kernel.step(model, state, noise))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chain, Mala};
    use burn::tensor::Device;
    use ebm_model::Gaussian;

    #[test]
    fn a_step_of_five_repetitions_is_the_fifth_step() {
        let (target, kernel) = (Gaussian::standard(2), Mala::new(0.3).unwrap());
        let start = || Tensor::ones([4, 2], &Device::flex());
        let mut one = Chain::start(&target, kernel.clone(), start(), Noise::seeded(4));
        let five = Repeated::new(kernel, 5).unwrap();
        let mut five = Chain::start(&target, five, start(), Noise::seeded(4));
        let (expected, found) = (one.nth(9).unwrap(), five.nth(1).unwrap());
        assert_eq!(found.position.into_data(), expected.position.into_data());
        assert_eq!(found.info.energy_error.into_data(), expected.info.energy_error.into_data());
    }

    #[test]
    fn there_must_be_a_repetition() {
        assert!(Repeated::new(Mala::new(0.3).unwrap(), 0).is_err());
    }
}
