//! Philox with 64-bit products in lanes, for x86-64.
//!
//! The instruction multiplies the low halves of its lanes and ignores the rest, so the words of a counter may be
//! kept in low halves with arbitrary high halves: the low half of a product is the next round's word without
//! further work, and its high half after one shift. Splitting the halves of all lanes and joining them in every
//! round would double the cost.

use std::any::Any;

use pulp::bytemuck::cast;
use pulp::x86::{V3, V4};
use pulp::{Simd, u32x8, u32x16, u64x4, u64x8};

use super::constants::{MULTIPLIERS, ROUNDS};

/// The words for `counters`, if `simd` has such lanes.
#[inline(always)]
pub(super) fn words<S: Simd, const N: usize>(
    simd: S,
    counters: [[S::u32s; 4]; N],
    keys: &[[u32; 2]; ROUNDS],
) -> Option<[[S::u32s; 4]; N]> {
    // The type is known at compile time, so at most one branch remains.
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

    /// The high halves of all lanes, moved to the low halves.
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
        // A shuffle instead of a shift: the compiler would merge a shift with the product into a 64-bit
        // multiplication, which is slower.
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

/// The words for `counters`; `S` and `H` have the same vectors.
#[inline(always)]
fn all<S: Simd, H: Halves, const N: usize>(
    simd: H,
    counters: [[S::u32s; 4]; N],
    keys: &[[u32; 2]; ROUNDS],
) -> [[S::u32s; 4]; N] {
    // Even lanes are low halves already; odd ones are moved there.
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
