//! The area under the receiver operating characteristic.

use crate::error::require_rows;
use crate::report::variance;
use crate::{Estimate, EvalError};

/// The area under the receiver operating characteristic: the probability that a number from `high` is larger than
/// one from `low`, with ties counted as one half.
///
/// For out-of-distribution detection, `high` are the energies of foreign points and `low` those of held-out data:
/// 1 separates them perfectly, ½ is chance, and below ½ the order is reversed.
/// Infinite numbers are accepted.
/// The standard error covers the draws of both sets.
/// Cost: sorting, O((n + m) log(n + m)).
///
/// # Reference
/// Mann and Whitney (1947), *On a test of whether one of two random variables is stochastically larger than
/// the other*; the variance: DeLong, DeLong and Clarke-Pearson (1988), *Comparing the areas under two or more
/// correlated receiver operating characteristic curves*.
///
/// # Errors
/// [`EvalError::OutOfRange`] with fewer than two numbers in a set, [`EvalError::NotFinite`] for a NaN.
pub fn auroc(high: &[f64], low: &[f64]) -> Result<Estimate, EvalError> {
    let high_ranks = ranks(high, "high", low, "low")?;
    let low_ranks = ranks(low, "low", high, "high")?;
    let (n, m) = (high.len() as f64, low.len() as f64);
    let value = high_ranks.iter().sum::<f64>() / n;
    Ok(Estimate { value, standard_error: (variance(&high_ranks) / n + variance(&low_ranks) / m).sqrt() })
}

/// For each value the fraction of `others` below it, ties counted as one half.
fn ranks(
    values: &[f64],
    what: &'static str,
    others: &[f64],
    other: &'static str,
) -> Result<Vec<f64>, EvalError> {
    for (numbers, what) in [(values, what), (others, other)] {
        require_rows(numbers.len(), what, 2)?;
        if let Some(row) = numbers.iter().position(|value| value.is_nan()) {
            return Err(EvalError::NotFinite { what, row, value: f64::NAN });
        }
    }
    let mut sorted = others.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = |value: &f64| {
        let below = sorted.partition_point(|other| other < value);
        let not_above = sorted.partition_point(|other| other <= value);
        (below + not_above) as f64 / (2 * sorted.len()) as f64
    };
    Ok(values.iter().map(rank).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    #[test]
    fn auroc_is_the_fraction_of_pairs_in_order() {
        // pairs (1, 0), (1, 1) tied, (1, 4), (2, 0), (2, 1), (2, 4): 3.5 of 6
        assert!((auroc(&[1.0, 2.0], &[4.0, 0.0, 1.0]).unwrap().value - 3.5 / 6.0).abs() < 1e-15);
        assert!((auroc(&[4.0, 0.0, 1.0], &[1.0, 2.0]).unwrap().value - 2.5 / 6.0).abs() < 1e-15);
        let constant = auroc(&[1.0; 5], &[1.0; 3]).unwrap();
        assert_eq!(constant, Estimate { value: 0.5, standard_error: 0.0 });
        // zeros of either sign are equal, and infinities are the extremes
        assert_eq!(auroc(&[f64::INFINITY, 0.0], &[-0.0, f64::NEG_INFINITY]).unwrap().value, 3.5 / 4.0);
    }

    #[test]
    fn two_normals_have_the_known_area_and_standard_error() {
        // P(x + δ > y) = Φ(δ/√2), with δ = 1: Φ(0.7071) = 0.760 249 938 9
        let exact = 0.760_249_938_9;
        let mut noise = Noise::seeded(95);
        let mut draw = |_| {
            let high: Vec<f64> = noise.normals_f64(40).into_iter().map(|x| x + 1.0).collect();
            auroc(&high, &noise.normals_f64(60)).unwrap()
        };
        let found: Vec<Estimate> = (0..2000).map(&mut draw).collect();
        let values: Vec<f64> = found.iter().map(|e| e.value).collect();
        assert!(Estimate::mean(&values).errors_above(exact).abs() < 5.0);
        let squares: Vec<f64> = found.iter().map(|e| e.standard_error.powi(2)).collect();
        let (claimed, seen) = (Estimate::mean(&squares), variance(&values));
        // near normal, so a variance of 2000 values is known to √(2/2000)
        let error = (seen * (2.0f64 / 2000.0).sqrt()).hypot(claimed.standard_error);
        assert!((claimed.value - seen).abs() < 5.0 * error, "{} claimed, {seen} seen", claimed.value);
    }

    #[test]
    fn nan_is_refused_with_its_row() {
        let error = auroc(&[1.0, 2.0], &[0.0, 3.0, f64::NAN]).unwrap_err().to_string();
        assert_eq!(error, "low: expected finite numbers, found NaN in row 2");
        assert!(auroc(&[1.0], &[0.0, 3.0]).is_err());
    }
}
