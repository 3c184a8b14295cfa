//! Ranges that several settings share.

use ebm_ops::OutOfRange;

/// `value` if it is zero or more, and finite.
pub fn non_negative(what: &str, value: f64) -> Result<f64, OutOfRange> {
    within(what, value, (0.0..f64::INFINITY).contains(&value), "zero or a positive, finite number")
}

/// `value` if it is a share, 0 and 1 among them.
pub fn share(what: &str, value: f64) -> Result<f64, OutOfRange> {
    within(what, value, (0.0..=1.0).contains(&value), "a number between 0 and 1")
}

/// `value` if it is at least 0 and less than 1.
pub fn below_one(what: &str, value: f64) -> Result<f64, OutOfRange> {
    within(what, value, (0.0..1.0).contains(&value), "at least 0 and less than 1")
}

/// `value` if it is finite.
pub fn finite(what: &str, value: f64) -> Result<f64, OutOfRange> {
    within(what, value, value.is_finite(), "a finite number")
}

/// `value` if it is finite and greater than `bound`, the value of the field `other`.
pub fn above(what: &str, value: f64, other: &str, bound: f64) -> Result<f64, OutOfRange> {
    let expected = format!("a finite number greater than {other} = {bound}");
    within(what, value, value.is_finite() && bound < value, &expected)
}

fn within(what: &str, value: f64, fits: bool, expected: &str) -> Result<f64, OutOfRange> {
    if fits { Ok(value) } else { Err(OutOfRange::new(what, value, expected)) }
}
