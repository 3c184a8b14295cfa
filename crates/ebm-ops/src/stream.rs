//! Draws of many numbers: the blocks of a stream through a law, a vector of lanes at a time.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd, bytemuck};
use rayon::prelude::*;

#[cfg(any(feature = "wgpu", feature = "cuda"))]
use crate::cube;
use crate::{normal, philox, profile, simd};

/// Elements that one task fills; a multiple of those that a vector of lanes gives at once.
const CHUNK: usize = 16 * 1024;

/// Most lanes that an instruction set has.
const LANES: usize = 16;

/// Vectors of blocks that are made together.
const SETS: usize = 2;

/// How the four words of a block become four numbers.
pub(crate) trait Law {
    /// A number, of 32 bits.
    type Number: Copy + Send;

    /// The same law on a CubeCL device.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    const CUBE: cube::Law;

    /// The bits of the numbers, of as many blocks as there are lanes.
    fn numbers<S: Simd>(simd: S, words: [S::u32s; 4]) -> [S::u32s; 4];

    /// The number of these bits.
    fn from_bits(bits: u32) -> Self::Number;
}

/// Every word as it is.
pub(crate) struct Words;

impl Law for Words {
    type Number = u32;

    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    const CUBE: cube::Law = cube::Law::Words;

    #[inline(always)]
    fn numbers<S: Simd>(_: S, words: [S::u32s; 4]) -> [S::u32s; 4] {
        words
    }

    #[inline(always)]
    fn from_bits(bits: u32) -> u32 {
        bits
    }
}

/// Uniform on `[0, 1)`, multiples of 2⁻²⁴.
pub(crate) struct Uniforms;

impl Law for Uniforms {
    type Number = f32;

    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    const CUBE: cube::Law = cube::Law::Uniforms;

    #[inline(always)]
    fn numbers<S: Simd>(simd: S, words: [S::u32s; 4]) -> [S::u32s; 4] {
        let [a, b, c, d] = words;
        let uniform = |word| simd.transmute_u32s_f32s(normal::uniform(simd, word));
        [uniform(a), uniform(b), uniform(c), uniform(d)]
    }

    #[inline(always)]
    fn from_bits(bits: u32) -> f32 {
        f32::from_bits(bits)
    }
}

/// -1 or 1, by the highest bit.
pub(crate) struct Signs;

impl Law for Signs {
    type Number = f32;

    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    const CUBE: cube::Law = cube::Law::Signs;

    #[inline(always)]
    fn numbers<S: Simd>(simd: S, words: [S::u32s; 4]) -> [S::u32s; 4] {
        let (high, one) = (simd.splat_u32s(1 << 31), simd.splat_u32s(1f32.to_bits()));
        let [a, b, c, d] = words;
        let sign = |word| simd.or_u32s(simd.and_u32s(word, high), one);
        [sign(a), sign(b), sign(c), sign(d)]
    }

    #[inline(always)]
    fn from_bits(bits: u32) -> f32 {
        f32::from_bits(bits)
    }
}

/// Standard normal, two from the first two words and two from the last two.
pub(crate) struct Normals;

impl Law for Normals {
    type Number = f32;

    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    const CUBE: cube::Law = cube::Law::Normals;

    #[inline(always)]
    fn numbers<S: Simd>(simd: S, [a, b, c, d]: [S::u32s; 4]) -> [S::u32s; 4] {
        let ([p, q], [r, s]) = (normal::box_muller(simd, a, b), normal::box_muller(simd, c, d));
        let bits = |number| simd.transmute_u32s_f32s(number);
        [bits(p), bits(q), bits(r), bits(s)]
    }

    #[inline(always)]
    fn from_bits(bits: u32) -> f32 {
        f32::from_bits(bits)
    }
}

/// Draw number `draw` of the stream with this key, `n` elements, filled by all threads.
pub(crate) fn draw<L: Law>(key: [u32; 2], draw: u64, n: usize) -> Vec<L::Number> {
    let (mut numbers, arch) = (Vec::with_capacity(n), simd::arch());
    profile::span("noise", || {
        let places = &mut numbers.spare_capacity_mut()[..n];
        let fill = |(task, out): (usize, &mut [MaybeUninit<L::Number>])| {
            arch.dispatch(Fill::<L> { key, draw, first: task * CHUNK, out });
        };
        // To hand one task to another thread takes longer than many a task.
        if n <= CHUNK {
            places.chunks_mut(CHUNK).enumerate().for_each(fill);
        } else {
            places.par_chunks_mut(CHUNK).enumerate().for_each(fill);
        }
    });
    // SAFETY: there is room for n numbers, the chunks cover the first n places, and `Fill` writes every place
    // of the slice that it is given.
    unsafe { numbers.set_len(n) };
    numbers
}

/// Writes the elements of a draw from `first` on, which begins a block, to every place of `out`.
pub(crate) struct Fill<'a, L: Law> {
    pub(crate) key: [u32; 2],
    pub(crate) draw: u64,
    pub(crate) first: usize,
    pub(crate) out: &'a mut [MaybeUninit<L::Number>],
}

impl<L: Law> WithSimd for Fill<'_, L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { key, draw, first, out } = self;
        const { assert!(S::U32_LANES <= LANES) };
        let keys = philox::round_keys(key);
        let mut block = first as u64 / 4;
        for out in out.chunks_mut(SETS * 4 * S::U32_LANES) {
            let sets: [_; SETS] = philox::blocks(simd, block, draw, &keys);
            block += (SETS * S::U32_LANES) as u64;
            let mut ordered = [MaybeUninit::uninit(); SETS * 4 * LANES];
            for (words, ordered) in sets.into_iter().zip(ordered.chunks_exact_mut(4 * S::U32_LANES)) {
                // One block's numbers are in one lane of four vectors, and belong beside each other.
                let numbers = L::numbers(simd, words);
                let bits: &[u32] = bytemuck::cast_slice(&numbers);
                for lane in 0..S::U32_LANES {
                    for word in 0..4 {
                        ordered[4 * lane + word] =
                            MaybeUninit::new(L::from_bits(bits[word * S::U32_LANES + lane]));
                    }
                }
            }
            out.copy_from_slice(&ordered[..out.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;
    use crate::philox4x32;

    /// The bits of `n` elements from `first` on, without vectors and with the widest there are.
    fn both<L: Law>(first: usize, n: usize) -> [Vec<L::Number>; 2] {
        let mut out = [vec![L::from_bits(0); n], vec![L::from_bits(0); n]];
        let [scalar, vector] = out.each_mut().map(|out| {
            // SAFETY: a place that holds a number may be seen as one that may hold one, and only numbers are
            // written to it.
            unsafe { &mut *(out.as_mut_slice() as *mut [L::Number] as *mut [MaybeUninit<L::Number>]) }
        });
        Fill::<L> { key: [71, 73], draw: 1 << 40, first, out: scalar }.with_simd(Scalar);
        simd::arch().dispatch(Fill::<L> { key: [71, 73], draw: 1 << 40, first, out: vector });
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
