//! Some coordinates held fixed.

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use ebm_model::{Energy, Potential, Score};
use ebm_ops::{Noise, OutOfRange};

use crate::{Kernel, SampleError, State};

/// A kernel that moves some coordinates and holds the others where they started: it draws from p(free | held).
///
/// Any kernel can be clamped, since it is given the free coordinates only.
/// What it reports about a step is of the free coordinates, `[chains, free]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Clamped<K> {
    kernel: K,
    dim: usize,
    free: Vec<usize>,
}

impl<K> Clamped<K> {
    /// Moves the coordinates where `held` is false by `kernel`; one entry per coordinate.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless a coordinate is free.
    pub fn new(kernel: K, held: &[bool]) -> Result<Self, SampleError> {
        let free: Vec<usize> = (0..held.len()).filter(|&i| !held[i]).collect();
        OutOfRange::at_least("free coordinates", 1, free.len())?;
        Ok(Self { kernel, dim: held.len(), free })
    }

    fn indices(&self, device: &Device) -> Tensor<1, Int> {
        let indices: Vec<i64> = self.free.iter().map(|&i| i as i64).collect();
        Tensor::from_data(TensorData::new(indices, [self.free.len()]), device)
    }
}

/// What a clamped kernel keeps for the next step.
#[derive(Clone, Debug)]
pub struct ClampedMemo<C> {
    /// The memo of the kernel within.
    pub inner: C,
    frame: Frame,
}

/// The held coordinates, and the indices of the free ones.
#[derive(Clone, Debug)]
struct Frame {
    /// The held coordinates, and 0 at the free ones, `[chains, dim]`.
    held: Tensor<2>,
    /// The indices of the free ones.
    free: Tensor<1, Int>,
}

impl Frame {
    fn fill(&self, free: Tensor<2>) -> Tensor<2> {
        self.held.clone().select_assign(1, self.free.clone(), free, IndexingUpdateOp::Add)
    }

    fn pick(&self, x: Tensor<2>) -> Tensor<2> {
        x.select(1, self.free.clone())
    }
}

/// A model of the free coordinates, given the held ones.
#[derive(Debug)]
pub struct Conditional<'a, M: ?Sized> {
    model: &'a M,
    frame: &'a Frame,
}

impl<M: Energy + ?Sized> Energy for Conditional<'_, M> {
    /// E(free, held), which is −log p(free | held) up to a term that does not depend on the free coordinates.
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.model.energy(self.frame.fill(x))
    }
}

impl<M: Score + ?Sized> Score for Conditional<'_, M> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.frame.pick(self.model.score(self.frame.fill(x)))
    }
}

impl<M: Potential + ?Sized> Potential for Conditional<'_, M> {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let (energy, score) = self.model.energy_and_score(self.frame.fill(x));
        (energy, self.frame.pick(score))
    }
}

impl<M, K, Memo, Info> Kernel<M> for Clamped<K>
where
    M: ?Sized,
    K: for<'a> Kernel<Conditional<'a, M>, Memo = Memo, Info = Info>,
{
    type Memo = ClampedMemo<Memo>;
    type Info = Info;

    /// # Panics
    /// If `position` has another number of coordinates than `held` had.
    fn init(&self, model: &M, position: Tensor<2>) -> State<Self::Memo> {
        assert_eq!(position.dims()[1], self.dim, "{} coordinates are held or free", self.dim);
        let free = self.indices(&position.device().inner());
        let moving = position.clone().select(1, free.clone());
        let held = position.clone().select_assign(1, free.clone(), -moving.clone(), IndexingUpdateOp::Add);
        let frame = Frame { held, free };
        let inner = self.kernel.init(&Conditional { model, frame: &frame }, moving).memo;
        State { position, memo: ClampedMemo { inner, frame } }
    }

    fn step(&self, model: &M, state: State<Self::Memo>, noise: &mut Noise) -> (State<Self::Memo>, Info) {
        let ClampedMemo { inner, frame } = state.memo;
        let moving = State { position: frame.pick(state.position), memo: inner };
        let (moved, info) = self.kernel.step(&Conditional { model, frame: &frame }, moving, noise);
        let position = frame.fill(moved.position);
        (State { position, memo: ClampedMemo { inner: moved.memo, frame } }, info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{column, mean_and_variance};
    use crate::{Chain, Hmc, Langevin, Mala};
    use ebm_model::Gaussian;

    /// N(0, Σ) with variances 2, 1, 3 and correlations, of which the middle coordinate is held at 1.5.
    fn correlated() -> Gaussian {
        let rows = [[2.0, 0.8, 0.3], [0.8, 1.0, -0.5], [0.3, -0.5, 3.0]];
        Gaussian::new(vec![0.0; 3], &rows.map(|row| row.to_vec())).unwrap()
    }

    #[test]
    fn on_a_gaussian_the_draws_have_the_conditional_distribution() {
        let n = 40_000;
        let kernel = Clamped::new(Hmc::new(0.9, 2).unwrap(), &[false, true, false]).unwrap();
        let start = Tensor::full([n, 3], 1.5, &Device::flex());
        let target = correlated();
        let last = Chain::start(&target, kernel, start, Noise::seeded(51)).nth(60).unwrap();
        assert!(column(last.position.clone(), 1).iter().all(|x| *x == 1.5));
        // mean Σ_fh/Σ_hh · 1.5, variance Σ_ff − Σ_fh²/Σ_hh
        for (i, mean, variance) in [(0, 0.8 * 1.5, 2.0 - 0.64), (2, -0.5 * 1.5, 3.0 - 0.25)] {
            let (found_mean, found) = mean_and_variance(&column(last.position.clone(), i));
            assert!((found_mean - mean).abs() < 5.0 * (variance / n as f64).sqrt(), "{found_mean}, {mean}");
            assert!(
                (found - variance).abs() < 5.0 * variance * (2.0 / n as f64).sqrt(),
                "{found}, {variance}"
            );
            // the marginal distribution would not pass
            let marginal = if i == 0 { 2.0 } else { 3.0 };
            assert!((found - marginal).abs() > 5.0 * marginal * (2.0 / n as f64).sqrt());
        }
    }

    #[test]
    fn with_nothing_held_it_is_the_kernel_bit_for_bit() {
        let target = correlated();
        let start = || Noise::seeded(1).normal([6, 3], &Device::flex());
        let langevin = Langevin::new(0.1).unwrap();
        let expected = Chain::start(&target, langevin, start(), Noise::seeded(2)).nth(5).unwrap();
        let free = Clamped::new(langevin, &[false; 3]).unwrap();
        let found = Chain::start(&target, free, start(), Noise::seeded(2)).nth(5).unwrap();
        assert_eq!(found.position.into_data(), expected.position.into_data());
    }

    #[test]
    fn a_borrowed_model_can_be_clamped() {
        let target = correlated();
        let (kernel, borrowed) = (Clamped::new(Mala::new(0.1).unwrap(), &[true, false, false]), &target);
        let start = Tensor::zeros([2, 3], &Device::flex());
        assert!(Chain::start(&borrowed, kernel.unwrap(), start, Noise::seeded(2)).next().is_some());
    }

    #[test]
    fn one_coordinate_must_be_free() {
        let error = Clamped::new((), &[true, true]).unwrap_err().to_string();
        assert_eq!(error, "free coordinates: expected at least 1, found 0");
    }
}
