//! The distributions of noise, as functions of the random words of a block.

use pulp::Simd;
use pulp::bytemuck::Pod;

use crate::normal;

/// The names of the distributions, by which a kernel on a CubeCL device is compiled.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// The words themselves, uniform on all 2³² values.
    Words,
    /// Uniform on `[0, 1)`, multiples of 2⁻²⁴.
    Uniforms,
    /// -1 or 1, from the highest bit.
    Signs,
    /// Standard normal.
    Normals,
}

/// A distribution: a map from the four words of a block to four numbers.
pub(crate) trait Distribution {
    /// The type of the numbers; it has 32 bits.
    type Number: Pod + Send;

    /// The name of the distribution.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    const NAME: Name;

    /// The bits of the numbers of one block per lane.
    fn numbers<S: Simd>(simd: S, words: [S::u32s; 4]) -> [S::u32s; 4];
}

/// The words themselves, uniform on all 2³² values.
pub(crate) struct Words;

impl Distribution for Words {
    type Number = u32;

    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    const NAME: Name = Name::Words;

    #[inline(always)]
    fn numbers<S: Simd>(_: S, words: [S::u32s; 4]) -> [S::u32s; 4] {
        words
    }
}

/// Uniform on `[0, 1)`, multiples of 2⁻²⁴.
pub(crate) struct Uniforms;

impl Distribution for Uniforms {
    type Number = f32;

    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    const NAME: Name = Name::Uniforms;

    #[inline(always)]
    fn numbers<S: Simd>(simd: S, words: [S::u32s; 4]) -> [S::u32s; 4] {
        let [a, b, c, d] = words;
        let uniform = |word| simd.transmute_u32s_f32s(normal::uniform(simd, word));
        [uniform(a), uniform(b), uniform(c), uniform(d)]
    }
}

/// -1 or 1, from the highest bit.
pub(crate) struct Signs;

impl Distribution for Signs {
    type Number = f32;

    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    const NAME: Name = Name::Signs;

    #[inline(always)]
    fn numbers<S: Simd>(simd: S, words: [S::u32s; 4]) -> [S::u32s; 4] {
        let (high, one) = (simd.splat_u32s(1 << 31), simd.splat_u32s(1f32.to_bits()));
        let [a, b, c, d] = words;
        let sign = |word| simd.or_u32s(simd.and_u32s(word, high), one);
        [sign(a), sign(b), sign(c), sign(d)]
    }
}

/// Standard normal: two from the first two words, and two from the last two.
pub(crate) struct Normals;

impl Distribution for Normals {
    type Number = f32;

    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    const NAME: Name = Name::Normals;

    #[inline(always)]
    fn numbers<S: Simd>(simd: S, [a, b, c, d]: [S::u32s; 4]) -> [S::u32s; 4] {
        let ([p, q], [r, s]) = (normal::box_muller(simd, a, b), normal::box_muller(simd, c, d));
        let bits = |number| simd.transmute_u32s_f32s(number);
        [bits(p), bits(q), bits(r), bits(s)]
    }
}
