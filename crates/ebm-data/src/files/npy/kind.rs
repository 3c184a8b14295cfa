//! The types of numbers in an array.

use burn::tensor::f16;

/// A type of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) class: Class,
    /// Bytes of a number.
    pub(super) size: usize,
    big_endian: bool,
}

/// What numbers are, whatever their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Float,
    Signed,
    Unsigned,
    Boolean,
}

impl Kind {
    /// The type that NumPy calls `descr`: byte order, class and size, such as `<f8` or `|u1`.
    pub(super) fn parse(descr: &str) -> Option<Self> {
        let (class, size) = match descr.get(1..)? {
            "f2" => (Class::Float, 2),
            "f4" => (Class::Float, 4),
            "f8" => (Class::Float, 8),
            "i1" => (Class::Signed, 1),
            "i2" => (Class::Signed, 2),
            "i4" => (Class::Signed, 4),
            "i8" => (Class::Signed, 8),
            "u1" => (Class::Unsigned, 1),
            "u2" => (Class::Unsigned, 2),
            "u4" => (Class::Unsigned, 4),
            "u8" => (Class::Unsigned, 8),
            "b1" => (Class::Boolean, 1),
            _ => return None,
        };
        let big_endian = match descr.as_bytes()[0] {
            b'<' => false,
            b'>' => true,
            b'|' if size == 1 => false,
            _ => return None,
        };
        Some(Self { class, size, big_endian })
    }

    /// The least significant byte first.
    pub(super) fn little_endian(&self, bytes: &mut [u8]) {
        if self.big_endian {
            bytes.chunks_exact_mut(self.size).for_each(<[u8]>::reverse);
        }
    }

    /// What `map` makes of each number in `bytes`, which are in the order of [`little_endian`](Self::little_endian).
    pub(super) fn map<T>(&self, bytes: &[u8], map: impl FnMut(f64) -> T) -> Vec<T> {
        match (self.class, self.size) {
            (Class::Float, 2) => words(bytes, |word| f16::from_le_bytes(word).to_f64(), map),
            (Class::Float, 4) => words(bytes, |word| f64::from(f32::from_le_bytes(word)), map),
            (Class::Float, _) => words(bytes, f64::from_le_bytes, map),
            (Class::Signed, 1) => words(bytes, |word| f64::from(i8::from_le_bytes(word)), map),
            (Class::Signed, 2) => words(bytes, |word| f64::from(i16::from_le_bytes(word)), map),
            (Class::Signed, 4) => words(bytes, |word| f64::from(i32::from_le_bytes(word)), map),
            (Class::Signed, _) => words(bytes, |word| i64::from_le_bytes(word) as f64, map),
            (Class::Unsigned, 1) => words(bytes, |word| f64::from(u8::from_le_bytes(word)), map),
            (Class::Unsigned, 2) => words(bytes, |word| f64::from(u16::from_le_bytes(word)), map),
            (Class::Unsigned, 4) => words(bytes, |word| f64::from(u32::from_le_bytes(word)), map),
            (Class::Unsigned, _) => words(bytes, |word| u64::from_le_bytes(word) as f64, map),
            (Class::Boolean, _) => words(bytes, |[byte]| f64::from(u8::from(byte != 0)), map),
        }
    }
}

fn words<T, const N: usize>(
    bytes: &[u8],
    value: impl Fn([u8; N]) -> f64,
    mut map: impl FnMut(f64) -> T,
) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&word| map(value(word))).collect()
}
