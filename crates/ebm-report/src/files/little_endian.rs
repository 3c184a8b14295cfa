//! Numbers in little-endian order.

use std::io::{self, Write};

/// Writes the numbers in pieces that fit the cache.
pub(super) fn write_little_endian(values: &[f32], out: &mut dyn Write) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(1 << 16);
    for piece in values.chunks(1 << 14) {
        bytes.clear();
        bytes.extend(piece.iter().flat_map(|value| value.to_le_bytes()));
        out.write_all(&bytes)?;
    }
    Ok(())
}
