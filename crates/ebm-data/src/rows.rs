//! What a file of numbers holds.

/// Rows of a file, before they are checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rows {
    pub(crate) dim: usize,
    /// Row after row.
    pub(crate) values: Vec<f64>,
}
