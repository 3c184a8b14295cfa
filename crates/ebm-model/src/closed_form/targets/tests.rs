use burn::tensor::{DType, Device, Tensor};
use ebm_ops::Noise;

use crate::testing::{assert_distribution, assert_moments, assert_score_is_minus_gradient, doubles, rows};
use crate::{Banana, DoubleWell, Energy, Funnel, ModelError, Potential, Ring, Rosenbrock, Score, Skewed};

const N: usize = 100_000;

fn column(x: &Tensor<2>, index: usize) -> Vec<f64> {
    x.clone().narrow(1, index, 1).cast(DType::F64).into_data().try_to_vec().unwrap()
}

/// ∫ exp(−E) over a rectangle, by the middles of `n`² cells.
fn log_integral(energy: &impl Energy, [x0, x1]: [f64; 2], [y0, y1]: [f64; 2], n: usize) -> f64 {
    let at = |from: f64, to: f64, i: usize| from + (to - from) * (i as f64 + 0.5) / n as f64;
    let grid: Vec<[f64; 2]> = (0..n * n).map(|k| [at(x0, x1, k / n), at(y0, y1, k % n)]).collect();
    let total: f64 =
        column(&energy.energy(doubles(&grid)).unsqueeze_dim::<2>(1), 0).iter().map(|e| (-e).exp()).sum();
    (total * (x1 - x0) * (y1 - y0) / (n * n) as f64).ln()
}

/// Single precision gives the energy and score of double precision to rounding.
fn assert_single_is_double<const D: usize>(model: &impl Potential, at: &[[f64; D]]) {
    let x = doubles(at);
    let (energy, score) = model.energy_and_score(x.clone().cast(DType::F32));
    let near = |found: f64, exact: f64| (found - exact).abs() < 1e-5 * (1.0 + exact.abs());
    for (found, exact) in
        column(&energy.unsqueeze_dim(1), 0).iter().zip(column(&model.energy(x.clone()).unsqueeze_dim(1), 0))
    {
        assert!(near(*found, exact), "energy {found} against {exact}");
    }
    for (found, exact) in rows(score).concat().iter().zip(rows(model.score(x)).concat()) {
        assert!(near(*found, exact), "score {found} against {exact}");
    }
}

const PLANE: [[f64; 2]; 4] = [[0.3, -0.7], [-1.5, 0.4], [2.0, 2.5], [0.1, 0.2]];

#[test]
fn scores_are_minus_the_gradients_of_the_energies_in_either_precision() {
    fn check<const D: usize>(model: &impl Potential, at: &[[f64; D]]) {
        assert_score_is_minus_gradient(model, at);
        assert_single_is_double(model, at);
    }
    check(&Skewed::new(2).unwrap(), &PLANE);
    check(&Funnel::new(3, 3.0).unwrap(), &[[0.3, -0.7, 1.0], [-2.0, 0.1, 0.0], [4.0, 5.0, -3.0]]);
    check(&Banana::new(10.0, 0.03).unwrap(), &PLANE);
    check(&Rosenbrock::new(1.0, 0.05, 5.0).unwrap(), &PLANE);
    check(&DoubleWell::new(4.0, 1.5, 0.7).unwrap(), &[[0.0], [1.4], [-1.7], [0.5]]);
    check(&Ring::new(2.0, 0.3).unwrap(), &PLANE);
}

#[test]
fn the_densities_integrate_to_their_normalizers() {
    let near = |found: f64, exact: f64| assert!((found - exact).abs() < 1e-6, "{found} against {exact}");
    // the left tail of a coordinate is e^x: e^−20 is left out
    let skewed = Skewed::new(2).unwrap();
    near(log_integral(&skewed, [-20.0, 4.0], [-20.0, 4.0], 500), skewed.log_normalizer());
    let banana = Banana::new(2.0, 0.1).unwrap();
    near(log_integral(&banana, [-14.0, 14.0], [-10.0, 30.0], 500), banana.log_normalizer());
    let valley = Rosenbrock::new(0.5, 0.5, 2.0).unwrap();
    near(log_integral(&valley, [-7.0, 8.0], [-5.0, 70.0], 1000), valley.log_normalizer());
    let funnel = Funnel::new(2, 0.5).unwrap();
    near(log_integral(&funnel, [-4.0, 4.0], [-30.0, 30.0], 500), funnel.log_normalizer());
    let ring = Ring::new(2.0, 0.3).unwrap();
    near(log_integral(&ring, [-5.0, 5.0], [-5.0, 5.0], 600), ring.log_normalizer());
}

#[test]
fn the_double_well_without_a_tilt_has_the_normalizer_of_its_power_series() {
    // ∫ exp(−h (u² − 1)²) du = e^(−h) Σ_k (2h)ᵏ/k! ∫ u²ᵏ exp(−h u⁴) du, each ½ Γ((2k+1)/4) h^(−(2k+1)/4)
    let h: f64 = 2.0;
    let term = |k: i32| {
        let order = (2.0 * f64::from(k) + 1.0) / 4.0;
        let logarithm = f64::from(k) * (2.0 * h).ln() - libm::lgamma(f64::from(k) + 1.0)
            + libm::lgamma(order)
            - order * h.ln();
        0.5 * logarithm.exp()
    };
    let exact = (0..80).map(term).sum::<f64>().ln() - h + 1.5f64.ln();
    let found = DoubleWell::new(h, 1.5, 0.0).unwrap();
    assert!((found.log_normalizer() - exact).abs() < 1e-12, "{} against {exact}", found.log_normalizer());
    assert!(found.mean()[0].abs() < 1e-13);
    assert!((found.cdf(0.0) - 0.5).abs() < 1e-13);
}

#[test]
fn draws_have_the_exact_distributions_and_moments() {
    let (noise, device) = (Noise::seeded(41), Device::flex());
    let skewed = Skewed::new(2).unwrap();
    let draws = skewed.sample(N, &mut noise.derive("skewed"), &device);
    assert_moments(&draws, &skewed.mean(), &skewed.variances());
    (0..2).for_each(|i| assert_distribution(column(&draws, i), 0.05, |x| skewed.cdf(x)));

    let funnel = Funnel::new(3, 1.0).unwrap();
    let draws = funnel.sample(N, &mut noise.derive("funnel"), &device);
    assert_moments(&draws, &funnel.mean(), &funnel.variances());
    assert_distribution(column(&draws, 0), 0.05, |x| funnel.cdf(x));

    let banana = Banana::new(10.0, 0.03).unwrap();
    let draws = banana.sample(N, &mut noise.derive("banana"), &device);
    assert_moments(&draws, &banana.mean(), &banana.variances());
    assert_distribution(column(&draws, 0), 0.5, |x| banana.cdf(x));

    let valley = Rosenbrock::new(1.0, 0.05, 5.0).unwrap();
    let draws = valley.sample(N, &mut noise.derive("rosenbrock"), &device);
    assert_moments(&draws, &valley.mean(), &valley.variances());
    assert_distribution(column(&draws, 0), 0.2, |x| valley.cdf(x));

    let well = DoubleWell::new(3.0, 2.0, 0.3).unwrap();
    let draws = well.sample(N, &mut noise.derive("double well"), &device);
    assert_moments(&draws, &well.mean(), &well.variances());
    assert_distribution(column(&draws, 0), 0.05, |x| well.cdf(x));

    let ring = Ring::new(2.0, 0.3).unwrap();
    let draws = ring.sample(N, &mut noise.derive("ring"), &device);
    assert_moments(&draws, &ring.mean(), &ring.variances());
    assert_distribution(column(&draws.square().sum_dim(1).sqrt(), 0), 0.02, |x| ring.radius_cdf(x));
}

#[test]
fn the_score_of_a_ring_at_its_center_is_zero() {
    let score = rows(Ring::new(2.0, 0.3).unwrap().score(doubles(&[[0.0, 0.0]])));
    assert_eq!(score, [[0.0, 0.0]]);
}

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    let error = |error: ModelError| error.to_string();
    assert_eq!(error(Ring::new(2.0, 0.0).unwrap_err()), "width: expected a positive, finite number, found 0");
    assert_eq!(
        error(DoubleWell::new(1.0, 1.0, f64::NAN).unwrap_err()),
        "tilt: expected a finite number, found NaN"
    );
    assert_eq!(error(Funnel::new(1, 3.0).unwrap_err()), "dim: expected at least 2, found 1");
    assert!(Skewed::new(0).is_err() && Banana::new(-1.0, 0.1).is_err());
    assert!(Rosenbrock::new(1.0, 0.0, 5.0).is_err());
}
