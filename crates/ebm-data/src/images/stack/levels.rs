//! What in an array is black, and what is white.

use std::path::Path;

use crate::DataError;
use crate::files::npy::{Array, Class};

/// How far floats may be beyond a range that they are taken to have, as a share of it: they were rounded.
const SLACK: f64 = 1e-3;

/// The range of an array's numbers from black to white.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Levels {
    /// 0 to 255.
    Bytes,
    /// 0 to 1.
    Unit,
    /// −1 to 1.
    Signed,
    /// 0 to 65,535.
    Words,
}

impl Levels {
    /// Finds out the range from the least and the greatest number.
    ///
    /// # Errors
    /// If a number is NaN or infinite, or the range is none of those known.
    pub(super) fn of(array: &Array, file: &Path) -> Result<Self, DataError> {
        let n = array.not_finite();
        if 0 < n {
            let what = if n == 1 { "number is" } else { "numbers are" };
            return Err(DataError::malformed(file, format!("{n} {what} NaN or infinite")));
        }
        let (least, greatest) = array.range();
        let class = array.kind.class;
        let within = |from: f64, to: f64| {
            let slack = if class == Class::Float { SLACK * (to - from) } else { 0.0 };
            from - slack <= least && greatest <= to + slack
        };
        let is_float = class == Class::Float;
        let found = [
            (Self::Bytes, within(0.0, 0.0) && !is_float),
            (Self::Unit, within(0.0, 1.0)),
            (Self::Signed, within(-1.0, 1.0)),
            // Fractions a little beyond 1 are of another range, and no images that are nearly black.
            (Self::Bytes, within(0.0, 255.0) && !(is_float && greatest <= 2.0)),
            (Self::Words, within(0.0, 65_535.0) && !is_float),
        ];
        let found = found.into_iter().find(|(_, fits)| *fits).map(|(levels, _)| levels);
        found.ok_or_else(|| {
            let integers = if is_float { "" } else { ", or to 65535" };
            let problem = format!(
                "numbers from {least} to {greatest}, expected levels from 0 to 1, from -1 to 1, or from 0 to 255{integers}"
            );
            DataError::malformed(file, problem)
        })
    }

    /// The byte of a number.
    pub(super) fn byte(self, value: f64) -> u8 {
        let level = match self {
            Self::Bytes => value,
            Self::Unit => 255.0 * value,
            Self::Signed => 127.5 * (value + 1.0),
            Self::Words => value / 257.0,
        };
        level.round() as u8
    }

    /// A sentence, unless the numbers are bytes.
    pub(super) fn note(self) -> Option<String> {
        match self {
            Self::Bytes => None,
            Self::Unit => Some("levels from 0 to 1".into()),
            Self::Signed => Some("levels from -1 to 1".into()),
            Self::Words => Some("levels of 16 bits, reduced to 8".into()),
        }
    }
}
