//! Posteriors of the reference folder, where it is at hand: their log densities at known points, and kernels on
//! them against exact moments.

#[path = "../examples/certificate/moments.rs"]
mod moments;
#[path = "../examples/posteriors/mod.rs"]
mod posteriors;

use burn::tensor::{DType, Device, Tensor, TensorData};
use ebm_model::Potential;
use ebm_sample::slices::SliceEnergy;

use moments::{Length, Method};
use posteriors::{Posterior, Reference, steepened};

/// The log density above that of the first point, and the gradient, at each position.
fn evaluate(posterior: &dyn Posterior, positions: &[Vec<f64>]) -> Vec<(f64, Vec<f64>)> {
    let at = |x: &Vec<f64>| {
        let mut gradient = vec![0.0; x.len()];
        (posterior.log_density(x, &mut gradient), gradient)
    };
    let mut points: Vec<_> = positions.iter().map(at).collect();
    let first = points[0].0;
    points.iter_mut().for_each(|point| point.0 -= first);
    points
}

/// The same by the model on tensors of this type; the log densities as they are.
fn evaluate_on_tensors(
    posterior: &dyn Posterior,
    positions: &[Vec<f64>],
    dtype: DType,
) -> Vec<(f64, Vec<f64>)> {
    let (n, dim) = (positions.len(), posterior.dim());
    let data = TensorData::new(positions.concat(), [n, dim]).convert_dtype(dtype);
    let model = SliceEnergy::new(steepened(posterior, 1.0));
    let (energy, score) = model.energy_and_score(Tensor::from_data(data, (&Device::flex(), dtype)));
    assert_eq!((energy.dtype(), score.dtype()), (dtype, dtype));
    let energy: Vec<f64> = energy.into_data().iter::<f64>().collect();
    let score: Vec<f64> = score.into_data().iter::<f64>().collect();
    energy.into_iter().zip(score.chunks_exact(dim)).map(|(energy, score)| (-energy, score.to_vec())).collect()
}

fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (found - expected).abs() / (1.0 + expected.abs());
    assert!(error <= tolerance, "{what}: {found} against {expected}, off by {error:e}");
}

#[test]
fn log_densities_and_gradients_are_those_of_the_reference() {
    let Some(reference) = Reference::find() else { return };
    let mut n_compared = 0;
    for posterior in posteriors::all(&reference) {
        let fixtures = reference.fixtures(posterior.name());
        if fixtures.is_empty() {
            continue;
        }
        let positions: Vec<Vec<f64>> = fixtures.iter().map(|fixture| fixture.position.clone()).collect();
        let found = evaluate(&*posterior, &positions);
        let doubles = evaluate_on_tensors(&*posterior, &positions, DType::F64);
        for ((fixture, (value, gradient)), on_tensors) in fixtures.iter().zip(&found).zip(&doubles) {
            let value_on_tensors = on_tensors.0 - doubles[0].0;
            for value in [*value, value_on_tensors] {
                assert_near(value, fixture.above_first, 1e-9, posterior.name());
            }
            for gradient in [gradient, &on_tensors.1] {
                assert_eq!(gradient.len(), fixture.gradient.len());
                for (found, expected) in gradient.iter().zip(&fixture.gradient) {
                    assert_near(*found, *expected, 1e-8, posterior.name());
                }
            }
            n_compared += 1;
        }
    }
    assert_eq!(n_compared, 11 * 16);
}

#[test]
fn in_single_precision_they_are_as_near_as_the_point_is() {
    let Some(reference) = Reference::find() else { return };
    let as_single = |x: &Vec<f64>| x.iter().map(|x| f64::from(*x as f32)).collect::<Vec<f64>>();
    for posterior in posteriors::all(&reference) {
        let fixtures = reference.fixtures(posterior.name());
        let positions: Vec<Vec<f64>> = fixtures.iter().map(|fixture| fixture.position.clone()).collect();
        if fixtures.is_empty() {
            continue;
        }
        let found = evaluate_on_tensors(&*posterior, &positions, DType::F32);
        let rounded: Vec<Vec<f64>> = positions.iter().map(as_single).collect();
        let first = found[0].0;
        for ((fixture, at), (value, gradient)) in fixtures.iter().zip(&rounded).zip(&found) {
            // the function at the very point, rounded
            let mut exact = vec![0.0; posterior.dim()];
            assert_near(*value, posterior.log_density(at, &mut exact), 1e-7, posterior.name());
            for (found, exact) in gradient.iter().zip(&exact) {
                assert_near(*found, *exact, 1e-7, posterior.name());
            }
            // and the reference, whose gradient is carried to where single precision has the point
            let off = (value - first - fixture.above_first).abs() / (1.0 + value.abs());
            assert!(off <= 1e-5, "{}: the log density is off by {off:e}", posterior.name());
            let mut before = vec![0.0; posterior.dim()];
            posterior.log_density(&fixture.position, &mut before);
            for (i, found) in gradient.iter().enumerate() {
                assert_near(*found, fixture.gradient[i] + exact[i] - before[i], 1e-4, posterior.name());
            }
        }
    }
}

#[test]
fn gradients_without_a_reference_are_differences() {
    let Some(reference) = Reference::find() else { return };
    for name in ["german_credit", "tfp-eight_schools"] {
        let posterior = posteriors::named(&reference, name).unwrap();
        let x = ebm_ops::Noise::seeded(133).normals_f64(posterior.dim());
        let (mut gradient, mut unused) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        posterior.log_density(&x, &mut gradient);
        for i in 0..x.len() {
            let mut beside = |step: f64| {
                let mut x = x.clone();
                x[i] += step;
                posterior.log_density(&x, &mut unused)
            };
            // of the fourth order: an error of h⁴ and of a rounding of 10³ over h
            let h = 1e-3;
            let slope = (8.0 * (beside(h) - beside(-h)) - (beside(2.0 * h) - beside(-2.0 * h))) / (12.0 * h);
            assert_near(gradient[i], slope, 1e-8, name);
        }
    }
}

#[test]
fn warm_chains_have_the_exact_moments_of_posteriors() {
    let Some(reference) = Reference::find() else { return };
    for (name, method, thinning) in [
        ("eight_schools-eight_schools_noncentered", Method::Hmc(3), 1),
        ("kidiq-kidscore_momiq", Method::Hmc(20), 1),
        ("earnings-earn_height", Method::Hmc(40), 1),
        ("mesquite-logmesquite_logvolume", Method::Mala, 5),
        ("sblri-blr", Method::Mala, 5),
        ("sblri-blr", Method::Chees, 1),
        ("kidiq-kidscore_momiq", Method::Mamclmc, 1),
        ("eight_schools-eight_schools_noncentered", Method::Mclmc, 10),
        #[cfg(feature = "nuts")]
        ("arK-arK", Method::Nuts, 1),
        #[cfg(feature = "nuts")]
        ("eight_schools-eight_schools_noncentered", Method::NutsWithin(0.3), 1),
    ] {
        let posterior = posteriors::named(&reference, name).unwrap();
        let length = Length { n_chains: 16, n_warm_up: 1000, n_draws: 1000, thinning, acceptance: None };
        let run = |factor: f64| moments::run(&*posterior, &reference, method, length, factor, 131);
        let outcome = run(1.0);
        assert!(outcome.holds(), "{name} by {method:?}: {outcome:?}");
        let control = run(1.5);
        assert!(5.0 < control.worst_z, "{name} by {method:?}, steeper by half: {control:?}");
    }
}
