//! Philox4x32-10: a counter-based generator, a pure function from a counter and a key to four words.

mod constants;
#[cfg(target_arch = "x86_64")]
mod halves;

use pulp::Simd;

pub(crate) use constants::{MULTIPLIERS, ROUNDS, WEYL};

/// The four random words for `counter` and `key`.
///
/// # Reference
/// Salmon, Moraes, Dror and Shaw (2011), *Parallel random numbers: as easy as 1, 2, 3*, §4.3.
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut c0, mut c1, mut c2, mut c3], [mut k0, mut k1]) = (counter, key);
    for _ in 0..ROUNDS {
        let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c2);
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        (k0, k1) = (k0.wrapping_add(WEYL[0]), k1.wrapping_add(WEYL[1]));
    }
    [c0, c1, c2, c3]
}

/// The keys of all rounds for `key`.
pub(crate) fn round_keys(key: [u32; 2]) -> [[u32; 2]; ROUNDS] {
    std::array::from_fn(|i| [0, 1].map(|k| key[k].wrapping_add(WEYL[k].wrapping_mul(i as u32))))
}

/// The words of consecutive blocks of one draw, `N` per lane, from block `first` on.
///
/// Word w of a block is a lane of vector w of its set; [`order`] defines which lane. The counter of a block is its
/// number and `draw`, low halves first. More than one set at a time hides the latency of the products.
#[inline(always)]
pub(crate) fn blocks<S: Simd, const N: usize>(
    simd: S,
    first: u64,
    draw: u64,
    keys: &[[u32; 2]; ROUNDS],
) -> [[S::u32s; 4]; N] {
    let order = order(simd);
    let (c2, c3) = (simd.splat_u32s(draw as u32), simd.splat_u32s((draw >> 32) as u32));
    let mut counters = [[order, order, c2, c3]; N];
    let mut block = first;
    for counter in &mut counters {
        let (low, high) = (simd.splat_u32s(block as u32), simd.splat_u32s((block >> 32) as u32));
        counter[0] = simd.add_u32s(low, order);
        let carried = simd.less_than_u32s(counter[0], low);
        counter[1] = simd.select_u32s(carried, simd.add_u32s(high, simd.splat_u32s(1)), high);
        block += S::U32_LANES as u64;
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(words) = halves::words(simd, counters, keys) {
        return words;
    }
    words(simd, counters, keys)
}

/// The number of each lane's block, relative to the first one.
///
/// The order is such that [`interleave_shfl_f32s`](Simd::interleave_shfl_f32s), the cheapest shuffle, puts the four
/// words of each block next to each other, and the blocks in sequence.
#[inline(always)]
fn order<S: Simd>(simd: S) -> S::u32s {
    const BLOCKS: [[u32; 4]; 16] = {
        let mut blocks = [[0; 4]; 16];
        let mut i = 0;
        while i < 16 {
            blocks[i] = [i as u32; 4];
            i += 1;
        }
        blocks
    };
    let blocks = S::as_simd_u32s(BLOCKS.as_flattened()).0;
    simd.deinterleave_shfl_f32s([blocks[0], blocks[1], blocks[2], blocks[3]])[0]
}

/// The words for `counters`, in all lanes.
#[inline(always)]
fn words<S: Simd, const N: usize>(
    simd: S,
    mut counters: [[S::u32s; 4]; N],
    keys: &[[u32; 2]; ROUNDS],
) -> [[S::u32s; 4]; N] {
    let (m0, m1) = (simd.splat_u32s(MULTIPLIERS[0]), simd.splat_u32s(MULTIPLIERS[1]));
    for key in keys {
        let (k0, k1) = (simd.splat_u32s(key[0]), simd.splat_u32s(key[1]));
        for counter in &mut counters {
            let [c0, c1, c2, c3] = *counter;
            let (low0, high0) = simd.widening_mul_u32s(c0, m0);
            let (low1, high1) = simd.widening_mul_u32s(c2, m1);
            let c0 = simd.xor_u32s(simd.xor_u32s(high1, c1), k0);
            let c2 = simd.xor_u32s(simd.xor_u32s(high0, c3), k1);
            *counter = [c0, low1, c2, low0];
        }
    }
    counters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_equal_the_published_test_vectors() {
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([!0; 4], [!0; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox4x32(counter, key), expected);
        }
    }
}
