//! A factor of a product.

/// A factor in row-major order, or its transpose in that order.
#[derive(Clone, Copy)]
pub(crate) enum Factor<'a> {
    Plain(&'a [f32]),
    Transposed(&'a [f32]),
}
