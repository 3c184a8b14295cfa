//! Draws of many numbers: maps the blocks of a stream to a distribution, one vector of lanes at a time.

use std::mem::MaybeUninit;

use pulp::bytemuck;
use pulp::{Simd, WithSimd};

use crate::distribution::Distribution;
use crate::{parallel, philox, profile, simd};

/// Elements per task; a multiple of [`Draw::step`].
const CHUNK: usize = 16 * 1024;

/// Number of vectors of blocks that are generated together.
const SETS: usize = 2;

/// Draw number `draw` of the stream with this key, `n` elements, generated on all threads.
pub(crate) fn draw<L: Distribution>(key: [u32; 2], draw: u64, n: usize) -> Vec<L::Number> {
    let (mut numbers, arch) = (Vec::with_capacity(n), simd::arch());
    profile::span("noise", || {
        let draw = &Draw::new(key, draw);
        let places = &mut numbers.spare_capacity_mut()[..n];
        let fill = |task: usize, out: &mut [MaybeUninit<L::Number>]| {
            arch.dispatch(Fill::<L> { draw, first: task * CHUNK, out });
        };
        parallel::each(places.chunks_mut(CHUNK), fill);
    });
    // SAFETY: the capacity is at least `n`, the chunks cover the first `n` elements, and `Fill` writes every
    // element of its slice.
    unsafe { numbers.set_len(n) };
    numbers
}

/// One draw of a stream, any part of which can be generated.
pub(crate) struct Draw {
    keys: [[u32; 2]; philox::ROUNDS],
    number: u64,
}

impl Draw {
    /// Draw `number` of the stream with this key.
    pub fn new(key: [u32; 2], number: u64) -> Self {
        Self { keys: philox::round_keys(key), number }
    }

    /// Number of elements that are generated at once.
    pub const fn step<S: Simd>() -> usize {
        SETS * 4 * S::U32_LANES
    }

    /// The bits of the elements from `first` on, in memory order; `first` must be the beginning of a block.
    #[inline(always)]
    pub fn bits<L: Distribution, S: Simd>(&self, simd: S, first: usize) -> [[S::u32s; 4]; SETS] {
        let mut sets = philox::blocks(simd, first as u64 / 4, self.number, &self.keys);
        for set in &mut sets {
            *set = simd.interleave_shfl_f32s(L::numbers(simd, *set));
        }
        sets
    }
}

/// A task: fills `out` with the elements of a draw from `first` on, which must be the beginning of a block.
struct Fill<'a, L: Distribution> {
    draw: &'a Draw,
    first: usize,
    out: &'a mut [MaybeUninit<L::Number>],
}

impl<L: Distribution> WithSimd for Fill<'_, L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { draw, first, out } = self;
        const { assert!(size_of::<L::Number>() == size_of::<u32>()) };
        for (i, out) in out.chunks_mut(Draw::step::<S>()).enumerate() {
            let bits = draw.bits::<L, S>(simd, first + i * Draw::step::<S>());
            let place = out.as_mut_ptr();
            if out.len() == Draw::step::<S>() {
                // SAFETY: `out` has exactly as many numbers, whose bits these are; the write is unaligned.
                unsafe { place.cast::<[[S::u32s; 4]; SETS]>().write_unaligned(bits) };
            } else {
                let numbers: &[L::Number] = bytemuck::cast_slice(bits.as_flattened());
                // SAFETY: `numbers` is longer than `out`, and they do not overlap.
                unsafe { place.cast::<L::Number>().copy_from_nonoverlapping(numbers.as_ptr(), out.len()) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;
    use pulp::bytemuck::Zeroable;

    use super::*;
    use crate::distribution::{Normals, Signs, Uniforms, Words};
    use crate::philox4x32;

    /// `n` elements from `first` on, with scalar instructions and with the widest vectors.
    fn both<L: Distribution>(first: usize, n: usize) -> [Vec<L::Number>; 2] {
        let mut out = [vec![L::Number::zeroed(); n], vec![L::Number::zeroed(); n]];
        let [scalar, vector] = out.each_mut().map(|out| {
            // SAFETY: `MaybeUninit<T>` has the layout of `T`, and only initialised numbers are written to it.
            unsafe { &mut *(out.as_mut_slice() as *mut [L::Number] as *mut [MaybeUninit<L::Number>]) }
        });
        let draw = &Draw::new([71, 73], 1 << 40);
        Fill::<L> { draw, first, out: scalar }.with_simd(Scalar);
        simd::arch().dispatch(Fill::<L> { draw, first, out: vector });
        out
    }

    #[test]
    fn vectors_and_scalars_give_the_same_bits() {
        let bits = |[scalar, vector]: [Vec<f32>; 2]| {
            [scalar, vector].map(|v| v.into_iter().map(f32::to_bits).collect::<Vec<_>>())
        };
        for (first, n) in [(0, 1_000_001), (4 * ((1 << 32) - 5), 1003), (12, 3)] {
            for [scalar, vector] in [
                both::<Words>(first, n),
                bits(both::<Uniforms>(first, n)),
                bits(both::<Signs>(first, n)),
                bits(both::<Normals>(first, n)),
            ] {
                assert!(scalar == vector, "{n} elements from {first} on");
            }
        }
    }

    #[test]
    fn element_i_is_word_i_mod_4_of_block_i_div_4() {
        let first = 4 * ((1 << 32) - 5);
        let [_, found] = both::<Words>(first, 1003);
        for (i, word) in (first..).zip(found) {
            let block = i as u64 / 4;
            let expected = philox4x32([block as u32, (block >> 32) as u32, 0, 1 << 8], [71, 73]);
            assert_eq!(word, expected[i % 4]);
        }
    }
}
