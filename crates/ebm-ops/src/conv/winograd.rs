//! 3×3 convolutions by Winograd's algorithm, F(4×4, 3×3) and smaller variants, on slices of `f32`.
//!
//! A tile of 4×4 outputs costs 36 multiplications per pair of channels instead of 144:
//! `Y = Aᵀ[Σ (G g Gᵀ) ⊙ (Bᵀ d B)] A`, summed over channels, which is 36 independent matrix products over tiles.
//! Tiles with 3 outputs along one or both sides need 30 or 25 of the 36 points and use the same weights; they cover
//! the end of a side that is not a multiple of four. So 14×14 outputs take 484 multiplications instead of 576. The
//! adjoint with respect to the input is the same algorithm with the kernels rotated by 180°. The adjoint with
//! respect to the weight is `Gᵀ[Σ (Bᵀ d B) ⊙ (A dY Aᵀ)] G`, summed over tiles.
//!
//! Rounding errors are several times those of direct summation. On normally distributed data, with up to 64
//! channels and 64 images of up to 28×28 pixels, the largest were 9.4e-6 of the largest result for [`forward`] and
//! [`input_grad`], and 1.04e-5 for [`weight_grad`].
//!
//! Tensors are contiguous: images `[batch, channel, height, width]`, weights `[out, in, 3, 3]`. Internally channels
//! are contiguous, so that the lanes of a register run over channels for every tile. Results do not depend on the
//! number of threads, bit for bit.
//!
//! # Reference
//! Lavin and Gray (2016), *Fast algorithms for convolutional neural networks*.

mod convolve;
mod weight_gradient;

mod images;
mod scratch;
mod shape;
mod tiles;
mod tiling;
mod transform;
mod weights;

use pulp::WithSimd;

use convolve::Convolve;
use weight_gradient::WeightGradient;
use weights::Direction;

use crate::buffer;
use crate::simd::{self, Instructions};

pub(crate) use shape::{CHANNELS, Shape};

/// `x * weight + bias`: `x` is `[batch, in, height, width]`, the result `[batch, out, height, width]`.
///
/// # Panics
/// If a slice does not have the length that `shape` implies, or `shape` violates the conditions of [`Shape`].
pub(crate) fn forward(shape: &Shape, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let outputs = shape.pixels() * shape.batch * shape.out_channels;
    shape.check(x.len(), weight.len(), outputs);
    assert!(
        bias.is_none_or(|bias| bias.len() == shape.out_channels),
        "expected one bias for each output channel"
    );
    let (shape, direction) = (*shape, Direction::Forward);
    let convolve = |out: &mut [_]| dispatch(&shape, Convolve { shape, direction, x, weight, bias, out });
    // SAFETY: the convolution writes every pixel of every channel of every image.
    unsafe { buffer::fresh(outputs, convolve) }
}

/// The gradient with respect to the input, from the gradient `dy` with respect to the result.
///
/// # Panics
/// See [`forward`].
pub(crate) fn input_grad(shape: &Shape, weight: &[f32], dy: &[f32]) -> Vec<f32> {
    let inputs = shape.pixels() * shape.batch * shape.in_channels;
    shape.check(inputs, weight.len(), dy.len());
    let turned = Shape { in_channels: shape.out_channels, out_channels: shape.in_channels, ..*shape };
    let direction = Direction::Adjoint;
    let convolve = |out: &mut [_]| {
        dispatch(shape, Convolve { shape: turned, direction, x: dy, weight, bias: None, out });
    };
    // SAFETY: as in `forward`.
    unsafe { buffer::fresh(inputs, convolve) }
}

/// The gradient `dw` with respect to the weight, from the gradient `dy` with respect to the result.
///
/// # Panics
/// See [`forward`].
pub(crate) fn weight_grad(shape: &Shape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    shape.check(x.len(), dw.len(), dy.len());
    dispatch(shape, WeightGradient { shape: *shape, x, dy, dw });
}

/// Runs `operation` on the widest allowed vectors that divide both numbers of channels.
fn dispatch<T: WithSimd<Output = ()>>(shape: &Shape, operation: T) {
    let whole = (shape.in_channels | shape.out_channels).is_multiple_of(16);
    let most = if whole { Instructions::Widest } else { Instructions::Avx2 };
    simd::arch_within(most).dispatch(operation);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Noise;

    /// Normally distributed tensors of a convolution.
    struct Case {
        shape: Shape,
        x: Vec<f32>,
        weight: Vec<f32>,
        bias: Vec<f32>,
        dy: Vec<f32>,
    }

    impl Case {
        fn new(batch: usize, [in_channels, out_channels]: [usize; 2], [height, width]: [usize; 2]) -> Self {
            let shape = Shape { batch, in_channels, out_channels, height, width };
            let noise = Noise::seeded(23);
            let draw = |label: &str, n: usize| noise.derive(label).normals(n);
            Self {
                shape,
                x: draw("x", batch * in_channels * shape.pixels()),
                weight: draw("weight", 9 * in_channels * out_channels),
                bias: draw("bias", out_channels),
                dy: draw("dy", batch * out_channels * shape.pixels()),
            }
        }

        fn forward(&self) -> Vec<f32> {
            forward(&self.shape, &self.x, &self.weight, Some(&self.bias))
        }

        fn input_grad(&self) -> Vec<f32> {
            input_grad(&self.shape, &self.weight, &self.dy)
        }

        fn weight_grad(&self) -> Vec<f32> {
            let mut dw = vec![f32::NAN; self.weight.len()];
            weight_grad(&self.shape, &self.x, &self.dy, &mut dw);
            dw
        }

        /// Calls `visit(x, weight, y)` with the indices of every product of the sums.
        fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
            let Shape { batch, in_channels, out_channels, height, width } = self.shape;
            for (n, o, i) in triples(batch, out_channels, in_channels) {
                for (row, column, tap) in triples(height, width, 9) {
                    let (source_row, source_column) = (row + tap / 3, column + tap % 3);
                    if (1..=height).contains(&source_row) && (1..=width).contains(&source_column) {
                        let x = ((n * in_channels + i) * height + source_row - 1) * width + source_column - 1;
                        let y = ((n * out_channels + o) * height + row) * width + column;
                        visit(x, (o * in_channels + i) * 9 + tap, y);
                    }
                }
            }
        }

        /// The three results in double precision.
        fn exact(&self) -> [Vec<f64>; 3] {
            let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let (x, weight, dy) = (wide(&self.x), wide(&self.weight), wide(&self.dy));
            let plane = |i: usize| f64::from(self.bias[i / self.shape.pixels() % self.shape.out_channels]);
            let mut y: Vec<f64> = (0..dy.len()).map(plane).collect();
            let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
            self.products(|i, w, o| {
                y[o] += x[i] * weight[w];
                dx[i] += dy[o] * weight[w];
                dw[w] += dy[o] * x[i];
            });
            [y, dx, dw]
        }

        /// Panics unless the three results are accurate.
        fn check(&self) {
            let [y, dx, dw] = self.exact();
            let errors =
                [error(&self.forward(), &y), error(&self.input_grad(), &dx), error(&self.weight_grad(), &dw)];
            // Twice and ten times the errors observed on such data; a wrong border, tap or channel gives more than
            // 1e-2.
            for (error, limit) in errors.into_iter().zip([2e-5, 2e-5, 1e-4]) {
                assert!(error <= limit, "{:?}: {errors:?}", self.shape);
            }
        }
    }

    fn triples(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..a * b * c).map(move |i| (i / c / b, i / c % b, i % c))
    }

    /// The largest error relative to the largest value; NaN if any value is.
    fn error(found: &[f32], exact: &[f64]) -> f64 {
        let largest = exact.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        let errors = found.iter().zip(exact).map(|(&found, exact)| (f64::from(found) - exact).abs());
        errors.fold(0.0, |worst, error| if error <= worst { worst } else { error }) / largest
    }

    const CASES: [(usize, [usize; 2], [usize; 2]); 12] = [
        (1, [8, 8], [1, 1]),
        (3, [16, 8], [5, 3]),
        (3, [8, 24], [7, 7]),
        (1, [24, 16], [14, 14]),
        (3, [32, 32], [13, 9]),
        (1, [64, 32], [14, 14]),
        (1, [32, 64], [7, 7]),
        (64, [16, 32], [3, 4]),
        (64, [8, 8], [7, 7]),
        (1, [16, 16], [28, 28]),
        (2, [8, 16], [70, 37]),
        (11, [16, 48], [2, 5]),
    ];

    #[test]
    fn all_three_results_agree_with_the_defining_sums() {
        for (batch, channels, size) in CASES {
            Case::new(batch, channels, size).check();
        }
    }

    #[test]
    fn scratch_memory_of_a_larger_image_does_not_leak_into_the_border() {
        let sizes = [[1, 1], [28, 28], [7, 7], [70, 37], [5, 3], [14, 14], [13, 9], [70, 37], [2, 9]];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        pool.install(|| {
            // Anything read before it is written shows up as NaN.
            scratch::for_call(1 << 20, |buffer| buffer.fill(f32::NAN));
            scratch::for_task(1 << 20, |buffer| buffer.fill(f32::NAN));
            sizes.into_iter().for_each(|size| Case::new(2, [16, 8], size).check());
        });
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let cases = [
            Case::new(23, [32, 48], [14, 14]),
            Case::new(64, [64, 64], [7, 7]),
            Case::new(3, [8, 8], [70, 37]),
        ];
        for case in &cases {
            let run = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| [case.forward(), case.input_grad(), case.weight_grad()])
            };
            let one = run(1);
            assert!(one == run(2) && one == run(8), "{:?}", case.shape);
        }
    }

    /// Panics unless the convolution and the gradient of the weight are accurate on vectors of `simd`.
    fn check_on<S: pulp::Simd>(simd: S, case: &Case) {
        let (shape, direction) = (case.shape, Direction::Forward);
        let (x, weight, bias) = (&case.x, &case.weight, Some(&*case.bias));
        let convolve = |out: &mut [_]| Convolve { shape, direction, x, weight, bias, out }.with_simd(simd);
        // SAFETY: as in `forward`.
        let out = unsafe { buffer::fresh(case.dy.len(), convolve) };
        let mut dw = vec![f32::NAN; case.weight.len()];
        WeightGradient { shape, x: &case.x, dy: &case.dy, dw: &mut dw }.with_simd(simd);
        let [exact, _, exact_dw] = case.exact();
        let errors = [error(&out, &exact), error(&dw, &exact_dw)];
        assert!(errors[0] <= 2e-5 && errors[1] <= 1e-4, "{simd:?}: {errors:?}");
    }

    #[test]
    fn results_are_accurate_on_vectors_of_every_width() {
        let case = Case::new(3, [32, 48], [13, 9]);
        check_on(pulp::Scalar::new(), &case);
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            check_on(pulp::x86::V3_128b(simd), &case);
            check_on(simd, &case);
            check_on(pulp::x86::V3_512b(simd), &case);
        }
    }

    #[test]
    #[should_panic(expected = "lengths of input and weight")]
    fn a_slice_of_the_wrong_length_is_rejected() {
        let case = Case::new(1, [8, 8], [4, 4]);
        forward(&case.shape, &case.x[1..], &case.weight, None);
    }
}
