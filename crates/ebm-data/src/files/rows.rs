//! The content of a file of numbers.

/// Rows of numbers as a file has them, which may be NaN or infinite.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// Columns, at least one.
    pub dim: usize,
    /// Row after row.
    pub values: Vec<f64>,
}
