//! Draws of many numbers: the blocks of a stream through a law, a vector of lanes at a time.

use std::mem::MaybeUninit;

use pulp::bytemuck;
use pulp::{Simd, WithSimd};

use crate::distribution::Distribution;
use crate::{parallel, philox, profile, simd};

/// Elements that one task fills; a multiple of those that a vector of lanes gives at once.
const CHUNK: usize = 16 * 1024;

/// Vectors of blocks that are made together.
const SETS: usize = 2;

/// Draw number `draw` of the stream with this key, `n` elements, filled by all threads.
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
    // SAFETY: there is room for n numbers, the chunks cover the first n places, and `Fill` writes every place
    // of the slice that it is given.
    unsafe { numbers.set_len(n) };
    numbers
}

/// One draw of a stream, of which any part can be made.
pub(crate) struct Draw {
    keys: [[u32; 2]; philox::ROUNDS],
    number: u64,
}

impl Draw {
    /// Draw `number` of the stream with this key.
    pub fn new(key: [u32; 2], number: u64) -> Self {
        Self { keys: philox::round_keys(key), number }
    }

    /// How many elements are made at once.
    pub const fn step<S: Simd>() -> usize {
        SETS * 4 * S::U32_LANES
    }

    /// The bits of the elements from `first` on, which begins a block; their order is that in memory.
    #[inline(always)]
    pub fn bits<L: Distribution, S: Simd>(&self, simd: S, first: usize) -> [[S::u32s; 4]; SETS] {
        let mut sets = philox::blocks(simd, first as u64 / 4, self.number, &self.keys);
        for set in &mut sets {
            *set = simd.interleave_shfl_f32s(L::numbers(simd, *set));
        }
        sets
    }
}

/// Writes the elements of a draw from `first` on, which begins a block, to every place of `out`.
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
                // SAFETY: there is room for as many numbers, whose bits these are; nothing is said of alignment.
                unsafe { place.cast::<[[S::u32s; 4]; SETS]>().write_unaligned(bits) };
            } else {
                let numbers: &[L::Number] = bytemuck::cast_slice(bits.as_flattened());
                // SAFETY: the numbers are more than there is room for, and elsewhere.
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

    /// The bits of `n` elements from `first` on, without vectors and with the widest there are.
    fn both<L: Distribution>(first: usize, n: usize) -> [Vec<L::Number>; 2] {
        let mut out = [vec![L::Number::zeroed(); n], vec![L::Number::zeroed(); n]];
        let [scalar, vector] = out.each_mut().map(|out| {
            // SAFETY: a place that holds a number may be seen as one that may hold one, and only numbers are
            // written to it.
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
                assert!(scalar == vector, "{n} from {first} on");
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
