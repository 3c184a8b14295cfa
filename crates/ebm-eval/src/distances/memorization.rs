//! Whether samples repeat the rows that a model was trained on.

use burn::tensor::Tensor;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::pairs::squared_distances;
use crate::host::{Rows, assert_one_space};
use crate::{Estimate, EvalError, Figure, Protocol, Standing};

/// Distance, in units of the coordinates and of √dim, up to which a sample is a copy of a row.
const COPY: f64 = 1e-5;

/// Standard errors above one half from which a share is a sign of memorisation.
const ERRORS: f64 = 3.0;

/// How many samples are nearer to a row of the training data than to any held-out row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memorization {
    /// The share of samples that are nearer to a training row than to any held-out row, were there equally many of
    /// both: ½ without memorisation, 1 if every sample repeats a training row.
    pub share: Estimate,
    /// Samples that are a training row, up to rounding.
    pub copies: usize,
    /// Samples that are a held-out row, up to rounding.
    pub copies_of_held_out: usize,
    /// Samples.
    pub samples: usize,
    /// Training rows.
    pub training: usize,
    /// Held-out rows.
    pub held_out: usize,
}

/// Compares the nearest training row of each sample with the nearest held-out row.
///
/// All are `[rows, dim]`, in the same units. If training and held-out rows have the same distribution, and a model has
/// learned no more than that distribution, then the nearest of all rows is each of them with the same probability, and
/// of p, the share of samples whose nearest row is a training row, the expectation is m/(m + h) for m training and h
/// held-out rows. With odds for equal numbers, p/(1 − p) · h/m, the share is ½.
/// Rows at the same distance share the sample.
///
/// The standard error is that of p over random exchanges of training and held-out rows, which allows for rows that are
/// the nearest of many samples.
///
/// Cost: samples · (m + h) · dim multiplications in double precision on all threads.
///
/// # Reference
/// Meehan, Chaudhuri and Dasgupta (2020), *A non-parametric test to detect data-copying in generative models*, for the
/// comparison with held-out rows; Alaa et al. (2022), *How faithful is your synthetic data?*, for authenticity.
///
/// # Errors
/// [`EvalError::OutOfRange`] without samples, training or held-out rows, [`EvalError::NotFinite`].
///
/// # Panics
/// If the rows do not have the same number of coordinates.
pub fn memorization(
    sample: Tensor<2>,
    training: Tensor<2>,
    held_out: Tensor<2>,
) -> Result<Memorization, EvalError> {
    assert_one_space(&sample, &training);
    assert_one_space(&sample, &held_out);
    let sample = Rows::read(sample, "samples", 1)?;
    let training = Rows::read(training, "training rows", 1)?;
    let held_out = Rows::read(held_out, "held-out rows", 1)?;
    let (m, h) = (training.len(), held_out.len());
    let columns = Rows::from_rows(sample.dim(), training.iter().chain(held_out.iter())).columns();
    let copy = (COPY * COPY) * sample.dim() as f64;
    let nearest: Vec<Nearest> = (0..sample.len())
        .into_par_iter()
        .map_init(
            || vec![0.0; m + h],
            |distances, i| {
                squared_distances(sample.row(i), &columns, 0..m + h, distances);
                let least = |rows: &[f64]| rows.iter().copied().fold(f64::INFINITY, f64::min);
                let ends = [least(&distances[..m]), least(&distances[m..])];
                let smallest = ends[0].min(ends[1]);
                let rows = (0..m + h).filter(|&row| distances[row] <= smallest).collect();
                Nearest { rows, is_copy: ends.map(|end| end <= copy) }
            },
        )
        .collect();

    let mut weights = vec![0.0; m + h];
    for Nearest { rows, .. } in &nearest {
        rows.iter().for_each(|&row| weights[row] += 1.0 / (rows.len() * sample.len()) as f64);
    }
    let (m, h, all) = (m as f64, h as f64, (m + h) as f64);
    let p: f64 = weights[..training.len()].iter().sum();
    let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
    // The variance of the summed weights of m rows drawn without replacement.
    let variance = m * h / (all * all) * (all * squares - 1.0).max(0.0) / (all - 1.0);
    let odds = h / m;
    let share = p * odds / (p * odds + 1.0 - p);
    // The slope of the share at p = m/(m + h), where it is one half.
    let slope = all * all / (4.0 * m * h);
    let count = |end: usize| nearest.iter().filter(|nearest| nearest.is_copy[end]).count();
    Ok(Memorization {
        share: Estimate { value: share, standard_error: slope * variance.sqrt() },
        copies: count(0),
        copies_of_held_out: count(1),
        samples: sample.len(),
        training: training.len(),
        held_out: held_out.len(),
    })
}

/// The nearest rows of a sample, and whether it is a copy of a training and of a held-out row.
struct Nearest {
    rows: Vec<usize>,
    is_copy: [bool; 2],
}

impl Memorization {
    /// Whether the share is more than three standard errors above one half, or copies of training rows are more
    /// frequent than those of held-out rows by as much.
    pub fn is_significant(&self) -> bool {
        // The number of copies is a Poisson number where it is due to chance.
        let expected = self.copies_of_held_out as f64 * self.training as f64 / self.held_out as f64;
        let excess = self.copies as f64 - expected;
        ERRORS < self.share.errors_above(0.5) || ERRORS * (expected + 1.0).sqrt() < excess
    }

    /// The figures `nearer_to_training_share` and `copies_of_training_rows`, with their verdict.
    pub fn figures(&self, protocol: &Protocol) -> [Figure; 2] {
        let Self { share, copies, copies_of_held_out, samples, training, held_out } = *self;
        let protocol = Protocol { n: samples, ..protocol.clone() }
            .with("training_rows", training)
            .with("held_out_rows", held_out);
        let (standing, verdict) = match self.is_significant() {
            false => (Standing::AtFloor, "no sign of memorisation".into()),
            true => {
                let share = 100.0 * share.value;
                let text = format!(
                    "memorised: {share:.0} % nearer to training data (50 % without memorisation), {copies} of \
                     {samples} samples are copies; train for fewer steps, or on more data"
                );
                (Standing::AboveFloor, text)
            }
        };
        let nearer = Figure::estimate("nearer_to_training_share", share, protocol.clone());
        let nearer = nearer.judged(0.5, share.standard_error).with_verdict(standing, verdict);
        let found = Figure::exact("copies_of_training_rows", copies as f64, protocol);
        let expected = copies_of_held_out as f64 * training as f64 / held_out as f64;
        let found = Figure { floor: Some(expected), ..found };
        [nearer.in_unit("share of samples"), found.in_unit("samples")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device};
    use ebm_ops::Noise;

    fn normals(n: usize, noise: &mut Noise) -> Tensor<2> {
        noise.normal_like(&Tensor::<2>::zeros([n, 2], (&Device::flex(), DType::F64)))
    }

    #[test]
    fn fresh_samples_are_as_near_to_held_out_rows_and_the_error_is_that_of_repeats() {
        let mut noise = Noise::seeded(211);
        for [m, h] in [[60, 60], [200, 40]] {
            let errors: Vec<f64> = (0..300)
                .map(|_| {
                    let found = memorization(
                        normals(300, &mut noise),
                        normals(m, &mut noise),
                        normals(h, &mut noise),
                    );
                    found.unwrap().share.errors_above(0.5)
                })
                .collect();
            let (mean, spread) = (Estimate::mean(&errors), crate::report::variance(&errors).sqrt());
            // odds of shares are skewed where the numbers differ, by a few parts in h
            let bias = if m == h { 0.0 } else { 0.3 };
            assert!(mean.value.abs() < 5.0 * mean.standard_error + bias, "{m}, {h}: {mean:?}");
            assert!((spread - 1.0).abs() < 5.0 / 600f64.sqrt() + bias / 2.0, "{m}, {h}: {spread}");
        }
    }

    #[test]
    fn samples_that_repeat_training_rows_are_found() {
        let mut noise = Noise::seeded(212);
        let (training, held_out) = (normals(500, &mut noise), normals(200, &mut noise));
        let near = training.clone() + normals(500, &mut noise) * 1e-3;
        let found = memorization(near, training.clone(), held_out.clone()).unwrap();
        assert!(0.95 < found.share.value && found.copies == 0 && found.is_significant(), "{found:?}");
        let mixed = Tensor::cat(vec![training.clone().narrow(0, 0, 100), normals(400, &mut noise)], 0);
        let found = memorization(mixed, training.clone(), held_out.clone()).unwrap();
        assert!(found.copies == 100 && found.is_significant(), "{found:?}");
        assert!(found.figures(&Protocol::of(500))[0].verdict.as_ref().unwrap().starts_with("memorised"));
        let fresh = memorization(normals(500, &mut noise), training, held_out).unwrap();
        assert!(!fresh.is_significant() && fresh.copies == 0, "{fresh:?}");
    }

    #[test]
    fn values_that_occur_in_both_parts_are_shared() {
        // a table of one bit: every sample is a copy of half of the rows of either part
        let bits = |n: usize, noise: &mut Noise| {
            noise.rademacher_like(&Tensor::<2>::zeros([n, 1], (&Device::flex(), DType::F64)))
        };
        let mut noise = Noise::seeded(213);
        let found = memorization(bits(100, &mut noise), bits(80, &mut noise), bits(80, &mut noise)).unwrap();
        assert_eq!((found.copies, found.copies_of_held_out), (100, 100));
        assert!(!found.is_significant(), "{found:?}");
    }
}
