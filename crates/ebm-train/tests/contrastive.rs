//! Contrastive divergence and noise-contrastive estimation find what they are known to find.

#[path = "common/bowl.rs"]
mod bowl;
#[path = "common/quartic.rs"]
#[allow(dead_code, reason = "no test needs all of it")]
mod quartic;

use bowl::Bowl;
use burn::tensor::{Device, Tensor};
use ebm_model::{Energy, Gaussian};
use ebm_ops::Noise;
use ebm_sample::{Hmc, Kernel, Langevin, Mala, State};
use ebm_train::{
    BufferSettings, ContrastSettings, ContrastiveDivergence, NoiseContrastiveEstimation, Objective,
    PersistentContrastiveDivergence, Restart, SelfNormalized, TrainSettings, TrainState, Trainer,
};
use quartic::{Parameters, Quartic, first_outcome, loss, loss_and_gradient, normals};

const ETA: f64 = 0.1;
/// Where Langevin's variance m/(1 − η/(2m)) is that of the data, 1: (1 + √(1 − 2η))/2.
const BIASED: f64 = 0.947_213_595_499_958;

fn settings(sampler_steps: usize) -> ContrastSettings {
    ContrastSettings { sampler_steps, ..ContrastSettings::default() }
}

/// A kernel that moves every coordinate by one.
#[derive(Clone, Copy, Debug)]
struct Shift;

impl<M: ?Sized> Kernel<M> for Shift {
    type Memo = ();
    type Info = ();

    fn init(&self, _: &M, position: Tensor<2>) -> State<()> {
        State { position, memo: () }
    }

    fn step(&self, _: &M, state: State<()>, _: &mut Noise) -> (State<()>, ()) {
        (State { position: state.position + 1.0, memo: () }, ())
    }
}

#[test]
fn the_contrastive_loss_is_its_formula() {
    let (data, at) = (normals(50, 1, 8), Parameters::gaussian(&[0.3], &[1.7]));
    let energies = |shift: f64| -> Vec<f64> {
        let rows = quartic::numbers(data.clone());
        rows.into_iter().map(|x| 0.5 * 1.7 * (x + shift - 0.3).powi(2)).collect()
    };
    let mean = |values: &[f64], power: i32| values.iter().map(|e| e.powi(power)).sum::<f64>() / 50.0;
    let (data_energies, negatives) = (energies(0.0), energies(3.0));
    let gap = mean(&data_energies, 1) - mean(&negatives, 1);
    let squares = mean(&data_energies, 2) + mean(&negatives, 2);
    for magnitude in [0.0, 0.2] {
        let settings = ContrastSettings { magnitude, ..settings(3) };
        let found = loss(&ContrastiveDivergence::new(Shift, settings).unwrap(), &at, &data, 1);
        let exact = gap + magnitude * squares;
        assert!((found - exact).abs() < 1e-9 * exact.abs(), "α = {magnitude}: {found} against {exact}");
    }
    // every chain begins at a row, is chosen once, and moves by three
    let chains = BufferSettings { capacity: 50, restart_share: 1.0, restart: Restart::Data };
    let persistent = PersistentContrastiveDivergence::new(Shift, settings(3), chains).unwrap();
    let outcome = first_outcome(&persistent, &at.model(), &data, &mut Noise::seeded(1));
    let rows = quartic::numbers(data.clone());
    for position in quartic::numbers(outcome.memory["positions"].clone()) {
        assert!(rows.iter().any(|row| (row + 3.0 - position).abs() < 1e-12), "{position}");
    }
}

#[test]
fn settings_out_of_range_are_refused_by_field() {
    let contrast = ContrastSettings::default();
    for (settings, field) in [
        (ContrastSettings { sampler_steps: 0, ..contrast }, "sampler_steps: expected"),
        (ContrastSettings { magnitude: -1.0, ..contrast }, "magnitude: expected"),
        (ContrastSettings { gap_bound: f64::INFINITY, ..contrast }, "gap_bound: expected"),
        (ContrastSettings { acceptance_bound: 1.0, ..contrast }, "acceptance_bound: expected"),
    ] {
        let error = ContrastiveDivergence::new(Shift, settings).unwrap_err().to_string();
        assert!(error.starts_with(field), "{error}");
    }
    let chains = BufferSettings::default();
    for (chains, field) in [
        (BufferSettings { capacity: 0, ..chains }, "capacity: expected"),
        (BufferSettings { restart_share: 1.5, ..chains }, "restart_share: expected"),
        (
            BufferSettings { restart: Restart::Normal { deviation: -1.0 }, ..chains },
            "restart.deviation: expected",
        ),
    ] {
        let error = PersistentContrastiveDivergence::new(Shift, contrast, chains).unwrap_err().to_string();
        assert!(error.starts_with(field), "{error}");
    }
    let error = NoiseContrastiveEstimation::new(Gaussian::standard(1), 0).unwrap_err().to_string();
    assert!(error.starts_with("ratio: expected at least 1, found 0"), "{error}");
}

/// Solves a x = b by elimination with pivots.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs())).unwrap();
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in 0..n {
            let factor = a[i][k] / a[k][k];
            if i != k {
                let row = a[k].clone();
                a[i].iter_mut().zip(row).for_each(|(entry, pivot)| *entry -= factor * pivot);
                b[i] -= factor * b[k];
            }
        }
    }
    (0..n).map(|i| b[i] / a[i][i]).collect()
}

/// Where the gradient of `objective` in the parameters `free` is zero, by Newton's method with the same noise
/// at every step, and the standard errors of these parameters.
///
/// The estimate is that of estimating equations: with H the derivative of the mean gradient and V the
/// covariance of a row's, it has covariance H⁻¹ V H⁻ᵀ/n. V is taken from a hundred parts of the data.
fn root(
    objective: &impl Objective<Quartic>,
    start: Parameters,
    free: &[usize],
    data: &Tensor<2>,
) -> (Parameters, Vec<f64>) {
    let gradient = |at: &Parameters, data: &Tensor<2>, seed| {
        let (_, gradient) = loss_and_gradient(objective, at, data, seed);
        free.iter().map(|&i| gradient[i]).collect::<Vec<f64>>()
    };
    let slopes = |at: &Parameters| {
        let h = 1e-4;
        let difference = |&i: &usize| {
            let (up, down) = (gradient(&at.moved(i, h), data, 7), gradient(&at.moved(i, -h), data, 7));
            up.iter().zip(down).map(|(u, d)| (u - d) / (2.0 * h)).collect::<Vec<f64>>()
        };
        let columns: Vec<Vec<f64>> = free.iter().map(difference).collect();
        (0..free.len()).map(|i| columns.iter().map(|column| column[i]).collect()).collect::<Vec<Vec<f64>>>()
    };
    let mut at = start;
    let mut left = f64::INFINITY;
    for _ in 0..20 {
        let g = gradient(&at, data, 7);
        left = g.iter().fold(0.0, |largest: f64, g| largest.max(g.abs()));
        if left < 1e-9 {
            break;
        }
        let step = solve(slopes(&at), g);
        free.iter().zip(step).for_each(|(&i, step)| at.0[i] -= step);
    }
    assert!(left < 1e-9, "Newton's method has not arrived: {left}");

    let (parts, size) = (100, data.dims()[0] / 100);
    let h = slopes(&at);
    let influence = |part: usize| {
        let g = gradient(&at, &data.clone().narrow(0, part * size, size), 100 + part as u64);
        solve(h.clone(), g)
    };
    let influences: Vec<Vec<f64>> = (0..parts).map(influence).collect();
    let errors = (0..free.len()).map(|i| {
        let mean = influences.iter().map(|row| row[i]).sum::<f64>() / parts as f64;
        let variance = influences.iter().map(|row| (row[i] - mean).powi(2)).sum::<f64>() / (parts - 1) as f64;
        (variance / parts as f64).sqrt()
    });
    let errors = errors.collect();
    (at, errors)
}

#[test]
fn contrastive_divergence_with_langevin_learns_the_known_biased_variance() {
    let data = normals(200_000, 1, 1);
    for steps in [2, 8] {
        let langevin = Langevin::new(ETA).unwrap();
        let objective = ContrastiveDivergence::new(langevin, settings(steps)).unwrap();
        let start = Parameters::gaussian(&[0.0], &[1.0]);
        let (found, errors) = root(&objective, start, &[2], &data);
        let variance = 1.0 / found.0[2];
        let error = errors[0] * variance * variance;
        assert!((variance - BIASED).abs() < 5.0 * error, "k = {steps}: {variance} ± {error}");
        assert!(5.0 * error < 1.0 - variance, "k = {steps}: {variance} ± {error} cannot be told from 1");
    }
}

/// Mean and standard error of the slope of `objective` in the precision at the truth, from a hundred parts.
fn slope_at_the_truth(objective: impl Objective<Quartic>) -> (f64, f64) {
    let slope = |part: u64| {
        let (data, truth) = (normals(1000, 1, 1000 + part), Parameters::gaussian(&[0.0], &[1.0]));
        loss_and_gradient(&objective, &truth, &data, part).1[2]
    };
    let slopes: Vec<f64> = (0..100).map(slope).collect();
    let mean = slopes.iter().sum::<f64>() / 100.0;
    let variance = slopes.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 99.0;
    (mean, (variance / 100.0).sqrt())
}

#[test]
fn contrastive_divergence_with_an_exact_sampler_stays_at_the_truth() {
    let mala = ContrastiveDivergence::new(Mala::new(0.3).unwrap(), settings(5)).unwrap();
    let hmc = ContrastiveDivergence::new(Hmc::new(0.5, 3).unwrap(), settings(2)).unwrap();
    for (slope, error) in [slope_at_the_truth(mala), slope_at_the_truth(hmc)] {
        assert!(slope.abs() < 5.0 * error, "{slope} ± {error}");
    }
    let langevin = ContrastiveDivergence::new(Langevin::new(0.3).unwrap(), settings(5)).unwrap();
    let (slope, error) = slope_at_the_truth(langevin);
    assert!(5.0 * error < slope.abs(), "the sampler's bias is not seen: {slope} ± {error}");
}

#[test]
fn noise_contrastive_estimation_finds_mean_variance_and_log_z() {
    let (mean, variance) = (1.0, 0.36f64);
    let data = normals(40_000, 1, 2) * variance.sqrt() + mean;
    let law = Gaussian::isotropic(vec![0.6], 0.8).unwrap();
    let objective = NoiseContrastiveEstimation::new(law, 2).unwrap();
    let (found, errors) = root(&objective, Parameters::gaussian(&[0.8], &[2.0]), &[0, 1, 2], &data);
    let log_z = 0.5 * (std::f64::consts::TAU * variance).ln();
    for (i, exact) in [log_z, mean, 1.0 / variance].into_iter().enumerate() {
        let (found, error) = (found.0[i], errors[i]);
        assert!((found - exact).abs() < 5.0 * error, "parameter {i}: {found} ± {error}, exact {exact}");
        assert!(5.0 * error < 0.1 * exact.abs() + 0.05, "parameter {i}: ± {error} says nothing");
    }
    // a model with its sign reversed, or with a wrong log Z, has a larger loss
    let least = loss(&objective, &found, &data, 7);
    let mut reversed = found.clone();
    reversed.0.iter_mut().for_each(|p| *p = -*p);
    assert!(least + 0.1 < loss(&objective, &reversed, &data, 7));
    assert!(least < loss(&objective, &found.moved(0, 0.05), &data, 7));
}

#[test]
fn the_noise_contrastive_loss_is_known_where_model_data_and_noise_agree() {
    let (mean, variance) = (0.5, 2.0);
    let data = normals(100, 1, 3) * 3.0;
    let law = Gaussian::isotropic(vec![mean], variance).unwrap();
    let mut at = Parameters::gaussian(&[mean], &[1.0 / variance]);
    at.0[0] = law.log_normalizer();
    for ratio in [1, 4] {
        let nu = ratio as f64;
        let found = loss(&NoiseContrastiveEstimation::new(law.clone(), ratio).unwrap(), &at, &data, 1);
        // whatever the points: model and noise are alike at each
        let exact = (1.0 + nu).ln() + nu * (1.0 + 1.0 / nu).ln();
        assert!((found - exact).abs() < 1e-9, "ν = {nu}: {found} against {exact}");
    }
}

#[test]
fn noise_is_fitted_to_mean_and_covariance() {
    let law = Gaussian::new(vec![1.0, -2.0], &[vec![2.0, 0.6], vec![0.6, 0.5]]).unwrap();
    let data = law.sample(500, &mut Noise::seeded(1), &Device::flex());
    let fitted = NoiseContrastiveEstimation::fitted(data.clone(), 1).unwrap();
    // the mean of ½ uᵀS⁻¹u over the rows that S is the covariance of is d/2
    let mean = fitted.noise().energy(data.clone()).mean().into_scalar::<f64>();
    assert!((mean - 1.0).abs() < 1e-5, "{mean}");
    let flat = Tensor::cat(vec![data.clone().narrow(1, 0, 1), data.zeros_like().narrow(1, 0, 1)], 1);
    let error = NoiseContrastiveEstimation::fitted(flat, 1).unwrap_err().to_string();
    assert!(error.starts_with("noise: ") && error.contains("positive definite"), "{error}");
}

/// The variance that a run of `steps` steps on standard normals ends with.
fn trained(objective: impl Objective<Bowl>, steps: u64) -> f64 {
    let settings = TrainSettings { steps, learning_rate: 1e-2, floor: 1.0, ..TrainSettings::default() };
    let state = TrainState::new(Bowl::new(&[2.0]), Noise::seeded(1));
    let mut trainer = Trainer::new(state, objective, settings).unwrap();
    let data = Noise::seeded(2);
    let batches = |step| Ok(data.child(step).normal([1024, 1], &Device::flex()));
    trainer.run(batches, &mut ()).unwrap();
    1.0 / trainer.state().average().precision()[0]
}

#[test]
fn training_by_contrastive_divergence_reaches_the_biased_variance() {
    let langevin = Langevin::new(ETA).unwrap();
    let restart = Restart::Normal { deviation: 1.0 };
    let chains = BufferSettings { capacity: 4096, restart_share: 0.0, restart };
    // A row's x² − y² has variance 4 at most, as x and y are alike; with five steps its mean moves by 0.67 with
    // the variance of the model. The average spans two thousand steps, of which a quarter shall count.
    let error = 2.0 / 0.67 / (500.0f64 * 1024.0).sqrt();
    let short = trained(ContrastiveDivergence::new(langevin, settings(5)).unwrap(), 3000);
    let long = trained(PersistentContrastiveDivergence::new(langevin, settings(5), chains).unwrap(), 3000);
    for (name, variance) in [("at the data", short), ("persistent", long)] {
        assert!((variance - BIASED).abs() < 5.0 * error, "{name}: {variance} ± {error}");
        assert!(5.0 * error < 1.0 - variance, "{name}: {variance} ± {error} is not known from 1");
    }
}

#[test]
fn training_learns_the_log_z_of_a_self_normalized_energy() {
    let (variance, steps) = (0.5f64, 2000);
    let device = Device::flex();
    let model = SelfNormalized::new(Bowl::new(&[1.0]), 0.0, &device);
    let law = Gaussian::isotropic(vec![0.0], 1.0).unwrap();
    let objective = NoiseContrastiveEstimation::new(law, 1).unwrap();
    // what 100,000 rows, of the million that the run sees, tell
    let rows = normals(100_000, 1, 4) * variance.sqrt();
    let (_, errors) = root(&objective, Parameters::gaussian(&[0.0], &[2.0]), &[0, 2], &rows);
    let settings = TrainSettings { steps, learning_rate: 1e-2, ..TrainSettings::default() };
    let mut trainer = Trainer::new(TrainState::new(model, Noise::seeded(1)), objective, settings).unwrap();
    let data = Noise::seeded(3);
    let batches = |step| Ok(data.child(step).normal([512, 1], &device) * variance.sqrt());
    trainer.run(batches, &mut ()).unwrap();

    let found = trainer.state().average();
    let log_z = found.log_normalizer().into_scalar::<f64>();
    let exact = 0.5 * (std::f64::consts::TAU * variance).ln();
    assert!((log_z - exact).abs() < 5.0 * errors[0], "{log_z} ± {}, exact {exact}", errors[0]);
    let (precision, exact) = (found.energy().precision()[0], 1.0 / variance);
    assert!((precision - exact).abs() < 5.0 * errors[1], "{precision} ± {}, exact {exact}", errors[1]);
}
