//! A matrix product and its factors.

use crate::product::Size;

/// A factor, given in row-major order as it is, or by its transpose in row-major order.
#[derive(Clone, Copy)]
pub(crate) enum Factor<'a> {
    Plain(&'a [f32]),
    Transposed(&'a [f32]),
}

/// `left` times `right`, plus `row` in every row.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    pub size: Size,
    pub left: Factor<'a>,
    pub right: Factor<'a>,
    pub row: Option<&'a [f32]>,
}
