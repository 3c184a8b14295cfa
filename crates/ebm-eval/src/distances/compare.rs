//! All distances of a sample in one report.

use ebm_ops::Noise;

use super::sample_distance::{Comparison, SampleDistance};
use crate::{EvalError, Protocol, Report};

/// Measures every distance that is defined for samples of this size, each with its floor.
///
/// `protocol` describes the samples and becomes part of every figure.
/// The distances of the library are [`standard_distances`](crate::standard_distances).
///
/// # Errors
/// The first error of a distance.
///
/// # Panics
/// If the shapes of sample and fresh draw differ, or the reference has another number of coordinates.
pub fn compare(
    comparison: &Comparison<'_>,
    distances: &[Box<dyn SampleDistance>],
    protocol: &Protocol,
    noise: &Noise,
) -> Result<Report, EvalError> {
    let mut report = Report::default();
    for distance in distances {
        if let Some(figure) = distance.figure(comparison, protocol.clone(), noise)? {
            report.push(figure);
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Coordinates, Standing, standard_distances};
    use burn::tensor::{Device, Tensor};

    fn report(n: usize, dim: usize) -> Report {
        let mut noise = Noise::seeded(61);
        let zeros = Tensor::<2>::zeros([n, dim], &Device::flex());
        let comparison = Comparison {
            sample: noise.normal_like(&zeros) * 2.0 + 1.0,
            fresh: noise.normal_like(&zeros),
            reference: noise.normal_like(&zeros),
            features: &Coordinates,
        };
        compare(&comparison, &standard_distances(), &Protocol::of(n), &noise).unwrap()
    }

    #[test]
    fn every_distance_has_a_floor_that_a_wrong_sample_exceeds() {
        let report = report(300, 2);
        for figure in &report.figures {
            assert!(figure.floor.unwrap() < figure.value, "{figure:?}");
            assert_eq!(figure.standing, Some(Standing::AboveFloor), "{figure:?}");
            assert!(figure.verdict.is_some() && figure.unit.is_some(), "{figure:?}");
            assert_eq!(figure.protocol.n, 300);
        }
        let names: Vec<&str> = report.figures.iter().map(|figure| figure.name.as_str()).collect();
        let expected = [
            "mmd2_unbiased",
            "sliced_wasserstein_1",
            "frechet_distance_coordinates",
            "two_sample_test",
            "classifier_accuracy",
        ];
        assert_eq!(names, expected);
        assert_eq!(report.figures[0].protocol.bandwidths.len(), 4);
        let setting = |name: &str, key: &str| report.get(name).unwrap().protocol.settings[key].clone();
        assert_eq!(setting("sliced_wasserstein_1", "directions"), "200");
        assert_eq!(setting("frechet_distance_coordinates", "features"), "coordinates in the model's units");
        assert_eq!(setting("classifier_accuracy", "features"), "256 random Fourier features");
    }

    #[test]
    fn the_frechet_distance_is_left_out_with_as_few_rows_as_features() {
        assert!(report(6, 6).get("frechet_distance_coordinates").is_none());
        assert!(report(7, 6).get("frechet_distance_coordinates").is_some());
    }

    #[test]
    fn a_perfect_sampler_is_at_every_floor() {
        let noise = Noise::seeded(63);
        let draw = |name| noise.derive(name).normal_like(&Tensor::<2>::zeros([400, 2], &Device::flex()));
        let comparison = Comparison {
            sample: draw("sample"),
            fresh: draw("fresh"),
            reference: draw("reference"),
            features: &Coordinates,
        };
        let report = compare(&comparison, &standard_distances(), &Protocol::of(400), &noise).unwrap();
        for figure in &report.figures {
            assert_eq!(figure.standing, Some(Standing::AtFloor), "{figure:?}");
        }
    }

    #[test]
    fn few_rows_and_constant_columns_leave_out_what_is_not_defined() {
        let names = |sample: Tensor<2>, data: Tensor<2>| -> Vec<String> {
            let n = sample.dims()[0];
            let [fresh, reference] = [data.clone(), data].map(|data| data.narrow(0, 0, n));
            let comparison = Comparison { sample, fresh, reference, features: &Coordinates };
            let report =
                compare(&comparison, &standard_distances(), &Protocol::of(n), &Noise::seeded(64)).unwrap();
            assert!(report.figures.iter().all(|figure| figure.value.is_finite()), "{report:?}");
            report.figures.into_iter().map(|figure| figure.name).collect()
        };
        let draw = |n, dim| Noise::seeded(65).normal_like(&Tensor::<2>::zeros([n, dim], &Device::flex()));
        assert_eq!(names(draw(2, 1), draw(2, 1)), ["sliced_wasserstein_1", "frechet_distance_coordinates"]);
        assert_eq!(names(draw(1, 2), draw(1, 2)), ["sliced_wasserstein_1"]);
        // a constant column has a singular covariance, and constant data no scale
        let flat = |x: Tensor<2>| Tensor::cat(vec![x.clone(), x * 0.0 + 3.0], 1);
        assert_eq!(names(flat(draw(50, 1)), flat(draw(50, 1))).len(), 5);
        assert_eq!(
            names(draw(50, 2), draw(50, 2) * 0.0),
            ["sliced_wasserstein_1", "frechet_distance_coordinates"]
        );
    }

    #[test]
    fn a_figure_does_not_depend_on_the_other_distances() {
        let noise = Noise::seeded(62);
        let draw = |name| noise.derive(name).normal_like(&Tensor::<2>::zeros([50, 2], &Device::flex()));
        let comparison = Comparison {
            sample: draw("sample"),
            fresh: draw("fresh"),
            reference: draw("reference"),
            features: &Coordinates,
        };
        let all = compare(&comparison, &standard_distances(), &Protocol::of(50), &noise).unwrap();
        for (distance, figure) in standard_distances().iter().zip(all.figures) {
            assert_eq!(distance.figure(&comparison, Protocol::of(50), &noise).unwrap(), Some(figure));
        }
    }
}
