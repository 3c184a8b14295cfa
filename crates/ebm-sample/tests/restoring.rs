//! Posteriors against closed forms: a normal prior, and mixtures in 2 and 16 dimensions.

#[path = "restoring/closed_form.rs"]
mod closed_form;

use burn::tensor::{DType, Device, Tensor, TensorData};
use ebm_model::{Gaussian, IsotropicMixture, NoisyPotential, NoisyScore};
use ebm_ops::Noise;
use ebm_sample::restoring::{
    BlockMean, Blur, Grey, Guidance, Identity, LinearGaussian, LinearMap, LinearOperator, Mask, Nonlinear,
    Posterior, PosteriorEnergy, Replacement,
};
use ebm_sample::{
    Annealed, AnnealedMala, Descent, Level, NoiseLadder, ProbabilityFlow, StepTotals, StochasticHeun,
};

use closed_form::{Law, matrix_of, worst};

/// Rows in double precision.
fn doubles(values: Vec<f64>, shape: [usize; 2]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), DType::F64))
}

fn normal(shape: [usize; 2], seed: u64) -> Tensor<2> {
    doubles(Noise::seeded(seed).normals_f64(shape[0] * shape[1]), shape)
}

/// A matrix of one's own, and its transpose.
fn own_map() -> impl LinearOperator {
    let matrix = |x: &Tensor<2>| normal([16, 3], 5).cast(x.dtype()) * 0.5;
    LinearMap::new(
        [16, 3],
        move |x: Tensor<2>| {
            let matrix = matrix(&x);
            x.matmul(matrix)
        },
        move |y: Tensor<2>| {
            let matrix = matrix(&y);
            y.matmul(matrix.transpose())
        },
    )
    .unwrap()
}

/// Every operator on small pictures, by name.
fn operators() -> Vec<(&'static str, Box<dyn LinearOperator>)> {
    let known: Vec<bool> = (0..16).map(|i| i % 4 < 2).collect();
    vec![
        ("mask", Box::new(Mask::new(&known).unwrap())),
        ("block mean", Box::new(BlockMean::new([1, 4, 4], 2).unwrap())),
        ("grey", Box::new(Grey::new([2, 3]).unwrap())),
        ("blur", Box::new(Blur::new([2, 2, 4], 0.7).unwrap())),
        ("own", Box::new(own_map())),
        ("identity", Box::new(Identity::new(16).unwrap())),
    ]
}

fn dot(a: Tensor<2>, b: Tensor<2>) -> Vec<f64> {
    (a * b).sum_dim(1).into_data().iter::<f64>().collect()
}

#[test]
fn every_operator_has_its_adjoint() {
    for (name, operator) in operators() {
        let x = normal([20, operator.inputs()], 1);
        let y = normal([20, operator.outputs()], 2);
        let left = dot(operator.apply(x.clone()), y.clone());
        let right = dot(x, operator.adjoint(y));
        for (left, right) in left.iter().zip(&right) {
            assert!((left - right).abs() < 1e-6 * (1.0 + left.abs()), "{name}: {left} against {right}");
        }
    }
}

#[test]
fn every_operator_solves_its_own_equation() {
    for (name, operator) in operators() {
        let y = normal([5, operator.outputs()], 3);
        let variance = doubles(vec![0.01, 0.3, 1.0, 5.0, 40.0], [5, 1]);
        let solved = operator.solve(&variance, 0.2, y.clone());
        let back = operator.apply(operator.adjoint(solved.clone())) * variance + solved * 0.2;
        let error = (back - y).abs().max().into_scalar::<f64>();
        assert!(error < 1e-6, "{name}: {error}");
    }
}

#[test]
fn a_blur_is_the_convolution_with_mirrored_borders() {
    let (n, deviation) = (5, 0.8);
    let x: Vec<f64> = vec![1.0, -2.0, 0.5, 3.0, 0.0];
    let found = Blur::new([1, 1, n], deviation).unwrap().apply(doubles(x.clone(), [1, n]));
    let height = |j: i64| (-0.5 * (j as f64 / deviation).powi(2)).exp();
    let total: f64 = (-4..=4).map(height).sum();
    let mirrored = |i: i64| {
        let i = i.rem_euclid(2 * n as i64) as usize;
        x[if i < n { i } else { 2 * n - 1 - i }]
    };
    for (i, found) in found.into_data().iter::<f64>().enumerate() {
        let exact: f64 = (-4..=4).map(|j| height(j) / total * mirrored(i as i64 + j)).sum();
        assert!((found - exact).abs() < 1e-12, "{found} against {exact}");
    }
}

/// Measurements of a point by `operator`, with the posterior of a mixture with means `means` and variance `v`.
fn measured(operator: &dyn LinearOperator, law: &Law, deviation: f64, seed: u64) -> (Vec<f64>, Law) {
    let matrix = matrix_of(operator);
    let mut noise = Noise::seeded(seed);
    let truth: Vec<f64> = noise
        .normals_f64(law.dim())
        .iter()
        .zip(&law.means[0])
        .map(|(z, m)| m + z * law.deviation())
        .collect();
    let z = noise.normals_f64(operator.outputs());
    let y: Vec<f64> =
        closed_form::times(&matrix, &truth).iter().zip(z).map(|(a, z)| a + deviation * z).collect();
    let posterior = law.given(&matrix, &y, deviation);
    (y, posterior)
}

fn likelihood<A: LinearOperator>(operator: A, y: &[f64], deviation: f64) -> LinearGaussian<A> {
    let y: Vec<f32> = y.iter().map(|&y| y as f32).collect();
    let n = y.len();
    LinearGaussian::new(operator, Tensor::from_data(TensorData::new(y, [1, n]), &Device::flex()), deviation)
        .unwrap()
}

fn flow_draws(model: &impl NoisyScore, n: usize, dim: usize, levels: usize) -> Tensor<2> {
    let (flow, noise) = (ProbabilityFlow::edm(200.0, 0.002, levels).unwrap(), Noise::seeded(11));
    let start = flow.start(n, dim, &mut noise.derive("start"), &Device::flex());
    flow.run(model, start, noise.derive("chain"))
}

#[test]
fn with_a_normal_prior_the_pseudoinverse_draws_from_the_posterior_of_every_task() {
    let (variance, deviation) = (0.6f64, 0.3);
    for (name, operator) in operators() {
        let mean: Vec<f64> = (0..operator.inputs()).map(|i| 0.2 * (i as f64).sin()).collect();
        let prior = Gaussian::isotropic(mean.clone(), variance).unwrap();
        let law = Law::normal(mean, variance);
        let (y, posterior) = measured(&*operator, &law, deviation, 21);
        let of = |scale: f64| {
            let guidance = Guidance::pseudoinverse(scale * variance.sqrt()).unwrap();
            let model = Posterior::new(&prior, likelihood(&*operator, &y, deviation), guidance);
            worst(&flow_draws(&model, 4000, operator.inputs(), 250), &posterior)
        };
        let found = of(1.0);
        assert!(found < 5.0, "{name}: {found} standard errors");
        // a prior that is thought twice as wide draws from something else
        let control = of(2.0);
        assert!(5.0 < control, "{name}: the control is {control} standard errors away");
    }
}

#[test]
fn without_noise_what_is_known_comes_out_as_it_was_and_the_rest_as_the_prior() {
    let prior = Gaussian::isotropic(vec![0.5; 3], 0.4).unwrap();
    let mask = Mask::new(&[true, false, true]).unwrap();
    let likelihood = likelihood(mask, &[1.5, -0.25], 0.0);
    let model = Posterior::new(&prior, likelihood, Guidance::pseudoinverse(0.4f64.sqrt()).unwrap());
    let draws = flow_draws(&model, 4000, 3, 250);
    for (column, known) in [(0, 1.5), (2, -0.25)] {
        let error = (draws.clone().narrow(1, column, 1) - known).abs().max().into_scalar::<f32>();
        assert!(error < 1e-4, "column {column}: {error}");
    }
    let free = draws.narrow(1, 1, 1);
    assert!(worst(&free, &Law::normal(vec![0.5], 0.4)) < 5.0);
}

/// Draws at the last level of annealed MALA before the noise is taken off, and the mean acceptance.
fn mala_draws(
    model: &impl NoisyPotential,
    sampler: &AnnealedMala,
    [n, dim]: [usize; 2],
    seed: u64,
) -> (Tensor<2>, f64) {
    let noise = Noise::seeded(seed);
    let start = sampler.start(n, dim, &mut noise.derive("start"), &Device::flex());
    let mut levels: Vec<Level> = sampler.descend(model, start, noise.derive("chain")).collect();
    levels.pop();
    let position = levels.last().unwrap().position.clone();
    (position, acceptance(levels))
}

/// The mean acceptance of all steps of a descent.
fn acceptance(levels: impl IntoIterator<Item = Level>) -> f64 {
    let mut totals = StepTotals::default();
    levels.into_iter().for_each(|level| totals.merge(level.totals));
    let of_samples = totals.read().acceptance.expect("a Metropolis test reports");
    of_samples.iter().sum::<f64>() / of_samples.len() as f64
}

/// The lowest level of the tests below, which is part of the known answer.
const BOTTOM: f64 = 0.2;

fn sampler() -> AnnealedMala {
    AnnealedMala::new(NoiseLadder::geometric(4.0, BOTTOM, 12).unwrap(), 60, 0.5).unwrap()
}

/// What annealed MALA draws from at its last level: both factors widened.
fn at_bottom(law: &Law, operator: &dyn LinearOperator, y: &[f64], deviation: f64) -> Law {
    law.widened(BOTTOM * BOTTOM).given_widened(&matrix_of(operator), y, deviation, BOTTOM * BOTTOM)
}

#[test]
fn with_a_metropolis_test_every_task_is_exact_for_a_normal_prior() {
    let (variance, deviation) = (0.6, 0.3);
    for (name, operator) in operators() {
        let mean: Vec<f64> = (0..operator.inputs()).map(|i| 0.2 * (i as f64).sin()).collect();
        let prior = Gaussian::isotropic(mean.clone(), variance).unwrap();
        let law = Law::normal(mean, variance);
        let (y, _) = measured(&*operator, &law, deviation, 22);
        let posterior = at_bottom(&law, &*operator, &y, deviation);
        let model = PosteriorEnergy::new(&prior, likelihood(&*operator, &y, deviation));
        let (draws, acceptance) = mala_draws(&model, &sampler(), [3000, operator.inputs()], 31);
        let found = worst(&draws, &posterior);
        assert!(found < 5.0, "{name}: {found} standard errors");
        assert!((0.3..0.999).contains(&acceptance), "{name}: acceptance {acceptance}");
    }
}

/// Two modes of unequal weight that a chain at the lowest levels still crosses, in `dim` dimensions.
fn two_modes(dim: usize) -> (IsotropicMixture, Law) {
    let size = 0.7 / (dim as f64).sqrt();
    let mean: Vec<f64> = (0..dim).map(|i| if i % 3 == 0 { -size } else { size }).collect();
    let other: Vec<f64> = mean.iter().map(|m| -1.2 * m).collect();
    let (weights, variance) = ([0.35, 0.65], 0.2);
    let logs = weights.map(f64::ln).to_vec();
    let mixture = IsotropicMixture::new(logs, [mean.clone(), other.clone()].concat(), variance).unwrap();
    (mixture, Law::mixture(weights.to_vec(), vec![mean, other], variance))
}

#[test]
fn with_a_metropolis_test_every_task_is_exact_for_mixtures_in_2_and_16_dimensions() {
    let first: Box<dyn LinearOperator> = Box::new(Mask::new(&[true, false]).unwrap());
    let small: Box<dyn LinearOperator> = Box::new(BlockMean::new([1, 1, 2], 1).unwrap());
    let tasks = operators().into_iter().filter(|(_, operator)| operator.inputs() == 16);
    for (name, operator) in [("mask", first), ("all", small)].into_iter().chain(tasks) {
        let (dim, deviation) = (operator.inputs(), 0.6);
        let (prior, law) = two_modes(dim);
        let (y, _) = measured(&*operator, &law, deviation, 23);
        let posterior = at_bottom(&law, &*operator, &y, deviation);
        let of = |deviation: f64| {
            let model = PosteriorEnergy::new(&prior, likelihood(&*operator, &y, deviation));
            worst(&mala_draws(&model, &sampler(), [4000, dim], 32).0, &posterior)
        };
        let found = of(deviation);
        assert!(found < 5.0, "{name} in {dim} dimensions: {found} standard errors");
        // measurements that are thought twice as noisy
        let control = of(2.0 * deviation);
        assert!(5.0 < control, "{name} in {dim} dimensions: the control is {control} standard errors away");
    }
}

#[test]
fn a_likelihood_of_ones_own_is_drawn_from_by_its_gradient() {
    // y = x² = 1 with a deviation of 0.5 on N(0.3, 1): two unequal modes, whose mean is known by quadrature
    let function = |x: Tensor<2>| {
        let residual = (x.clone().square() - 1.0) / -0.25;
        let log = residual.clone() * (x.clone().square() - 1.0) * 0.5;
        (log.squeeze_dim::<1>(1), residual * x * 2.0)
    };
    let prior = Gaussian::isotropic(vec![0.3], 1.0).unwrap();
    let model = PosteriorEnergy::new(&prior, Nonlinear::new(1, function).unwrap());
    let sampler = AnnealedMala::new(NoiseLadder::geometric(1.0, BOTTOM, 8).unwrap(), 150, 0.1).unwrap();
    let (n, width) = (4000, 1.0 + BOTTOM * BOTTOM);
    let (draws, _) = mala_draws(&model, &sampler, [n, 1], 33);
    let density = |x: f64| (-0.5 * (x - 0.3).powi(2) / width - 2.0 * (x * x - 1.0).powi(2)).exp();
    let nodes = || (-4000..=4000).map(|i| f64::from(i) * 1e-3);
    let moment = |power: i32| {
        nodes().map(|x| density(x) * x.powi(power)).sum::<f64>() / nodes().map(density).sum::<f64>()
    };
    let (mean, square) = (moment(1), moment(2));
    let found = draws.mean().into_scalar::<f64>();
    let error = ((square - mean * mean) / f64::from(n as u32)).sqrt();
    assert!((found - mean).abs() < 5.0 * error, "{found} against {mean}, ± {error}");
    assert!(5.0 * error < (0.3 - mean).abs(), "the prior's mean would pass");
}

/// Of two modes at ±m in every coordinate, with 0.3 and 0.7 of the weight and a variance of 0.1, draws given that the
/// first half of the coordinates is known: the weight of the second mode, and the mean and deviation of the last
/// coordinate within it. Exactly 0.462, m and 0.316.
fn of_second_mode(draws: &Tensor<2>) -> [f64; 3] {
    let [_, dim] = draws.dims();
    let values: Vec<f64> = draws.to_data().iter::<f64>().collect();
    let rows: Vec<&[f64]> = values.chunks_exact(dim).collect();
    let inside: Vec<f64> =
        rows.iter().filter(|x| 0.0 < x[dim / 2..].iter().sum::<f64>()).map(|x| x[dim - 1]).collect();
    let n = inside.len() as f64;
    let mean = inside.iter().sum::<f64>() / n;
    let variance = inside.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    [n / rows.len() as f64, mean, variance.sqrt()]
}

/// The table of `docs/restoring.md`, measured: no method has the weights of modes that it parts too early.
#[test]
fn the_bias_on_mixtures_is_the_documented_one() {
    let table = [
        (2, "pseudoinverse", [0.614, 0.991, 0.321]),
        (2, "posterior sampling", [0.637, 1.001, 0.317]),
        (2, "replacement, once", [0.626, 0.978, 0.326]),
        (2, "replacement, 10 rounds", [0.577, 0.992, 0.307]),
        (2, "annealed MALA", [0.608, 0.996, 0.312]),
        (16, "pseudoinverse", [0.638, 0.501, 0.314]),
        (16, "posterior sampling", [0.613, 0.504, 0.314]),
        (16, "replacement, once", [0.642, 0.489, 0.317]),
        (16, "replacement, 10 rounds", [0.601, 0.486, 0.317]),
        (16, "annealed MALA", [0.667, 0.490, 0.314]),
    ];
    let mut wrong = Vec::new();
    for (dim, method, documented) in table {
        let (m, y) = if dim == 2 { (1.0, -0.05) } else { (0.5, -0.0125) };
        let means = [vec![-m; dim], vec![m; dim]].concat();
        let prior = IsotropicMixture::new(vec![0.3f64.ln(), 0.7f64.ln()], means, 0.1).unwrap();
        let known: Vec<bool> = (0..dim).map(|i| i < dim / 2).collect();
        let measured = likelihood(Mask::new(&known).unwrap(), &vec![y; dim / 2], 0.0);
        let heun = StochasticHeun::new(NoiseLadder::karras(20.0, 0.01, 7.0, 100).unwrap(), 40.0).unwrap();
        let noise = Noise::seeded(51);
        let start = heun.start(4000, dim, &mut noise.derive("start"), &Device::flex());
        let guided = |guidance: Guidance| {
            heun.run(&Posterior::new(&prior, &measured, guidance), start.clone(), noise.derive("chain"))
        };
        let replaced = |rounds: usize| {
            let known: Vec<Option<f64>> = known.iter().map(|known| known.then_some(y)).collect();
            let descent = Replacement::new(&heun, &known, rounds).unwrap();
            descent.run(&prior, start.clone(), noise.derive("chain"))
        };
        let draws = match method {
            "pseudoinverse" => guided(Guidance::pseudoinverse(1.0).unwrap()),
            "posterior sampling" => guided(Guidance::posterior_sampling(1.0).unwrap()),
            "replacement, once" => replaced(1),
            "replacement, 10 rounds" => replaced(10),
            _ => {
                let ladder = NoiseLadder::geometric(20.0, 0.02, 60).unwrap();
                let mala = AnnealedMala::new(ladder, 40, 0.5).unwrap();
                mala.run(&PosteriorEnergy::new(&prior, &measured), start.clone(), noise.derive("chain"))
            }
        };
        let found = of_second_mode(&draws);
        // Five standard errors of 4,000 draws, a half of them in the mode, and the table's rounding.
        let errors = [0.0079, 0.316 / 45.0, 0.316 / 63.0].map(|error| 5.0 * error + 0.0005);
        let is_near = found.iter().zip(documented).zip(errors).all(|((f, d), error)| (f - d).abs() < error);
        if !is_near {
            wrong.push(format!("({dim}, {method:?}, {found:.3?}), found; {documented:.3?} documented"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn replaced_coordinates_end_as_they_are_known_and_the_others_agree_with_them() {
    let rows = [vec![1.0, 0.9], vec![0.9, 1.0]];
    let prior = Gaussian::new(vec![0.0; 2], &rows).unwrap();
    let mean_with = |resampling: usize| {
        let flow = StochasticHeun::new(NoiseLadder::karras(20.0, 0.01, 7.0, 40).unwrap(), 0.0).unwrap();
        let descent = Replacement::new(flow, &[Some(1.5), None], resampling).unwrap();
        let noise = Noise::seeded(41);
        let start = descent.start(4000, 2, &mut noise.derive("start"), &Device::flex());
        let draws = descent.run(&prior, start, noise.derive("chain"));
        let known = draws.clone().narrow(1, 0, 1);
        assert_eq!(known.clone().max().into_scalar::<f32>(), 1.5);
        assert_eq!(known.min().into_scalar::<f32>(), 1.5);
        draws.narrow(1, 1, 1).mean().into_scalar::<f64>()
    };
    // exactly 1.35, which replacement approaches with resampling
    let (once, often) = (mean_with(1), mean_with(10));
    assert!((often - 1.35).abs() < (once - 1.35).abs() && (often - 1.35).abs() < 0.1, "{once}, {often}");
}

#[test]
fn replacement_reports_the_acceptance_of_the_descent_that_it_holds() {
    let prior = IsotropicMixture::new(vec![0.0], vec![0.0; 2], 1.0).unwrap();
    let (n, ladder) = (200, NoiseLadder::geometric(4.0, 0.2, 3).unwrap());
    let (steps, resampling) = (2, 3);
    let of_ratio = |ratio: f64| {
        let mala = AnnealedMala::new(ladder.clone(), steps, ratio).unwrap();
        let held = Replacement::new(mala, &[Some(0.5), None], resampling).unwrap();
        let noise = Noise::seeded(61);
        let start = held.start(n, 2, &mut noise.derive("start"), &Device::flex());
        let levels: Vec<Level> = held.descend(&prior, start, noise.derive("chain")).collect();
        // Every round at every level, and no step for the item that takes the noise off.
        let counts: Vec<usize> = levels.iter().map(|level| level.totals.read().n_steps).collect();
        assert_eq!(counts, [steps * resampling, steps * resampling, steps * resampling, 0]);
        acceptance(levels)
    };
    let (short, long) = (of_ratio(0.01), of_ratio(1e4));
    assert!(0.9 < short && short <= 1.0 + 1e-6 && long < 0.1, "{short} and {long}");
}

#[test]
fn unfit_measurements_are_refused() {
    let mask = || Mask::new(&[true, false, true]).unwrap();
    let y = |values: Vec<f32>| {
        let n = values.len();
        Tensor::<2>::from_data(TensorData::new(values, [1, n]), &Device::flex())
    };
    let error =
        |y: Tensor<2>, deviation: f64| LinearGaussian::new(mask(), y, deviation).unwrap_err().to_string();
    let expected = "measurements of a row: expected 2, the outputs of the operator, found 3";
    assert_eq!(error(y(vec![0.0; 3]), 0.1), expected);
    assert!(error(y(vec![0.0; 2]), -1.0).contains("not negative"));
    assert!(error(y(vec![0.0, f32::NAN]), 0.1).contains("finite numbers"));
    assert!(Mask::new(&[false; 3]).is_err());
    assert!(BlockMean::new([1, 5, 4], 2).unwrap_err().to_string().contains("a multiple of the factor 2"));
    assert!(Blur::new([1, 4, 4], 0.0).is_err());
    assert!(Guidance::pseudoinverse(f64::NAN).is_err());
    assert!(Guidance::posterior_sampling(0.0).is_err());
    let flow = ProbabilityFlow::edm(20.0, 0.01, 5).unwrap();
    assert!(Replacement::new(flow.clone(), &[None, None], 1).is_err());
    assert!(Replacement::new(flow, &[Some(0.0), None], 0).is_err());
}
