//! Samples of classes: each row of its own, and with guidance of the density that is known.

use burn::tensor::{Device, Tensor};
use ebm_model::{AtNoise, Gaussian, GaussianMixture, Given, Guided, NoisyPotential};
use ebm_ops::Noise;
use ebm_sample::{Annealed, Chain, Descent, Mala, ProbabilityFlow};

const VARIANCE: f64 = 0.5;
const SIGMA: f64 = 0.5;

/// Two classes with means −1 and 1.
fn two() -> GaussianMixture {
    let parts = [-1.0, 1.0].map(|mean| Gaussian::isotropic(vec![mean], VARIANCE).unwrap());
    GaussianMixture::new(vec![1.0, 1.0], parts.to_vec()).unwrap()
}

/// The positions of `n` chains on `model` at the level σ after many steps, from a wide start.
fn drawn<M: NoisyPotential>(model: &M, n: usize, seed: u64) -> Vec<f64> {
    let noise = Noise::seeded(seed);
    let start = noise.derive("start").normal([n, 1], &Device::flex()) * 1.5;
    let at = AtNoise::new(model, SIGMA);
    let mut chain = Chain::start(&at, Mala::new(0.6).unwrap(), start, noise.derive("chain"));
    let draw = chain.nth(80).expect("a chain does not end");
    draw.position.into_data().iter::<f64>().collect()
}

/// The largest distance between the distribution of `draws` and the density ∝ exp(`log_density`).
fn gap(mut draws: Vec<f64>, log_density: impl Fn(f64) -> f64) -> f64 {
    let (low, cells, step) = (-8.0, 32_000, 5e-4);
    let weights: Vec<f64> = (0..cells).map(|i| log_density(low + (i as f64 + 0.5) * step).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mut below = 0.0;
    let cdf: Vec<f64> = std::iter::once(0.0)
        .chain(weights.iter().map(|weight| {
            below += weight / total;
            below
        }))
        .collect();
    draws.sort_by(f64::total_cmp);
    let n = draws.len() as f64;
    let distance = |(i, x): (usize, &f64)| {
        let at = (((x - low) / step).max(0.0) as usize).min(cells);
        (cdf[at] - i as f64 / n).abs().max((cdf[at] - (i + 1) as f64 / n).abs())
    };
    draws.iter().enumerate().map(distance).fold(0.0, f64::max)
}

fn log_normal(x: f64, mean: f64) -> f64 {
    -(x - mean).powi(2) / (2.0 * (VARIANCE + SIGMA * SIGMA))
}

/// log p_c^(1 + w)/p^w of the second class.
fn guided(x: f64, weight: f64) -> f64 {
    let (of_class, other) = (log_normal(x, 1.0), log_normal(x, -1.0));
    let whole = of_class.max(other) + (-(of_class - other).abs()).exp().ln_1p();
    (1.0 + weight) * of_class - weight * whole
}

/// The band of Massart (1990) that exact draws leave once in a million.
fn band(n: usize) -> f64 {
    (2e6f64.ln() / (2.0 * n as f64)).sqrt()
}

#[test]
fn a_guided_sampler_draws_the_guided_density_and_not_that_of_another_weight() {
    const N: usize = 40_000;
    let mixture = two();
    for (seed, weight) in [(1, 0.0), (2, 1.0), (3, 4.0)] {
        let model = Guided::new(Given::class(&mixture, 1).unwrap(), weight).unwrap();
        let draws = drawn(&model, N, seed);
        let found = gap(draws.clone(), |x| guided(x, weight));
        assert!(found < band(N), "weight {weight}: {found}, at most {}", band(N));
        // the test sees a weight that is wrong by a third and a half
        let wrong = gap(draws, |x| guided(x, weight * 1.33 + 0.5));
        assert!(band(N) < wrong, "weight {weight}: {wrong} for a wrong one");
    }
}

#[test]
fn rows_of_one_batch_are_each_of_the_class_that_was_given() {
    const N: usize = 30_000;
    let mixture = two();
    // first class, second class, no class, in turn
    let model = Given::rows(&mixture, (0..N).map(|row| row % 3).collect()).unwrap();
    let draws = drawn(&model, N, 4);
    let of = |k: usize| draws.iter().skip(k).step_by(3).copied().collect::<Vec<_>>();
    let whole = |x: f64| {
        let (a, b) = (log_normal(x, -1.0), log_normal(x, 1.0));
        a.max(b) + (-(a - b).abs()).exp().ln_1p()
    };
    let band = band(N / 3);
    for (k, mean) in [(0, -1.0), (1, 1.0)] {
        assert!(gap(of(k), |x| log_normal(x, mean)) < band, "class {k}");
        assert!(band < gap(of(k), whole), "class {k} is not told from the whole");
    }
    assert!(gap(of(2), whole) < band, "no class");
}

#[test]
fn a_descent_of_several_classes_in_one_batch_is_that_of_each_by_itself() {
    let mixture = two();
    let flow = ProbabilityFlow::edm(20.0, 0.01, 30).unwrap();
    let start = flow.start(6, 1, &mut Noise::seeded(5), &Device::flex());
    let run = |classes: &[usize], start: Tensor<2>| {
        let model = Given::rows(&mixture, classes.to_vec()).unwrap();
        flow.run(&model, start, Noise::seeded(6)).into_data().iter::<f32>().collect::<Vec<_>>()
    };
    let together = run(&[0, 1, 0, 1, 1, 0], start.clone());
    for (row, class) in [0, 1, 0, 1, 1, 0].into_iter().enumerate() {
        let alone = run(&[class], start.clone().narrow(0, row, 1));
        assert!((together[row] - alone[0]).abs() < 1e-5, "row {row}: {} and {}", together[row], alone[0]);
        let exact = {
            // the flow on one normal distribution is an affine map
            let mean = [-1.0, 1.0][class];
            let x: f64 = start.clone().narrow(0, row, 1).into_scalar();
            mean + (x - mean) * (VARIANCE / (VARIANCE + 400.0)).sqrt()
        };
        assert!((f64::from(together[row]) - exact).abs() < 0.02, "row {row}: {} for {exact}", together[row]);
    }
}
