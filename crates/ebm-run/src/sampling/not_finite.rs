//! Samples that are not numbers.

use std::fmt;

/// A sample that is not finite, by its number from 0.
#[derive(Debug)]
pub struct NotFinite(pub usize);

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sample {} is not finite: the steps are too large, or the model is broken", self.0)
    }
}

impl std::error::Error for NotFinite {}
