//! One step from exact draws leaves their distribution as it is.

use burn::tensor::{DType, Device, Tensor};
use ebm_model::{
    Energy, Gaussian, GaussianMixture, NoisyPotential, NoisyScore, Potential, Score, Skewed, Tempered,
};
use ebm_ops::Noise;
use ebm_sample::diagnostics::{dkw_band, largest_gap};
use ebm_sample::{
    AnnealedMala, Descent, Evaluated, Hmc, Integrator, Kernel, Mala, Mamclmc, Mass, MetropolisInfo,
    NoiseLadder, ParallelTempering,
};

use super::report::{Row, Section};

/// What a kernel does to the distribution of exact draws: largest gaps between distribution functions.
#[derive(Clone, Debug)]
pub struct Invariance {
    /// The kernel.
    pub kernel: &'static str,
    /// After a step on the target itself.
    pub exact: f64,
    /// After a step on 1.1 times its energy, which has to be seen.
    pub steeper: f64,
    /// After a step with 1.3 times its score, which the Metropolis test makes good.
    pub wrong_score: f64,
    /// The mean acceptance on the target, where there is one to tell.
    pub acceptance: Option<f64>,
}

impl Invariance {
    /// Whether it is as it should be, given the band of exact draws.
    pub fn holds(&self, band: f64) -> bool {
        let middling = self.acceptance.is_none_or(|acceptance| (0.5..0.99).contains(&acceptance));
        self.exact < band && band < self.steeper && self.wrong_score < band && middling
    }
}

/// What the gap of `n` exact draws exceeds once in a million.
pub fn band(n: usize) -> f64 {
    dkw_band(n, 1e-6)
}

/// Every kernel with a Metropolis test, from `n` exact draws.
pub fn all(n: usize, noise: &Noise) -> Vec<Invariance> {
    let wide = || Mass::from_variances(vec![1.6]).expect("a mass");
    let mala = |eta: f64| Mala::new(eta).expect("a step");
    let hmc = |epsilon: f64| Hmc::new(epsilon, 3).expect("a trajectory");
    let leapfrog = Mamclmc::new(0.7).expect("a step").with_integrator(Integrator::Leapfrog);
    let minimal = Mamclmc::new(1.2).and_then(|kernel| kernel.with_longest(3.6)).expect("a trajectory");
    let uneven = Mass::from_variances(vec![1.6, 0.8, 1.0]).expect("a mass");
    let refreshed = leapfrog.clone().with_refresh_rate(0.8).expect("a rate");
    vec![
        of_kernel("MALA, η = 0.5", &mala(0.5), 1, n, noise),
        of_kernel("MALA, η = 0.4, mass 1/1.6", &mala(0.4).with_mass(wide()), 1, n, noise),
        of_kernel("HMC, ε = 0.7, L ≤ 3", &hmc(0.7), 1, n, noise),
        of_kernel("HMC, ε = 0.7, L = 3", &hmc(0.7).with_fixed_length(), 1, n, noise),
        of_kernel("HMC, ε = 0.6, L ≤ 3, mass 1/1.6", &hmc(0.6).with_mass(wide()), 1, n, noise),
        of_kernel("MAMCLMC, leapfrog, h = 0.7, N ≤ 3", &leapfrog, 3, n, noise),
        of_kernel("MAMCLMC, minimal norm, h = 1.2, N ≤ 3", &minimal, 3, n, noise),
        of_kernel("MAMCLMC, leapfrog, h = 0.7, N ≤ 3, refresh rate 0.8", &refreshed, 3, n, noise),
        of_kernel(
            "MAMCLMC, leapfrog, h = 0.7, N ≤ 3, mass",
            &leapfrog.clone().with_mass(uneven),
            3,
            n,
            noise,
        ),
        of_annealed_mala(n, noise),
        of_parallel_tempering(n, noise),
    ]
}

/// The table.
pub fn section(n: usize, noise: &Noise) -> Section {
    let gap = |gap: f64| format!("{gap:.5}");
    let row = |found: Invariance| {
        let holds = found.holds(band(n));
        let acceptance = found.acceptance.map_or("—".into(), |acceptance| format!("{acceptance:.3}"));
        let gaps = [found.exact, found.steeper, found.wrong_score].map(gap);
        Row::new([&[found.kernel.into(), acceptance], &gaps[..]].concat(), holds)
    };
    Section {
        title: "Exact draws stay exact",
        about: format!(
            "The largest distance between the distribution function of {n} draws and that of the target, after one \
             step (of parallel tempering two, one with swaps) from exact draws. Of exact draws it exceeds {:.5} once in \
             a million. An energy 1.1 times too steep has to exceed it; a score 1.3 times too steep must not, since \
             the test makes it good. The target of MALA and HMC is eˣ − x, whose law is skewed; of MAMCLMC the same in \
             three coordinates, the worst of them; of annealed MALA a \
             mixture of two normal laws under noise; of parallel tempering N(0, T) at T = 1, 1.7 and 3, the worst of \
             the three.",
            band(n)
        ),
        header: &["kernel", "acceptance", "gap", "energy × 1.1", "score × 1.3"],
        rows: all(n, noise).into_iter().map(row).collect(),
    }
}

/// A score that is wrong by a factor, with the right energy.
pub struct Steeper<M>(M, f64);

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

/// On [`Skewed`] in `dim` coordinates, whose distribution no kernel with a reversed direction leaves as it is; the worst of the
/// coordinates.
fn of_kernel<K>(name: &'static str, kernel: &K, dim: usize, n: usize, noise: &Noise) -> Invariance
where
    K: for<'a> Kernel<Tempered<&'a Skewed>, Memo = Evaluated, Info = MetropolisInfo>
        + for<'a> Kernel<Steeper<&'a Skewed>, Memo = Evaluated, Info = MetropolisInfo>,
{
    let target = Skewed::new(dim).expect("a line or more");
    let draws = target.sample(n, &mut noise.derive("draws"), &Device::flex());
    let gap = |position: Tensor<2>| {
        let of = |i: usize| largest_gap(&line(position.clone().narrow(1, i, 1)), |x| target.cdf(x));
        (0..dim).map(of).fold(0.0, f64::max)
    };
    let (exact, acceptance) = after_one_step(kernel, &Tempered::new(&target, 1.0), &draws, noise);
    let (steeper, _) = after_one_step(kernel, &Tempered::new(&target, 1.0 / 1.1), &draws, noise);
    let (wrong_score, _) = after_one_step(kernel, &Steeper(&target, 1.3), &draws, noise);
    Invariance {
        kernel: name,
        exact: gap(exact),
        steeper: gap(steeper),
        wrong_score: gap(wrong_score),
        acceptance: Some(acceptance),
    }
}

/// The position after one step from `draws`, and the mean acceptance.
fn after_one_step<M, K>(kernel: &K, model: &M, draws: &Tensor<2>, noise: &Noise) -> (Tensor<2>, f64)
where
    K: Kernel<M, Info = MetropolisInfo>,
{
    let state = kernel.init(model, draws.clone());
    let (state, info) = kernel.step(model, state, &mut noise.derive("step"));
    let acceptance = info.acceptance.into_data().iter::<f64>().sum::<f64>() / draws.dims()[0] as f64;
    (state.position, acceptance)
}

/// A mixture under noise as an energy at every level, energy and score each times a factor.
struct Blurred {
    law: GaussianMixture,
    energy: f64,
    score: f64,
}

impl NoisyScore for Blurred {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.law.score_at(x, sigma) * self.score
    }
}

impl NoisyPotential for Blurred {
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        self.law.log_density_at(x, sigma) * -self.energy
    }
}

fn of_annealed_mala(n: usize, noise: &Noise) -> Invariance {
    let (weights, means, variances, sigma) = ([0.7, 0.3], [-1.0, 1.5], [0.3, 0.1], 0.6);
    let component = |k: usize| Gaussian::isotropic(vec![means[k]], variances[k]).expect("a law");
    let law = GaussianMixture::new(weights.to_vec(), vec![component(0), component(1)]).expect("a mixture");
    let cdf = |x: f64| {
        let part = |k: usize| weights[k] * phi((x - means[k]) / (variances[k] + sigma * sigma).sqrt());
        part(0) + part(1)
    };
    let draws = law.smoothed(sigma).sample(n, &mut noise.derive("mixture"), &Device::flex());
    let ladder = NoiseLadder::new(vec![sigma]).expect("a level");
    let sampler = AnnealedMala::new(ladder, 1, 0.8).expect("a step");
    let gap = |energy: f64, score: f64| {
        let model = Blurred { law: law.clone(), energy, score };
        let mut levels = sampler.descend(&model, draws.clone(), noise.derive("annealed"));
        largest_gap(&line(levels.next().expect("a level").position), cdf)
    };
    Invariance {
        kernel: "annealed MALA, η = 0.8 σ²",
        exact: gap(1.0, 1.0),
        steeper: gap(1.1, 1.1),
        wrong_score: gap(1.0, 1.3),
        acceptance: None,
    }
}

/// Replicas from their own distributions, N(0, T) on the line, through a step without swaps and one with them.
fn of_parallel_tempering(n: usize, noise: &Noise) -> Invariance {
    let (temperatures, target) = ([1.0, 1.7, 3.0], Gaussian::standard(1));
    let rung = |temperature: f64| (temperature, Mala::new(0.5 * temperature).expect("a step"));
    let kernel = ParallelTempering::new(temperatures.map(rung).to_vec()).expect("rungs");
    let worst = |steeper: f64, score: f64| {
        let tempered = Tempered::new(&target, 1.0 / steeper);
        let model = Steeper(&tempered, score);
        let z = |label: &str| noise.derive(label).normal([n, 1], &Device::flex());
        let mut state = kernel.init(&model, z("cold"));
        for (replica, temperature) in state.memo.hot.iter_mut().zip(&temperatures[1..]) {
            let position = z(&temperature.to_string()) * temperature.sqrt();
            let (_, own) = rung(*temperature);
            *replica = own.init(&Tempered::new(&model, *temperature), position);
        }
        let mut noise = noise.derive("tempering");
        for _ in 0..2 {
            state = kernel.step(&model, state, &mut noise).0;
        }
        let gap = |x: Tensor<2>, t: f64| largest_gap(&line(x), |x| phi(x / t.sqrt()));
        let hot = state.memo.hot.into_iter().zip(&temperatures[1..]);
        let hot = hot.map(|(replica, temperature)| gap(replica.position, *temperature));
        hot.fold(gap(state.position, 1.0), f64::max)
    };
    Invariance {
        kernel: "parallel tempering of MALA",
        exact: worst(1.0, 1.0),
        steeper: worst(1.1, 1.0),
        wrong_score: worst(1.0, 1.3),
        acceptance: None,
    }
}

/// The coordinate of points on a line.
fn line(x: Tensor<2>) -> Vec<f64> {
    x.cast(DType::F64).into_data().iter::<f64>().collect()
}

/// The distribution function of N(0, 1).
fn phi(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}
