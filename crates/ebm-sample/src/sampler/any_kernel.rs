//! A kernel of any type, chosen at run time.

use std::fmt;
use std::sync::Arc;

use burn::tensor::Tensor;
use ebm_model::{Potential, Score};
use ebm_ops::{Noise, OutOfRange};

use super::erased::{OnEnergies, OnScores, erase};
use crate::{
    AnyChain, AnyInfo, AnyMemo, Chain, Density, Kernel, MetropolisInfo, Need, SampleError, State, StepReport,
    Tunable, WarmUp, WarmUpReport,
};

/// A kernel without its type: it makes the same steps, bit for bit, as the kernel it was made of.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ebm_model::Gaussian;
/// use ebm_ops::Noise;
/// use ebm_sample::{AnySampler, Density, Sampler, StepReport};
///
/// let AnySampler::Kernel(kernel) = Sampler::named("mala").unwrap().build().unwrap() else { unreachable!() };
/// let target = Gaussian::standard(2);
/// let start = Tensor::zeros([4, 2], &Device::flex());
/// let mut chain = kernel.chain(Density::of_energy(&target), start, Noise::seeded(1)).unwrap();
/// assert!(chain.next().unwrap().info.acceptance().is_some());
/// ```
#[derive(Clone)]
pub struct AnyKernel {
    name: &'static str,
    step_size: f64,
    kernel: Erased,
    dim: Dim,
    trajectory: Option<f64>,
    warm_up: Option<Arc<WarmUpOf>>,
}

/// The kernel, by what it needs of a model.
#[derive(Clone)]
enum Erased {
    Score(OnScores),
    Energy(OnEnergies),
}

/// The number of coordinates that a kernel can move.
#[derive(Clone, Copy)]
enum Dim {
    Any,
    Of(usize),
    AtLeast(usize),
    /// None before a warm-up has found the variances.
    Unknown,
}

/// How a kernel is warmed up.
type WarmUpOf =
    dyn Fn(Density, &WarmUp, Tensor<2>, &mut Noise) -> Result<WarmedUp, SampleError> + Send + Sync;

/// The result of the warm-up of a kernel of any type.
#[derive(Clone, Debug)]
pub struct WarmedUp {
    /// The adapted kernel.
    pub kernel: AnyKernel,
    /// The state of the chains, to continue from with [`AnyKernel::resume`].
    pub state: State<AnyMemo>,
    /// What happened; `None` if there was nothing to adapt, because the variances were given, and of a kernel without a
    /// Metropolis test.
    pub report: Option<WarmUpReport>,
}

impl AnyKernel {
    /// A kernel that needs a score.
    pub fn of_score<K, C, I>(name: &'static str, step_size: f64, kernel: K) -> Self
    where
        K: for<'m> Kernel<dyn Score + 'm, Memo = C, Info = I> + Send + Sync + 'static,
        C: Clone + Send + 'static,
        I: StepReport + 'static,
    {
        Self::erased(name, step_size, Erased::Score(OnScores(Arc::new(kernel))))
    }

    /// A kernel that needs an energy.
    pub fn of_energy<K, C, I>(name: &'static str, step_size: f64, kernel: K) -> Self
    where
        K: for<'m> Kernel<dyn Potential + 'm, Memo = C, Info = I> + Send + Sync + 'static,
        C: Clone + Send + 'static,
        I: StepReport + 'static,
    {
        Self::erased(name, step_size, Erased::Energy(OnEnergies(Arc::new(kernel))))
    }

    fn erased(name: &'static str, step_size: f64, kernel: Erased) -> Self {
        Self { name, step_size, kernel, dim: Dim::Any, trajectory: None, warm_up: None }
    }

    /// A kernel that needs an energy, and whose step size and mass a [`WarmUp`] adapts.
    pub fn tunable<K, C>(name: &'static str, kernel: K) -> Self
    where
        K: Tunable + Send + Sync + 'static,
        K: for<'m> Kernel<dyn Potential + 'm, Memo = C, Info = MetropolisInfo>,
        C: Clone + Send + 'static,
    {
        let first = kernel.clone();
        let warm_up = move |model: Density, warm_up: &WarmUp, start: Tensor<2>, noise: &mut Noise| {
            let tuned = warm_up.run(model.energy_for(name)?, &first, start, noise)?;
            let (kernel, state) = (Self::tunable(name, tuned.kernel), erase(tuned.state));
            Ok(WarmedUp { kernel, state, report: Some(tuned.report) })
        };
        Self::of_energy(name, kernel.step_size(), kernel).with_warm_up(warm_up)
    }

    /// The same kernel, warmed up in this way.
    pub(crate) fn with_warm_up(
        self,
        warm_up: impl Fn(Density, &WarmUp, Tensor<2>, &mut Noise) -> Result<WarmedUp, SampleError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { warm_up: Some(Arc::new(warm_up)), ..self }
    }

    /// The same kernel, whose trajectories are this long.
    pub(crate) fn with_trajectory(self, time: f64) -> Self {
        Self { trajectory: Some(time), ..self }
    }

    /// The same kernel, for `dim` coordinates only.
    pub(crate) fn for_dim(self, dim: usize) -> Self {
        Self { dim: Dim::Of(dim), ..self }
    }

    /// The same kernel, for this many coordinates or more.
    pub(crate) fn for_at_least(self, dim: usize) -> Self {
        Self { dim: Dim::AtLeast(dim), ..self }
    }

    /// The same kernel, for no chains until a warm-up has found the variances.
    pub(crate) fn without_variances(self) -> Self {
        Self { dim: Dim::Unknown, ..self }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its step size, of the coldest replica where there are several.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// How long its trajectories are, where a warm-up adapts that: the time of the longest, or that in which a direction
    /// is forgotten.
    pub fn trajectory(&self) -> Option<f64> {
        self.trajectory
    }

    /// What it needs of a model.
    pub fn need(&self) -> Need {
        match self.kernel {
            Erased::Score(_) => Need::Score,
            Erased::Energy(_) => Need::Energy,
        }
    }

    /// Whether it moves chains in certain numbers of coordinates only.
    pub fn has_dimension(&self) -> bool {
        !matches!(self.dim, Dim::Any)
    }

    /// Whether it can move chains in `dim` coordinates.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] if it has variances for another number of coordinates, or needs a warm-up to
    /// find them, or needs more coordinates than there are.
    pub fn check(&self, dim: usize) -> Result<(), SampleError> {
        let error = |found: String, expected: String| OutOfRange::new("variances", found, expected);
        match self.dim {
            Dim::Unknown => {
                let expected = "one for each coordinate, given or found by a warm-up";
                Err(error("none".into(), expected.into()).into())
            }
            Dim::Of(n) if n != dim => Err(error(n.to_string(), format!("{dim} numbers")).into()),
            Dim::AtLeast(least) => Ok(OutOfRange::at_least("coordinates", least, dim).map(drop)?),
            _ => Ok(()),
        }
    }

    /// Chains that start at `start`, `[chains, dim]`, and draw from `noise`.
    ///
    /// # Errors
    /// [`SampleError::Unfit`] if the model is not what the kernel needs, and as [`check`](Self::check).
    pub fn chain<'a>(
        &self,
        model: Density<'a>,
        start: Tensor<2>,
        noise: Noise,
    ) -> Result<AnyChain<'a>, SampleError> {
        self.check(start.dims()[1])?;
        let state = match &self.kernel {
            Erased::Score(kernel) => kernel.init(model.score_for(self.name)?, start),
            Erased::Energy(kernel) => kernel.init(model.energy_for(self.name)?, start),
        };
        self.resume(model, state, noise)
    }

    /// Chains that continue from `state`, of a [`warm_up`](Self::warm_up) or of another chain of this kernel.
    ///
    /// # Errors
    /// As [`chain`](Self::chain).
    ///
    /// # Panics
    /// At the first step, if the state is of another kernel.
    pub fn resume<'a>(
        &self,
        model: Density<'a>,
        state: State<AnyMemo>,
        noise: Noise,
    ) -> Result<AnyChain<'a>, SampleError> {
        self.check(state.position.dims()[1])?;
        match &self.kernel {
            Erased::Score(kernel) => {
                let model = model.score_for(self.name)?;
                Ok(AnyChain::of_score(Chain::resume(model, kernel.clone(), state, noise)))
            }
            Erased::Energy(kernel) => {
                let model = model.energy_for(self.name)?;
                Ok(AnyChain::of_energy(Chain::resume(model, kernel.clone(), state, noise)))
            }
        }
    }

    /// Whether a warm-up adapts it.
    pub fn can_adapt(&self) -> bool {
        self.warm_up.is_some()
    }

    /// Adapts step size and mass in `steps` steps of chains that start at `start`, `[chains, dim]`, or finds the
    /// variances of a preconditioner.
    ///
    /// # Errors
    /// [`SampleError::Fixed`] if there is nothing to adapt, [`SampleError::Unfit`] if the model is not an energy,
    /// [`SampleError::OutOfRange`] if there are too few coordinates, and those of [`WarmUp`].
    pub fn warm_up(
        &self,
        model: Density,
        steps: usize,
        start: Tensor<2>,
        noise: &mut Noise,
    ) -> Result<WarmedUp, SampleError> {
        let warm_up = self.warm_up.as_ref().ok_or(SampleError::Fixed { sampler: self.name })?;
        if let Dim::AtLeast(_) = self.dim {
            self.check(start.dims()[1])?;
        }
        warm_up(model, &WarmUp::new(steps)?, start, noise)
    }

    /// `steps` steps that adapt nothing.
    pub(crate) fn burn_in(
        &self,
        model: Density,
        steps: usize,
        start: Tensor<2>,
        noise: &mut Noise,
    ) -> Result<WarmedUp, SampleError> {
        let mut chain = self.chain(model, start, noise.clone())?;
        chain.by_ref().take(steps).for_each(drop);
        let (state, rest) = chain.into_parts();
        *noise = rest;
        Ok(WarmedUp { kernel: self.clone(), state, report: None })
    }
}

/// On any energy, typed or not, so that contrastive divergence can use a kernel by name.
impl<M: Potential + ?Sized> Kernel<M> for AnyKernel {
    type Memo = AnyMemo;
    type Info = AnyInfo;

    /// # Panics
    /// If the kernel is not for as many coordinates; see [`AnyKernel::check`].
    fn init(&self, model: &M, position: Tensor<2>) -> State<AnyMemo> {
        if let Err(error) = self.check(position.dims()[1]) {
            panic!("{}: {error}", self.name);
        }
        match &self.kernel {
            Erased::Score(kernel) => kernel.init(&model as &dyn Score, position),
            Erased::Energy(kernel) => kernel.init(&model as &dyn Potential, position),
        }
    }

    fn step(&self, model: &M, state: State<AnyMemo>, noise: &mut Noise) -> (State<AnyMemo>, AnyInfo) {
        match &self.kernel {
            Erased::Score(kernel) => kernel.step(&model as &dyn Score, state, noise),
            Erased::Energy(kernel) => kernel.step(&model as &dyn Potential, state, noise),
        }
    }
}

impl fmt::Debug for AnyKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyKernel").field("name", &self.name).field("step_size", &self.step_size).finish()
    }
}
