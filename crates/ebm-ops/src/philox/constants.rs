//! The constants of Philox4x32-10, as published.

/// Number of rounds of the recommended, crush-resistant variant.
pub(crate) const ROUNDS: usize = 10;
/// Multipliers of the two 32×32→64-bit products of a round.
pub(crate) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Increments of the key after each round (golden ratio, √3 − 1).
pub(crate) const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
