//! Replicas at rising temperatures that are swapped.

use burn::tensor::{Bool, Tensor};
use ebm_model::{Potential, Tempered};
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::mcmc::evaluated::Evaluated;
use crate::mcmc::metropolis::uniform_like;
use crate::{
    AnyKernel, AnySampler, Kernel, Mala, MetropolisInfo, NamedSampler, Need, SampleError, State, StepReport,
};

/// One replica per temperature 1 = T₁ < T₂ < …, each moved by its own kernel on exp(−E/T), after which
/// neighbours are swapped with probability min(1, exp((1/T_i − 1/T_j)(E_i − E_j))): at odd steps the pairs
/// (1, 2), (3, 4), …, at even steps the pairs between.
///
/// Hot replicas cross barriers, and swaps hand their positions down; the coldest replica, which is the chain's
/// position, has the density exp(−E). Every row of the batch has its own replicas, which start where it starts.
///
/// # Reference
/// Geyer (1991), *Markov chain Monte Carlo maximum likelihood*; the order of the pairs is that of Okabe,
/// Kawata, Okamoto and Mikami (2001), *Replica-exchange Monte Carlo method for the isobaric–isothermal
/// ensemble*.
#[derive(Clone, Debug, PartialEq)]
pub struct ParallelTempering<K> {
    rungs: Vec<(f64, K)>,
}

impl<K> ParallelTempering<K> {
    /// Temperatures and their kernels; hot replicas can take longer steps.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless there are two or more, the first is 1, and each is finite and more than
    /// the one before.
    pub fn new(rungs: Vec<(f64, K)>) -> Result<Self, SampleError> {
        OutOfRange::at_least("temperatures", 2, rungs.len())?;
        let mut before = None;
        for (index, &(found, _)) in rungs.iter().enumerate() {
            let rises = before.map_or(found == 1.0, |before| before < found);
            if !(found.is_finite() && rises) {
                let expected = before.map_or("1".into(), |before: f64| format!("more than {before}"));
                return Err(OutOfRange::new(format!("temperature {index}"), found, expected).into());
            }
            before = Some(found);
        }
        Ok(Self { rungs })
    }

    /// The temperatures T₁, T₂, ….
    pub fn temperatures(&self) -> Vec<f64> {
        self.rungs.iter().map(|(temperature, _)| *temperature).collect()
    }
}

/// What parallel tempering keeps beside the positions of the coldest replicas.
#[derive(Clone, Debug)]
pub struct Replicas {
    /// Energy and score of the coldest replicas, where T = 1.
    pub cold: Evaluated,
    /// The replicas from the second temperature on, with E/T and its score.
    pub hot: Vec<State<Evaluated>>,
    n_steps: usize,
}

/// What a step of parallel tempering reports.
#[derive(Clone, Debug)]
pub struct ParallelTemperingInfo {
    /// The step at each temperature; energies are E/T.
    pub steps: Vec<MetropolisInfo>,
    /// For each pair that was tried, the index of its colder temperature and the probability of the swap,
    /// `[chains]`.
    pub swaps: Vec<(usize, Tensor<1>)>,
}

impl<M, K> Kernel<M> for ParallelTempering<K>
where
    M: Potential + ?Sized,
    K: for<'a> Kernel<Tempered<&'a M>, Memo = Evaluated, Info = MetropolisInfo>,
{
    type Memo = Replicas;
    type Info = ParallelTemperingInfo;

    fn init(&self, model: &M, position: Tensor<2>) -> State<Replicas> {
        let begin = |(temperature, kernel): &(f64, K)| {
            kernel.init(&Tempered::new(model, *temperature), position.clone())
        };
        gather(self.rungs.iter().map(begin).collect(), 0)
    }

    fn step(
        &self,
        model: &M,
        state: State<Replicas>,
        noise: &mut Noise,
    ) -> (State<Replicas>, ParallelTemperingInfo) {
        let Replicas { cold, hot, n_steps } = state.memo;
        let replicas = std::iter::once(State { position: state.position, memo: cold }).chain(hot);
        let move_one = |((temperature, kernel), replica): (&(f64, K), State<Evaluated>)| {
            kernel.step(&Tempered::new(model, *temperature), replica, noise)
        };
        let (mut replicas, steps): (Vec<_>, Vec<_>) = self.rungs.iter().zip(replicas).map(move_one).unzip();

        let temperatures = self.temperatures();
        let pairs = (n_steps % 2..replicas.len() - 1).step_by(2);
        let swaps = pairs.map(|i| {
            let pair = [temperatures[i], temperatures[i + 1]];
            let (left, right) = replicas.split_at_mut(i + 1);
            (i, swap(&mut left[i], &mut right[0], pair, noise))
        });
        let swaps = swaps.collect();
        (gather(replicas, n_steps + 1), ParallelTemperingInfo { steps, swaps })
    }
}

/// The replicas as the state of a chain whose position is that of the first.
fn gather(replicas: Vec<State<Evaluated>>, n_steps: usize) -> State<Replicas> {
    let mut replicas = replicas.into_iter();
    let State { position, memo: cold } = replicas.next().expect("there are two temperatures or more");
    State { position, memo: Replicas { cold, hot: replicas.collect(), n_steps } }
}

/// Swaps two replicas at random, row by row; returns the probability of the swap, `[chains]`.
fn swap(
    a: &mut State<Evaluated>,
    b: &mut State<Evaluated>,
    [hot_a, hot_b]: [f64; 2],
    noise: &mut Noise,
) -> Tensor<1> {
    let energy_a = a.memo.energy.clone() * hot_a;
    let energy_b = b.memo.energy.clone() * hot_b;
    let exponent = (energy_a - energy_b) * (1.0 / hot_a - 1.0 / hot_b);
    let unsound = exponent.clone().is_nan();
    let acceptance = exponent.exp().clamp_max(1.0).mask_fill(unsound, 0.0);
    let accepted = uniform_like(&acceptance, noise).lower(acceptance.clone());
    let (to_a, to_b) = (at_other(b.clone(), hot_b / hot_a), at_other(a.clone(), hot_a / hot_b));
    *a = a.clone().mask_where(accepted.clone(), to_a);
    *b = b.clone().mask_where(accepted, to_b);
    acceptance
}

/// A replica at another temperature; `ratio` is the old over the new one.
fn at_other(replica: State<Evaluated>, ratio: f64) -> State<Evaluated> {
    let Evaluated { energy, score } = replica.memo;
    State { position: replica.position, memo: Evaluated { energy: energy * ratio, score: score * ratio } }
}

/// Of the coldest replica, and the swaps.
impl StepReport for ParallelTemperingInfo {
    fn acceptance(&self) -> Option<&Tensor<1>> {
        self.steps.first()?.acceptance()
    }

    fn energy_error(&self) -> Option<&Tensor<1>> {
        self.steps.first()?.energy_error()
    }

    fn diverged(&self) -> Option<&Tensor<1, Bool>> {
        self.steps.first()?.diverged()
    }

    fn swaps(&self) -> &[(usize, Tensor<1>)] {
        &self.swaps
    }

    fn score(&self) -> Option<&Tensor<2>> {
        self.steps.first()?.score()
    }
}

/// Numbers of [`ParallelTempering`] of [`Mala`] by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParallelTemperingSettings {
    /// The step size η at temperature 1, and ηT at temperature T; 0.05 by default.
    pub step_size: f64,
    /// From 1 upwards; 1, 2, 4, 8 by default.
    pub temperatures: Vec<f64>,
}

impl Default for ParallelTemperingSettings {
    fn default() -> Self {
        Self { step_size: 0.05, temperatures: vec![1.0, 2.0, 4.0, 8.0] }
    }
}

impl NamedSampler for ParallelTemperingSettings {
    const NAME: &'static str = "parallel-tempering";
    const ABOUT: &'static str =
        "replicas of mala at rising temperatures, with longer steps the hotter they are";
    const SECTION: &'static str = "chain";
    const NEED: Need = Need::Energy;
    const STEP: Option<&'static str> = Some("step_size");

    fn build(&self) -> Result<AnySampler, SampleError> {
        let rung = |&temperature: &f64| Ok((temperature, Mala::new(self.step_size * temperature)?));
        let rungs = self.temperatures.iter().map(rung).collect::<Result<_, SampleError>>()?;
        Ok(AnyKernel::of_energy(Self::NAME, self.step_size, ParallelTempering::new(rungs)?).into())
    }

    fn with_step_size(self, step_size: f64) -> Self {
        Self { step_size, ..self }
    }

    /// One of each replica.
    fn evaluations(&self) -> usize {
        self.temperatures.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chain;
    use crate::testing::column;
    use burn::tensor::Device;
    use ebm_model::{Gaussian, GaussianMixture};

    fn ladder(temperatures: &[f64], step_size: f64) -> ParallelTempering<Mala> {
        let rung = |&temperature: &f64| (temperature, Mala::new(step_size * temperature).unwrap());
        ParallelTempering::new(temperatures.iter().map(rung).collect()).unwrap()
    }

    #[test]
    fn two_modes_far_apart_get_their_weights_which_without_replicas_they_do_not() {
        let n = 2_000;
        let mode = |mean: f64| Gaussian::isotropic(vec![mean, 0.0], 0.25).unwrap();
        let target = GaussianMixture::new(vec![0.3, 0.7], vec![mode(-3.0), mode(3.0)]).unwrap();
        let start = || Tensor::full([n, 2], -3.0, &Device::flex());
        let share =
            |position: Tensor<2>| column(position, 0).iter().filter(|x| 0.0 < **x).count() as f64 / n as f64;
        let tempering = ladder(&[1.0, 3.0, 9.0, 27.0], 0.2);
        let found =
            share(Chain::start(&target, tempering, start(), Noise::seeded(61)).nth(199).unwrap().position);
        let alone = Mala::new(0.2).unwrap();
        let stuck =
            share(Chain::start(&target, alone, start(), Noise::seeded(61)).nth(199).unwrap().position);
        let standard_error = (0.3f64 * 0.7 / n as f64).sqrt();
        assert!((found - 0.7).abs() < 5.0 * standard_error, "{found}");
        assert!(stuck < 0.01, "{stuck}");
    }

    #[test]
    fn the_energies_and_scores_of_replicas_are_those_of_the_model() {
        let target = Gaussian::new(vec![1.0, 0.0], &[vec![2.0, 0.5], vec![0.5, 1.0]]).unwrap();
        let (kernel, mut noise) = (ladder(&[1.0, 2.0, 4.0], 0.3), Noise::seeded(62));
        let start = Noise::seeded(63).normal([50, 2], &Device::flex());
        let mut state = kernel.init(&target, start);
        let mut tried = vec![];
        for _ in 0..4 {
            let (next, info) = kernel.step(&target, state, &mut noise);
            tried.extend(info.swaps.iter().map(|(i, _)| *i));
            state = next;
        }
        assert_eq!(tried, [0, 1, 0, 1]);
        let cold = State { position: state.position, memo: state.memo.cold };
        for (replica, temperature) in std::iter::once(cold).chain(state.memo.hot).zip([1.0, 2.0, 4.0]) {
            let (energy, score) = target.energy_and_score(replica.position);
            let gap = (energy / temperature - replica.memo.energy).abs().max().into_scalar::<f32>();
            let turn = (score / temperature - replica.memo.score).abs().max().into_scalar::<f32>();
            assert!(gap < 1e-5 && turn < 1e-5, "at {temperature}: {gap}, {turn}");
        }
    }

    #[test]
    fn temperatures_that_do_not_rise_from_one_are_refused_by_their_index() {
        let error = |temperatures: &[f64]| {
            ParallelTempering::new(temperatures.iter().map(|t| (*t, ())).collect()).unwrap_err().to_string()
        };
        assert_eq!(error(&[1.0, 3.0, 2.0]), "temperature 2: expected more than 3, found 2");
        assert_eq!(error(&[2.0, 3.0]), "temperature 0: expected 1, found 2");
        assert_eq!(error(&[1.0]), "temperatures: expected at least 2, found 1");
        assert_eq!(error(&[1.0, f64::INFINITY]), "temperature 1: expected more than 1, found inf");
    }
}
