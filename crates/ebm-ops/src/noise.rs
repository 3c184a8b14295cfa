//! The random number streams of the workspace.

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

#[cfg(any(feature = "wgpu", feature = "cuda"))]
use crate::cube;
use crate::distribution::{Distribution, Normals, Signs, Uniforms, Words};
use crate::normal;
use crate::parallel;
use crate::philox::philox4x32;
use crate::stream;

/// Elements per task; a multiple of the four words of a block.
const CHUNK: usize = 16 * 1024;

/// A counter-based stream of random numbers: each number is a pure function of its position in the stream.
///
/// Element `i` of draw `n` is word `i mod 4` of Philox4x32-10 at counter `(i / 4, n)` under the stream's key. So
/// row `r` of a batch gets the same numbers whatever the batch size, the number of threads and the backend, and the
/// whole state is the 16 bytes of this struct.
///
/// A clone of a `Noise` repeats its numbers; [`derive`](Self::derive) and [`child`](Self::child) give independent
/// streams.
///
/// # Reference
/// Salmon, Moraes, Dror and Shaw (2011), *Parallel random numbers: as easy as 1, 2, 3*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    key: [u32; 2],
    draw: u64,
}

impl Noise {
    /// The root stream of `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self { key: split(seed), draw: 0 }
    }

    /// The independent stream named `label`. It depends only on the key of this stream and on the label, not on
    /// previous draws.
    pub fn derive(&self, label: &str) -> Self {
        let hash = fnv1a(label.as_bytes());
        self.below(hash, [label.len() as u32, 0x6c61_6265])
    }

    /// The independent stream number `index`. It depends only on the key of this stream and on the index, not on
    /// previous draws.
    pub fn child(&self, index: u64) -> Self {
        self.below(index, [0, 0x6368_696c])
    }

    fn below(&self, name: u64, kind: [u32; 2]) -> Self {
        let [low, high] = split(name);
        let [a, b, ..] = philox4x32([low, high, kind[0], kind[1]], self.key);
        Self { key: [a, b], draw: 0 }
    }

    /// Number of draws made from this stream.
    pub fn draws(&self) -> u64 {
        self.draw
    }

    /// The stream's key.
    #[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
    pub(crate) fn key(&self) -> [u32; 2] {
        self.key
    }

    /// Advances the stream by one draw, and returns the number of this draw.
    pub(crate) fn advance(&mut self) -> u64 {
        let draw = self.draw;
        self.draw += 1;
        draw
    }

    /// `n` words, each uniform on all 2³² values.
    pub fn words(&mut self, n: usize) -> Vec<u32> {
        stream::draw::<Words>(self.key, self.advance(), n)
    }

    /// `n` numbers uniform on `[0, 1)`, multiples of 2⁻²⁴.
    pub fn uniforms(&mut self, n: usize) -> Vec<f32> {
        stream::draw::<Uniforms>(self.key, self.advance(), n)
    }

    /// `n` standard normals.
    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        stream::draw::<Normals>(self.key, self.advance(), n)
    }

    /// `n` standard normals in double precision, from the same words as [`normals`](Self::normals).
    pub fn normals_f64(&mut self, n: usize) -> Vec<f64> {
        self.fill(n, |[a, b, c, d]| {
            let ([p, q], [r, s]) = (normal::box_muller_f64(a, b), normal::box_muller_f64(c, d));
            [p, q, r, s]
        })
    }

    /// `n` Rademacher signs, −1 or 1.
    pub fn signs(&mut self, n: usize) -> Vec<f32> {
        stream::draw::<Signs>(self.key, self.advance(), n)
    }

    /// `n` indices in `0..bound`, with replacement.
    ///
    /// An index is the high half of a 64-bit product (Lemire 2019), biased by less than `bound`/2⁶⁴.
    ///
    /// # Panics
    /// If `bound` is zero and `n` is not.
    pub fn indices(&mut self, n: usize, bound: usize) -> Vec<usize> {
        assert!(0 < bound || n == 0, "bound: expected at least 1, found 0");
        let words = self.words(2 * n);
        words.chunks_exact(2).map(|pair| below(pair, bound as u64)).collect()
    }

    /// A uniformly random permutation of `0..n` (Fisher and Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let words = self.words(2 * n);
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, below(&words[2 * i..2 * i + 2], i as u64 + 1));
        }
        order
    }

    /// A tensor of standard normals in the device's float type.
    pub fn normal<const D: usize>(&mut self, shape: [usize; D], device: &Device) -> Tensor<D> {
        self.tensor::<Normals, D>(shape, device, device.settings().float_dtype.into())
    }

    /// Standard normals of the shape, type and device of `x`; never tracked by autodiff.
    pub fn normal_like<const D: usize>(&mut self, x: &Tensor<D>) -> Tensor<D> {
        let (shape, device) = (x.dims(), x.device().inner());
        match x.dtype() {
            DType::F64 => {
                let data = TensorData::new(self.normals_f64(shape.iter().product()), shape);
                Tensor::from_data(data, (&device, DType::F64))
            }
            dtype => self.tensor::<Normals, D>(shape, &device, dtype),
        }
    }

    /// Numbers uniform on `[0, 1)` in the device's float type.
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], device: &Device) -> Tensor<D> {
        self.tensor::<Uniforms, D>(shape, device, device.settings().float_dtype.into())
    }

    /// Rademacher signs, −1 or 1, of the shape, type and device of `x`; never tracked by autodiff.
    pub fn rademacher_like<const D: usize>(&mut self, x: &Tensor<D>) -> Tensor<D> {
        self.tensor::<Signs, D>(x.dims(), &x.device().inner(), x.dtype())
    }

    /// One draw as a tensor: generated on the device if it has a kernel, else on the CPU and copied.
    fn tensor<L: Distribution<Number = f32>, const D: usize>(
        &mut self,
        shape: [usize; D],
        device: &Device,
        dtype: DType,
    ) -> Tensor<D> {
        let (key, draw) = (self.key, self.advance());
        #[cfg(any(feature = "wgpu", feature = "cuda"))]
        if dtype == DType::F32
            && let Some(tensor) = cube::draw(L::NAME, key, draw, shape, device)
        {
            return tensor;
        }
        let numbers = stream::draw::<L>(key, draw, shape.iter().product());
        Tensor::from_data(TensorData::new(numbers, shape), (device, dtype))
    }

    /// One draw of `n` elements, four per block, computed on all threads.
    fn fill<T: Copy + Default + Send>(
        &mut self,
        n: usize,
        element: impl Fn([u32; 4]) -> [T; 4] + Sync,
    ) -> Vec<T> {
        let (key, [low, high]) = (self.key, split(self.advance()));
        let mut out = vec![T::default(); n];
        let fill = |task: usize, chunk: &mut [T]| {
            let first = (task * CHUNK / 4) as u64;
            for (block, four) in (first..).zip(chunk.chunks_mut(4)) {
                let [b0, b1] = split(block);
                let values = element(philox4x32([b0, b1, low, high], key));
                four.copy_from_slice(&values[..four.len()]);
            }
        };
        parallel::each(out.chunks_mut(CHUNK), fill);
        out
    }
}

/// An index below `bound` from two words.
fn below(pair: &[u32], bound: u64) -> usize {
    let word = (u64::from(pair[0]) << 32) | u64::from(pair[1]);
    ((u128::from(word) * u128::from(bound)) >> 64) as usize
}

fn split(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

/// Fowler, Noll and Vo's hash, the 1a variant in 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gets_the_same_noise_in_any_batch() {
        let noise = Noise::seeded(3);
        let (small, large) = (noise.clone().normals(64 * 10), noise.clone().normals(4096 * 10));
        assert_eq!(small, large[..640]);
        assert_eq!(noise.clone().words(7), noise.clone().words(20_000)[..7]);
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let draw = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Noise::seeded(5).normals(100_003))
        };
        assert_eq!(draw(1), draw(2));
        assert_eq!(draw(1), draw(8));
    }

    #[test]
    fn derived_streams_do_not_depend_on_draws_and_differ_from_each_other() {
        let mut noise = Noise::seeded(1);
        let before = noise.derive("order").words(4);
        noise.words(100);
        assert_eq!(noise.derive("order").words(4), before);
        let others =
            [noise.derive("orders"), noise.child(0), noise.child(1), Noise::seeded(2).derive("order")];
        for mut other in others {
            assert_ne!(other.words(4), before);
        }
    }

    #[test]
    fn a_restored_stream_continues_where_it_was() {
        let mut noise = Noise::seeded(9).derive("chains");
        noise.normals(33);
        let stored = serde_json::to_string(&noise).unwrap();
        let mut restored: Noise = serde_json::from_str(&stored).unwrap();
        assert_eq!(restored.words(5), noise.words(5));
        assert_eq!(noise.draws(), 2);
    }

    #[test]
    fn ten_million_normals_have_the_moments_tails_and_independence_of_normals() {
        let n = 10_000_000;
        let z: Vec<f64> = Noise::seeded(11).normals(n).into_iter().map(f64::from).collect();
        let mean = |f: &dyn Fn(usize) -> f64| (0..n).map(f).sum::<f64>() / n as f64;
        let tail = |t: f64| (0..n).filter(|&i| t < z[i].abs()).count() as f64 / n as f64;

        // (statistic, expectation, standard deviation of one term); P(|z| > t) from the error function
        let (two, four) = (0.045_500_263_896, 6.334_248_366_6e-5);
        let binomial = |p: f64| (p * (1.0 - p)).sqrt();
        let checks = [
            ("mean", mean(&|i| z[i]), 0.0, 1.0),
            ("variance", mean(&|i| z[i] * z[i]), 1.0, 2f64.sqrt()),
            ("skewness", mean(&|i| z[i].powi(3)), 0.0, 15f64.sqrt()),
            ("kurtosis", mean(&|i| z[i].powi(4)), 3.0, 96f64.sqrt()),
            ("tail beyond 2", tail(2.0), two, binomial(two)),
            ("tail beyond 4", tail(4.0), four, binomial(four)),
            ("lag 1", mean(&|i| z[i] * z[(i + 1) % n]), 0.0, 1.0),
            ("lag 2", mean(&|i| z[i] * z[(i + 2) % n]), 0.0, 1.0),
            ("lag 784", mean(&|i| z[i] * z[(i + 784) % n]), 0.0, 1.0),
            ("lag 1 of squares", mean(&|i| (z[i] * z[(i + 1) % n]).powi(2)), 1.0, 8f64.sqrt()),
        ];
        for (name, found, expected, deviation) in checks {
            let error = (found - expected) / (deviation / (n as f64).sqrt());
            assert!(error.abs() < 5.0, "{name}: {found}, {error} standard errors from {expected}");
        }
    }

    #[test]
    fn uniforms_signs_and_indices_are_uniformly_distributed() {
        let n = 1_000_000;
        let mut noise = Noise::seeded(13);
        let uniforms = noise.uniforms(n);
        assert!(uniforms.iter().all(|u| (0.0..1.0).contains(u)));
        let mean = uniforms.iter().map(|&u| f64::from(u)).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 5.0 * (1.0 / 12f64).sqrt() / 1e3, "{mean}");
        let sum: f64 = noise.signs(n).into_iter().map(f64::from).sum();
        assert!(sum.abs() < 5.0 * 1e3, "{sum}");

        let bound = 7;
        let mut counts = vec![0f64; bound];
        noise.indices(n, bound).into_iter().for_each(|i| counts[i] += 1.0);
        let expected = n as f64 / bound as f64;
        let chi_square: f64 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
        assert!(chi_square < 33.0, "{chi_square}"); // P = 1e-5 with 6 degrees of freedom
    }

    #[test]
    fn permutations_are_uniformly_distributed() {
        let mut noise = Noise::seeded(17);
        let mut sorted = noise.permutation(1000);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());

        let mut counts = std::collections::HashMap::new();
        (0..6000).for_each(|_| *counts.entry(noise.permutation(3)).or_insert(0f64) += 1.0);
        let chi_square: f64 = counts.values().map(|count| (count - 1000.0).powi(2) / 1000.0).sum();
        assert!(counts.len() == 6 && chi_square < 31.0, "{chi_square}"); // P = 1e-5 with 5 degrees of freedom
    }

    #[test]
    fn noise_in_double_precision_agrees_with_single_precision() {
        let device = Device::flex();
        let single = Noise::seeded(2).normal([5, 3], &device);
        let double = Noise::seeded(2).normal_like(&Tensor::<2>::zeros([5, 3], (&device, DType::F64)));
        assert_eq!(double.dtype(), DType::F64);
        let (single, double) = (
            single.into_data().try_to_vec::<f32>().unwrap(),
            double.into_data().try_to_vec::<f64>().unwrap(),
        );
        for (s, d) in single.iter().zip(&double) {
            assert!((f64::from(*s) - d).abs() < 4e-6 * (1.0 + d.abs()), "{s} against {d}");
        }
    }
}
