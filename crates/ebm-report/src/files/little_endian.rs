//! Numbers in little-endian order.

use std::io::{self, Write};

/// Numbers of single or double precision.
#[derive(Clone, Copy)]
pub(crate) enum Numbers<'a> {
    Single(&'a [f32]),
    Double(&'a [f64]),
}

impl Numbers<'_> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Single(values) => values.len(),
            Self::Double(values) => values.len(),
        }
    }

    /// Bytes of a number.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Single(_) => 4,
            Self::Double(_) => 8,
        }
    }

    /// Writes the numbers in pieces that fit the cache.
    pub(crate) fn write(self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Single(values) => write_pieces(values, |value| value.to_le_bytes(), out),
            Self::Double(values) => write_pieces(values, |value| value.to_le_bytes(), out),
        }
    }
}

fn write_pieces<T: Copy, const N: usize>(
    values: &[T],
    bytes_of: impl Fn(T) -> [u8; N],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(1 << 17);
    for piece in values.chunks(1 << 14) {
        bytes.clear();
        bytes.extend(piece.iter().flat_map(|&value| bytes_of(value)));
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// The numbers of single precision that the bytes are, if they are a whole number of them.
pub(crate) fn read(bytes: &[u8]) -> Option<Vec<f32>> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| numbers.iter().map(|&four| f32::from_le_bytes(four)).collect())
}
