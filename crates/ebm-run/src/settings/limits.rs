//! The most that a configuration or a model file may ask for, and the errors that say so.

use crate::error::{Result, ensure};

/// Most evaluations of a score in all steps of a chain: days.
pub(crate) const EVALUATIONS: u128 = 10_000_000_000;

/// Most evaluations of a score on the way of one sample from noise to data, and most of its levels.
pub(crate) const DESCENT: u128 = 1_000_000;

/// Most temperatures of parallel tempering, each of which is a chain.
pub(crate) const TEMPERATURES: usize = 1000;

/// The range in which a number and its square are single-precision numbers with all their digits.
const SCALES: [f64; 2] = [1e-15, 1e15];

/// A positive number whose square is one too in single precision.
pub(crate) fn scale(path: &str, found: f64) -> Result<()> {
    let [least, most] = SCALES;
    let is_right = (least..=most).contains(&found);
    ensure!(is_right, "{path} = {found:?}, expected a number from {least:e} to {most:e}");
    Ok(())
}

/// A number from 0 to the largest scale.
pub(crate) fn not_negative(path: &str, found: f64) -> Result<()> {
    let most = SCALES[1];
    ensure!((0.0..=most).contains(&found), "{path} = {found:?}, expected a number from 0 to {most:e}");
    Ok(())
}

/// A count of at least one.
pub(crate) fn count(path: &str, found: usize, most: u128) -> Result<()> {
    let is_right = 0 < found && found as u128 <= most;
    ensure!(is_right, "{path} = {found}, expected a whole number from 1 to {most}");
    Ok(())
}

/// Counts that multiply.
pub(crate) fn counts(path: &str, found: &[usize], most: u128) -> Result<()> {
    let found = product(found);
    ensure!(found <= most, "{path} = {found}, expected at most {most}");
    Ok(())
}

/// The product of counts, which wraps at no size that there is.
pub(crate) fn product(factors: &[usize]) -> u128 {
    factors.iter().fold(1, |product, &factor| product.saturating_mul(factor as u128))
}
