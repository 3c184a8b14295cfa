//! A factor of a matrix product.

/// A factor, given in row-major order as it is, or by its transpose in row-major order.
#[derive(Clone, Copy)]
pub(crate) enum Factor<'a> {
    Plain(&'a [f32]),
    Transposed(&'a [f32]),
}
