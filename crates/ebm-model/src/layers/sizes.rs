//! Bounds on the sizes of layers.

use std::ops::RangeInclusive;

use ebm_ops::OutOfRange;

/// Sizes of channels, units and coordinates.
const SIZES: RangeInclusive<usize> = 1..=65_536;

/// Whether `size` is a size that a layer can have.
///
/// # Errors
/// The size, if it is not within 1 to 65,536.
pub(crate) fn check_size(what: &str, size: usize) -> Result<(), OutOfRange> {
    if SIZES.contains(&size) { Ok(()) } else { Err(OutOfRange::new(what, size, "1 to 65,536")) }
}
