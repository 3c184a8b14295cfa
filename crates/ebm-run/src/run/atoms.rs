//! Values that repeat in data whose score is to be matched without noise.
//!
//! Implicit, sliced and finite-difference score matching are the Fisher divergence less a constant, if the data have a
//! density. Where a share of the rows has one value of a column, that constant is infinite: a score that falls
//! ever more steeply through that value has an ever smaller loss, and the loss, which stays finite at every step, has no
//! lower bound.
//!
//! # Reference
//! Hyvärinen (2005), *Estimation of non-normalized statistical models by score matching*, theorem 1, for what the data
//! must have; Vincent (2011), *A connection between score matching and denoising autoencoders*, for the loss on rows with
//! noise, which is a square.

use std::num::NonZeroUsize;

use ebm_data::{Batches, DataError};
use ebm_model::Capabilities;
use ebm_train::ObjectiveConfig;

/// Rows that are looked at, and the most numbers in them.
const ROWS: usize = 1024;
const NUMBERS: usize = 1 << 22;

/// The share of the rows that have one value, from which on it is not an accident of rounding; 20 values, all equally
/// frequent, have it.
const SHARE: f64 = 0.05;

/// Fewer rows with one value are no sign of more.
const LEAST: usize = 5;

/// A line about the columns that have such a value, if the objective has no least loss on them.
///
/// # Errors
/// If rows cannot be read.
pub fn warning(
    objective: &ObjectiveConfig,
    network: &impl Capabilities,
    batches: &Batches,
) -> Result<Option<String>, DataError> {
    if !objective.needs_density() {
        return Ok(None);
    }
    let (data, dim) = (batches.data(), batches.dim());
    let most = ROWS.min(NUMBERS / dim.max(1));
    let Some(n) = NonZeroUsize::new(data.len().unwrap_or(most).min(most)) else { return Ok(None) };
    let values = batches.clone().with_size(n).read(0)?.values;
    let shares: Vec<f64> = (0..dim).map(|i| repeated(values[i..].iter().step_by(dim).copied())).collect();
    let n_found = shares.iter().filter(|&&share| 0.0 < share).count();
    let Some((worst, share)) = (0..dim).map(|i| (i, shares[i])).max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Ok(None);
    };
    if n_found == 0 {
        return Ok(None);
    }
    let name = match data.image_shape() {
        Some(_) => "a number of the images".to_owned(),
        None => format!(
            "column {}",
            data.columns().get(worst).cloned().unwrap_or_else(|| (worst + 1).to_string())
        ),
    };
    let others = if n_found == 1 { String::new() } else { format!(" (and {} more)", n_found - 1) };
    let with_noise = if network.as_noisy_score().is_some() { "denoising" } else { "denoising-at" };
    Ok(Some(format!(
        "{name}{others} has one value in {:.0} % of the rows, where the loss of {} has no lower bound: what it finds \
         is no density; `--set objective={with_noise}` learns from rows with noise",
        100.0 * share,
        objective.name()
    )))
}

/// The share of the values that equal the most frequent of them; 0 if that is no more than values of a density have.
fn repeated(values: impl Iterator<Item = f32>) -> f64 {
    let mut sorted: Vec<f32> = values.collect();
    sorted.sort_by(f32::total_cmp);
    let most = sorted.chunk_by(|a, b| a == b).map(<[f32]>::len).max().unwrap_or(0);
    let share = most as f64 / sorted.len().max(1) as f64;
    if LEAST <= most && SHARE <= share { share } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    #[test]
    fn values_that_repeat_are_told_from_those_of_a_density() {
        let z = Noise::seeded(3).normals_f64(1000);
        let of = |value: &dyn Fn(f64) -> f64| repeated(z.iter().map(|&z| value(z) as f32));
        assert_eq!(of(&|z| z), 0.0);
        // the most frequent of values rounded to h has a share of about h/√(2π)
        assert_eq!(of(&|z| (100.0 * z).round() / 100.0), 0.0);
        let halves = of(&|z| (2.0 * z).round() / 2.0);
        assert!((halves - 0.1974).abs() < 5.0 * (0.1974 * 0.8026 / 1000f64).sqrt(), "{halves}");
        let zeros = of(&|z| z.max(0.0));
        assert!((zeros - 0.5).abs() < 5.0 * 0.5 / 1000f64.sqrt(), "{zeros}");
        // −0 is 0
        assert_eq!(repeated([-0.0f32, 0.0].into_iter().cycle().take(100)), 1.0);
        // a few rows are no sign
        assert_eq!(repeated([1.0f32, 1.0, 2.0].into_iter()), 0.0);
        assert_eq!(repeated(std::iter::empty()), 0.0);
    }
}
