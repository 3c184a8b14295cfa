//! At the optimum every score-matching loss has its known value and slope.

#[path = "common/quartic.rs"]
#[allow(dead_code, reason = "no test needs all of it")]
mod quartic;

use burn::tensor::{DType, Device, Tensor};
use ebm_model::{Along, Directional, Gaussian, Score};
use ebm_ops::Noise;
use ebm_train::{
    DenoisingAt, Directions, FiniteDifferenceScoreMatching, ImplicitScoreMatching, Objective,
    SlicedScoreMatching, TrainError,
};
use quartic::{Parameters, Quartic, first_outcome, loss, loss_and_gradient, normals, numbers};

/// Rows that are not normal: the optimum depends on their mean and covariance only.
fn data() -> Tensor<2> {
    let z = normals(500, 2, 3);
    let mixed = z.matmul(quartic::rows(&[1.0, 0.6, 0.0, 0.5], 2));
    mixed.clone() + mixed.powi_scalar(2) * 0.3 + 0.7
}

/// The mean x̄, the inverse S⁻¹ of the biased covariance by rows, and tr S⁻¹, of rows in the plane.
fn moments(rows: &Tensor<2>) -> (Vec<f64>, Vec<f64>, f64) {
    let values = numbers(rows.clone());
    let n = values.len() as f64 / 2.0;
    let mean = |f: &dyn Fn(&[f64]) -> f64| values.chunks(2).map(f).sum::<f64>() / n;
    let (x, y) = (mean(&|r| r[0]), mean(&|r| r[1]));
    let (a, b, d) = (
        mean(&|r| (r[0] - x) * (r[0] - x)),
        mean(&|r| (r[0] - x) * (r[1] - y)),
        mean(&|r| (r[1] - y) * (r[1] - y)),
    );
    let determinant = a * d - b * b;
    let inverse = [d, -b, -b, a].map(|entry| entry / determinant);
    (vec![x, y], inverse.to_vec(), (a + d) / determinant)
}

fn optimum() -> (Parameters, f64) {
    let (mean, inverse, trace) = moments(&data());
    (Parameters::gaussian(&mean, &inverse), -0.5 * trace)
}

/// −s and −∇s of a model, as if its energy were mistaken for its log density.
struct Reversed(Quartic);

impl Score for Reversed {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        -self.0.score(x)
    }
}

impl Directional for Reversed {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let Along { slope, curvature } = self.0.along(x, v);
        Along { slope: -slope, curvature: -curvature }
    }
}

fn reversed_loss(objective: &impl Objective<Reversed>, parameters: &Parameters) -> f64 {
    let model = Reversed(parameters.model());
    first_outcome(objective, &model, &data(), &mut Noise::seeded(7)).loss.into_scalar::<f64>()
}

#[test]
fn implicit_score_matching_is_least_at_mean_and_inverse_covariance() {
    let (best, least) = optimum();
    let (value, gradient) = loss_and_gradient(&ImplicitScoreMatching, &best, &data(), 0);
    assert!((value - least).abs() < 1e-6 * least.abs(), "{value} against {least}");
    // the last entry is that of the fourth power, which the data would like
    let (_, gradient) = gradient.split_last().unwrap();
    assert!(gradient.iter().all(|g| g.abs() < 1e-6 * least.abs()), "{gradient:?}");
    for i in 1..7 {
        for step in [-0.05, 0.05] {
            let there = loss(&ImplicitScoreMatching, &best.moved(i, step), &data(), 0);
            assert!(least + 1e-6 < there, "parameter {i}, {step}: {there} against {least}");
        }
    }
    // tr Λ comes with the other sign: ½ tr Λ + tr Λ
    let reversed = reversed_loss(&ImplicitScoreMatching, &best);
    assert!((reversed + 3.0 * least).abs() < 1e-6 * least.abs(), "{reversed} against {}", -3.0 * least);
}

#[test]
fn rademacher_slices_of_a_diagonal_model_have_no_variance_when_variance_reduced() {
    let best = Parameters::gaussian(&[0.7, 0.9], &[1.3, 0.0, 0.0, 2.1]);
    let exact = loss(&ImplicitScoreMatching, &best, &data(), 0);
    let objective = SlicedScoreMatching::new(Directions::Rademacher, 1).unwrap().variance_reduced();
    let found = loss(&objective, &best, &data(), 11);
    assert!((found - exact).abs() < 1e-12 * exact.abs(), "{found} against {exact}");
    // in general they have
    let plain = SlicedScoreMatching::new(Directions::Rademacher, 1).unwrap();
    assert!(1e-3 < (loss(&plain, &best, &data(), 11) - exact).abs());
}

/// Mean and standard error of a loss over many seeds.
fn over_seeds(objective: &impl Objective<Quartic>, parameters: &Parameters) -> (f64, f64) {
    let n = 300u64;
    let losses: Vec<f64> = (0..n).map(|seed| loss(objective, parameters, &data(), seed)).collect();
    let mean = losses.iter().sum::<f64>() / n as f64;
    let variance = losses.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
    (mean, (variance / n as f64).sqrt())
}

#[test]
fn sliced_score_matching_is_implicit_score_matching_in_expectation() {
    let (best, _) = optimum();
    // not only at the optimum, and not only for a Gaussian
    for parameters in [best, Parameters(vec![0.0, 0.2, -0.4, 1.4, 0.1, 0.5, 0.8, 0.15])] {
        let exact = loss(&ImplicitScoreMatching, &parameters, &data(), 0);
        for directions in [Directions::Gaussian, Directions::Rademacher, Directions::Sphere] {
            let sliced = SlicedScoreMatching::new(directions, 2).unwrap();
            let (plain, error) = over_seeds(&sliced, &parameters);
            assert!((plain - exact).abs() < 5.0 * error, "{directions:?}: {plain} ± {error}, exact {exact}");
            let (reduced, less) = over_seeds(&sliced.variance_reduced(), &parameters);
            assert!(
                (reduced - exact).abs() < 5.0 * less,
                "{directions:?}: {reduced} ± {less}, exact {exact}"
            );
            assert!(less < error, "{directions:?}: {less} is no less than {error}");
            // the test sees a loss that is wrong by a tenth
            assert!(5.0 * error < 0.1 * exact.abs(), "{directions:?}: {error}, exact {exact}");
        }
        let sliced = SlicedScoreMatching::new(Directions::Sphere, 2).unwrap();
        assert!(exact + 1.0 < reversed_loss(&sliced, &parameters));
        assert!(exact + 1.0 < reversed_loss(&sliced.variance_reduced(), &parameters));
    }
}

#[test]
fn finite_differences_are_exact_on_a_gaussian_and_off_by_the_square_of_epsilon_elsewhere() {
    let (best, _) = optimum();
    let sliced = SlicedScoreMatching::new(Directions::Sphere, 2).unwrap();
    let at = |epsilon: f64, parameters: &Parameters| {
        let differences = FiniteDifferenceScoreMatching::new(epsilon, 2).unwrap();
        loss(&differences, parameters, &data(), 3) - loss(&sliced, parameters, &data(), 3)
    };
    // energies of a few tens lose 1e-14, over ε² a hundred times that
    let gaussian = at(0.1, &best);
    assert!(gaussian.abs() < 1e-10, "{gaussian}");
    let quartic = Parameters(vec![0.0, 0.2, -0.4, 1.4, 0.1, 0.5, 0.8, 0.15]);
    let ratio = at(0.02, &quartic) / at(0.01, &quartic);
    assert!((ratio - 4.0).abs() < 0.01, "{ratio}");
}

/// Sample variance and its standard error.
fn variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let moment = |power: i32| values.iter().map(|v| (v - mean).powi(power)).sum::<f64>() / n;
    (moment(2), ((moment(4) - moment(2).powi(2)) / n).sqrt())
}

#[test]
fn hutchinsons_estimator_has_its_known_variance() {
    let (n, d) = (100_000, 3.0);
    // A has a skew part, which must not count
    let a = quartic::rows(&[2.0, 1.0, -0.5, 0.2, 1.0, 0.4, 0.1, -0.8, 0.5], 3);
    let symmetric = numbers((a.clone() + a.clone().transpose()) * 0.5);
    let frobenius: f64 = symmetric.iter().map(|b| b * b).sum();
    let diagonal: Vec<f64> = symmetric.iter().step_by(4).copied().collect();
    let trace: f64 = diagonal.iter().sum();
    let diagonals: f64 = diagonal.iter().map(|b| b * b).sum();
    let s = [0.7, -1.2, 0.4];
    let fourth = s.iter().map(|s| s * s).sum::<f64>().powi(2);
    let fourths: f64 = s.iter().map(|s| s.powi(4)).sum();

    let known = [
        (Directions::Gaussian, 2.0 * frobenius, 2.0 * fourth),
        (Directions::Rademacher, 2.0 * (frobenius - diagonals), 2.0 * (fourth - fourths)),
        (
            Directions::Sphere,
            2.0 * d / (d + 2.0) * (frobenius - trace * trace / d),
            2.0 * (d - 1.0) / (d + 2.0) * fourth,
        ),
    ];
    for (directions, of_trace, of_square) in known {
        let like = Tensor::<2>::zeros([n, 3], (&Device::flex(), DType::F64));
        let v = directions.draw(&like, &mut Noise::seeded(5));
        let traces = numbers((v.clone().matmul(a.clone()) * v.clone()).sum_dim(1));
        let squares = numbers(v.matmul(quartic::rows(&s, 1)).square());
        for (values, exact, mean) in [(traces, of_trace, trace), (squares, of_square, fourth.sqrt())] {
            let (found, error) = variance(&values);
            assert!((found - exact).abs() < 5.0 * error, "{directions:?}: {found} ± {error}, exact {exact}");
            let centre = values.iter().sum::<f64>() / n as f64;
            assert!((centre - mean).abs() < 5.0 * (exact / n as f64).sqrt(), "{directions:?}: {centre}");
        }
    }
}

#[test]
fn denoising_at_one_level_is_least_at_the_blurred_score() {
    let (n, sigma, eigenvalues) = (200_000, 0.6f64, [2.0, 0.5]);
    let law = Gaussian::new(vec![1.0, -1.0], &[vec![1.25, 0.75], vec![0.75, 1.25]]).unwrap();
    let data = law.sample(n, &mut Noise::seeded(1), &Device::flex());
    let at = |model: &dyn Fn(Tensor<2>) -> Tensor<2>| {
        struct Plain<'a>(&'a dyn Fn(Tensor<2>) -> Tensor<2>);
        impl Score for Plain<'_> {
            fn score(&self, x: Tensor<2>) -> Tensor<2> {
                (self.0)(x)
            }
        }
        let objective = DenoisingAt::new(sigma).unwrap();
        first_outcome(&objective, &Plain(model), &data, &mut Noise::seeded(2)).loss.into_scalar::<f64>()
    };
    // σ s + z is normal; along each eigenvector its variance is λ/(λ + σ²)
    let variances = eigenvalues.map(|lambda| lambda / (lambda + sigma * sigma));
    let minimum = 0.5 * variances.iter().sum::<f64>();
    let standard_error = (0.5 * variances.iter().map(|v| v * v).sum::<f64>() / n as f64).sqrt();
    let blurred = law.smoothed(sigma);
    let found = at(&|x| blurred.score(x));
    assert!((found - minimum).abs() < 5.0 * standard_error, "{found} against {minimum}");
    for worse in [at(&|x| law.score(x)), at(&|x| -blurred.score(x)), at(&|x| blurred.score(x) * 1.1)] {
        assert!(found < worse, "{worse} is not above {found}");
    }
}

#[test]
fn settings_out_of_range_are_refused_by_field() {
    let refused = |error: TrainError, start: &str| {
        assert!(error.to_string().starts_with(start), "{error}");
    };
    refused(DenoisingAt::new(0.0).unwrap_err(), "sigma: expected a positive, finite number, found 0");
    refused(DenoisingAt::new(f64::NAN).unwrap_err(), "sigma: expected a positive, finite number, found NaN");
    let error = FiniteDifferenceScoreMatching::new(-0.1, 1).unwrap_err();
    refused(error, "epsilon: expected a positive, finite number, found -0.1");
    let error = SlicedScoreMatching::new(Directions::Sphere, 0).unwrap_err();
    refused(error, "projections: expected at least 1, found 0");
}
