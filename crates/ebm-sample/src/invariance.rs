//! The certificate of the kernels that claim to be exact: one step from exact draws leaves their law as it is.

use burn::tensor::{DType, Device, Tensor};
use ebm_model::{Energy, Gaussian, Potential, Score, Skewed, Tempered};
use ebm_ops::Noise;

use crate::diagnostics::{dkw_band, largest_gap};
use crate::level::tests::column;
use crate::metropolis::tests::{Fenced, numbers};
use crate::{
    AtTemperature, Clamped, Evaluated, Hmc, Kernel, Mala, Mass, MetropolisInfo, ParallelTempering, Repeated,
};

/// Independent draws; a wrong law is caught from a distance of about twice the band, 0.0085.
const N: usize = 400_000;

fn band() -> f64 {
    dkw_band(N, 1e-6)
}

/// The position after one step from `draws`, and the mean acceptance.
fn after_one_step<M: ?Sized, K>(kernel: &K, model: &M, draws: &Tensor<2>) -> (Tensor<2>, f64)
where
    K: Kernel<M, Info = MetropolisInfo>,
{
    let state = kernel.init(model, draws.clone());
    let (state, info) = kernel.step(model, state, &mut Noise::seeded(92));
    (state.position, numbers(info.acceptance).iter().sum::<f64>() / draws.dims()[0] as f64)
}

/// A score that is wrong by a factor, with the right energy.
struct Steeper<M>(M, f64);

impl<M: Energy> Energy for Steeper<M> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        self.0.energy(x)
    }
}

impl<M: Score> Score for Steeper<M> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.0.score(x) * self.1
    }
}

impl<M: Potential> Potential for Steeper<M> {}

/// The kernel leaves the law of [`Skewed`] alone, also with a wrong score, and not with a wrong energy.
fn certify<K>(kernel: &K)
where
    K: for<'a> Kernel<Tempered<&'a Skewed>, Memo = Evaluated, Info = MetropolisInfo>
        + for<'a> Kernel<Steeper<&'a Skewed>, Memo = Evaluated, Info = MetropolisInfo>,
{
    let target = Skewed::new(1).unwrap();
    let draws = target.sample(N, &mut Noise::seeded(91), &Device::flex());
    let gap = |position: Tensor<2>| largest_gap(&column(position, 0), |x| target.cdf(x));

    let (position, acceptance) = after_one_step(kernel, &Tempered::new(&target, 1.0), &draws);
    let exact = gap(position);
    assert!(exact < band(), "{exact} is more than {}", band());
    assert!((0.5..0.99).contains(&acceptance), "{acceptance}");

    let (position, _) = after_one_step(kernel, &Tempered::new(&target, 1.0 / 1.1), &draws);
    let wrong_energy = gap(position);
    assert!(band() < wrong_energy, "{wrong_energy} is less than {}", band());

    let (position, _) = after_one_step(kernel, &Steeper(&target, 1.3), &draws);
    let wrong_score = gap(position);
    assert!(wrong_score < band(), "{wrong_score} is more than {}", band());
}

#[test]
fn mala_leaves_its_target_invariant() {
    certify(&Mala::new(0.5).unwrap());
    certify(&Mala::new(0.4).unwrap().with_mass(Mass::from_variances(vec![1.6]).unwrap()));
}

#[test]
fn hmc_leaves_its_target_invariant() {
    certify(&Hmc::new(0.7, 3).unwrap());
    certify(&Hmc::new(0.6, 3).unwrap().with_mass(Mass::from_variances(vec![1.6]).unwrap()));
}

#[test]
fn kernels_within_kernels_leave_the_target_invariant() {
    let target = Skewed::new(2).unwrap();
    let draws = target.sample(N, &mut Noise::seeded(93), &Device::flex());
    let gap = |position: &Tensor<2>, i: usize| largest_gap(&column(position.clone(), i), |x| target.cdf(x));

    let repeated = Repeated::new(Mala::new(0.4).unwrap(), 3).unwrap();
    let (position, _) = after_one_step(&repeated, &target, &draws);
    assert!(gap(&position, 0) < band() && gap(&position, 1) < band());

    let clamped = Clamped::new(Hmc::new(0.7, 2).unwrap(), &[true, false]).unwrap();
    let (position, _) = after_one_step(&clamped, &target, &draws);
    assert!(gap(&position, 1) < band());
    assert_eq!(column(position, 0), column(draws.clone(), 0));

    let as_is = AtTemperature::new(Mala::new(0.4).unwrap(), 1.0).unwrap();
    let (position, _) = after_one_step(&as_is, &target, &draws);
    assert!(gap(&position, 0) < band());
    let hotter = AtTemperature::new(Mala::new(0.4).unwrap(), 1.2).unwrap();
    let (position, _) = after_one_step(&hotter, &target, &draws);
    assert!(band() < gap(&position, 0));
}

#[test]
fn a_target_that_has_no_numbers_beyond_a_radius_is_the_law_within_it() {
    // on the line, N(0, 1) within |x| < 1.5
    let model = Fenced { radius: 1.5, energy: f64::NAN, score: f64::NAN };
    let phi = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
    let cdf = |x: f64| ((phi(x) - phi(-1.5)) / (phi(1.5) - phi(-1.5))).clamp(0.0, 1.0);
    let all = numbers(Noise::seeded(94).normal::<1>([N + N / 4], &Device::flex()));
    let within: Vec<f32> = all.into_iter().filter(|x| x.abs() < 1.5).take(N).map(|x| x as f32).collect();
    assert_eq!(within.len(), N);
    let draws = Tensor::<1>::from_floats(within.as_slice(), &Device::flex()).unsqueeze_dim::<2>(1);
    let (position, _) = after_one_step(&Mala::new(0.5).unwrap(), &model, &draws);
    let gap = largest_gap(&column(position, 0), cdf);
    assert!(gap < band(), "{gap} is more than {}", band());
}

#[test]
fn parallel_tempering_leaves_the_law_at_each_temperature_alone() {
    // replicas from their own laws: N(0, 1) and N(0, T) on the line
    let (temperatures, target) = ([1.0, 1.7, 3.0], Gaussian::standard(1));
    let rung = |temperature: f64| (temperature, Mala::new(0.5 * temperature).unwrap());
    let kernel = ParallelTempering::new(temperatures.map(rung).to_vec()).unwrap();
    let phi = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);

    let worst = |steeper: f64| {
        let model = Tempered::new(&target, 1.0 / steeper);
        let z = |label: &str| Noise::seeded(95).derive(label).normal([N, 1], &Device::flex());
        let mut state = kernel.init(&model, z("cold"));
        for (replica, temperature) in state.memo.hot.iter_mut().zip(&temperatures[1..]) {
            let position = z(&temperature.to_string()) * temperature.sqrt();
            let (_, own) = rung(*temperature);
            *replica = own.init(&Tempered::new(&model, *temperature), position);
        }
        let mut noise = Noise::seeded(96);
        for _ in 0..2 {
            state = kernel.step(&model, state, &mut noise).0;
        }
        let gap = |x: Tensor<2>, t: f64| largest_gap(&column(x, 0), |x| phi(x / t.sqrt()));
        let hot = state.memo.hot.into_iter().zip(&temperatures[1..]);
        let hot = hot.map(|(replica, temperature)| gap(replica.position, *temperature));
        hot.fold(gap(state.position, 1.0), f64::max)
    };
    let (exact, wrong) = (worst(1.0), worst(1.1));
    assert!(exact < band() && band() < wrong, "{exact} and {wrong} about {}", band());
}

#[test]
fn the_mean_of_exp_minus_the_energy_error_is_one() {
    let target = Skewed::new(3).unwrap();
    let draws = target.sample(N / 4, &mut Noise::seeded(97), &Device::flex()).cast(DType::F64);
    let mean = |kernel: &Hmc| {
        let state = kernel.init(&target, draws.clone());
        let (_, info) = kernel.step(&target, state, &mut Noise::seeded(98));
        let ratios: Vec<f64> = numbers(info.energy_error).iter().map(|error| (-error).exp()).collect();
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        let square = ratios.iter().map(|ratio| (ratio - mean).powi(2)).sum::<f64>() / ratios.len() as f64;
        (mean, (square / ratios.len() as f64).sqrt())
    };
    let (mean, standard_error) = mean(&Hmc::new(0.3, 4).unwrap());
    assert!((mean - 1.0).abs() < 5.0 * standard_error, "{mean}, standard error {standard_error}");
}
