//! Philox where a product of 64 bits is a lane, as x86-64 has it.
//!
//! The instruction multiplies the low halves of its lanes and looks at nothing else, so a counter's words may live in
//! low halves with anything above them: a product's low half is the next round's word as it is, and its high half
//! after one shift. To take the halves of all lanes apart and to put them together costs as much again.

use std::any::Any;

use pulp::bytemuck::cast;
use pulp::x86::{V3, V4};
use pulp::{Simd, u32x8, u32x16, u64x4, u64x8};

use super::constants::{MULTIPLIERS, ROUNDS};

/// The words that belong to `counters`, if the lanes of `simd` are such lanes.
#[inline(always)]
pub(super) fn words<S: Simd, const N: usize>(
    simd: S,
    counters: [[S::u32s; 4]; N],
    keys: &[[u32; 2]; ROUNDS],
) -> Option<[[S::u32s; 4]; N]> {
    // What the type is, is known when this is compiled; one branch stays, or none.
    let simd: &dyn Any = &simd;
    if let Some(&simd) = simd.downcast_ref::<V4>() {
        Some(all::<S, V4, N>(simd, counters, keys))
    } else if let Some(&simd) = simd.downcast_ref::<V3>() {
        Some(all::<S, V3, N>(simd, counters, keys))
    } else {
        None
    }
}

/// Vectors whose 64-bit lanes hold a product of two 32-bit numbers.
trait Halves: Simd {
    /// The products of the low halves of all lanes.
    fn product(self, a: Self::u64s, b: Self::u64s) -> Self::u64s;

    /// The high halves of all lanes, in the place of the low ones.
    fn high(self, a: Self::u64s) -> Self::u64s;

    /// The low halves of `even` in the low halves, and those of `odd` in the high ones.
    fn join(self, even: Self::u64s, odd: Self::u64s) -> Self::u32s;
}

impl Halves for V4 {
    #[inline(always)]
    fn product(self, a: u64x8, b: u64x8) -> u64x8 {
        cast(self.avx512f._mm512_mul_epu32(cast(a), cast(b)))
    }

    #[inline(always)]
    fn high(self, a: u64x8) -> u64x8 {
        cast(self.avx512f._mm512_srli_epi64::<32>(cast(a)))
    }

    #[inline(always)]
    fn join(self, even: u64x8, odd: u64x8) -> u32x16 {
        // Were it shifted, the compiler would make the shift part of a product of 64-bit numbers, which takes longer.
        let odd = self.avx512f._mm512_shuffle_epi32::<0b10_10_00_00>(cast(odd));
        cast(self.avx512f._mm512_mask_blend_epi32(0xaaaa, cast(even), odd))
    }
}

impl Halves for V3 {
    #[inline(always)]
    fn product(self, a: u64x4, b: u64x4) -> u64x4 {
        cast(self.avx2._mm256_mul_epu32(cast(a), cast(b)))
    }

    #[inline(always)]
    fn high(self, a: u64x4) -> u64x4 {
        cast(self.avx2._mm256_srli_epi64::<32>(cast(a)))
    }

    #[inline(always)]
    fn join(self, even: u64x4, odd: u64x4) -> u32x8 {
        let odd = self.avx2._mm256_shuffle_epi32::<0b10_10_00_00>(cast(odd));
        cast(self.avx2._mm256_blend_epi32::<0xaa>(cast(even), odd))
    }
}

/// The words that belong to `counters`; the vectors of `S` are those of `H`.
#[inline(always)]
fn all<S: Simd, H: Halves, const N: usize>(
    simd: H,
    counters: [[S::u32s; 4]; N],
    keys: &[[u32; 2]; ROUNDS],
) -> [[S::u32s; 4]; N] {
    // Even lanes are low halves already, and the odd ones are brought there.
    let zero = simd.splat_u64s(0);
    let mut states = [[[zero; 4]; 2]; N];
    for n in 0..N {
        for word in 0..4 {
            states[n][0][word] = cast(counters[n][word]);
            states[n][1][word] = simd.high(cast(counters[n][word]));
        }
    }
    let (m0, m1) = (simd.splat_u64s(MULTIPLIERS[0].into()), simd.splat_u64s(MULTIPLIERS[1].into()));
    for key in keys {
        let (k0, k1) = (simd.splat_u64s(key[0].into()), simd.splat_u64s(key[1].into()));
        for state in states.as_flattened_mut() {
            let [c0, c1, c2, c3] = *state;
            let (p0, p1) = (simd.product(c0, m0), simd.product(c2, m1));
            let c0 = simd.xor_u64s(simd.xor_u64s(simd.high(p1), c1), k0);
            let c2 = simd.xor_u64s(simd.xor_u64s(simd.high(p0), c3), k1);
            *state = [c0, p1, c2, p0];
        }
    }
    let mut words = counters;
    for n in 0..N {
        for word in 0..4 {
            words[n][word] = cast(simd.join(states[n][0][word], states[n][1][word]));
        }
    }
    words
}
