//! Errors that are the caller's: a wrong flag, a wrong configuration.

use std::fmt;

/// Marks an error as a wrong use of the program, which ends it with 2 and not with 1.
#[derive(Debug)]
pub struct Usage(anyhow::Error);

impl Usage {
    /// The error that it marks.
    pub fn cause(&self) -> &anyhow::Error {
        &self.0
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for Usage {}

/// The error as the caller's.
pub fn usage(error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error = error.into();
    if error.is::<Usage>() { error } else { anyhow::Error::new(Usage(error)) }
}
