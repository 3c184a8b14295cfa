//! Both maps and their gradients by autodiff, compared with Burn's own operations in double precision.

use burn::tensor::module;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{DType, Device, TensorData};

use super::*;
use crate::Noise;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Map {
    Convolution,
    Transpose,
}

/// A test case; `channels` are those of the input and the output.
#[derive(Clone, Copy, Debug)]
struct Case {
    map: Map,
    batch: usize,
    channels: [usize; 2],
    size: [usize; 2],
    kernel: usize,
    geometry: Geometry,
    bias: bool,
}

impl Case {
    fn weight_shape(&self) -> [usize; 4] {
        let [input, output] = self.channels;
        match self.map {
            Map::Convolution => [output, input, self.kernel, self.kernel],
            Map::Transpose => [input, output, self.kernel, self.kernel],
        }
    }

    fn ours(&self, x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
        match self.map {
            Map::Convolution => conv2d(x, weight, bias, self.geometry),
            Map::Transpose => conv_transpose2d(x, weight, bias, self.geometry),
        }
    }

    fn burn(&self, x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
        let Geometry { stride, padding } = self.geometry;
        match self.map {
            Map::Convolution => {
                module::conv2d(x, weight, bias, ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1))
            }
            Map::Transpose => {
                let options = ConvTransposeOptions::new([stride; 2], [padding; 2], [0; 2], [1; 2], 1);
                module::conv_transpose2d(x, weight, bias, options)
            }
        }
    }

    /// x, weight, bias, and the factors of a weighted sum of the results.
    fn data(&self, of_result: [usize; 4]) -> [TensorData; 4] {
        let mut noise = Noise::seeded(11);
        let [height, width] = self.size;
        let shapes = [
            vec![self.batch, self.channels[0], height, width],
            self.weight_shape().to_vec(),
            vec![self.channels[1]],
            of_result.to_vec(),
        ];
        shapes.map(|shape| TensorData::new(noise.normals(shape.iter().product()), shape))
    }
}

/// The values to compare: the result, and the gradients of Σ factor · result in x, weight and bias.
fn values(
    case: &Case,
    dtype: DType,
    map: impl Fn(Tensor<4>, Tensor<4>, Option<Tensor<1>>) -> Tensor<4>,
) -> Vec<Vec<f64>> {
    let device = Device::flex().autodiff();
    let place = |data: TensorData| (data, (&device, dtype));
    let shape = {
        let [x, w, ..] = case.data([0; 4]).map(place);
        let (x, w) = (Tensor::<4>::from_data(x.0, x.1), Tensor::<4>::from_data(w.0, w.1));
        case.burn(x, w, None).dims()
    };
    let [x, w, b, factor] = case.data(shape).map(place);
    let x = Tensor::<4>::from_data(x.0, x.1).require_grad();
    let w = Tensor::<4>::from_data(w.0, w.1).require_grad();
    let b = Tensor::<1>::from_data(b.0, b.1).require_grad();
    let y = map(x.clone(), w.clone(), case.bias.then(|| b.clone()));
    assert_eq!((y.dims(), y.dtype()), (shape, dtype));
    let grads = (y.clone() * Tensor::from_data(factor.0, factor.1)).sum().backward();
    let mut found = vec![numbers(y), numbers(x.grad(&grads).unwrap()), numbers(w.grad(&grads).unwrap())];
    if case.bias {
        found.push(numbers(b.grad(&grads).unwrap()));
    }
    found
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// The largest difference relative to the largest expected value.
fn difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(f64::MIN_POSITIVE, |max, x| max.max(x.abs()));
    let distances =
        found.iter().zip(expected).map(|(x, y)| if x.is_finite() { (x - y).abs() } else { f64::INFINITY });
    distances.fold(0.0, f64::max) / largest
}

fn compare(case: &Case, tolerance: f64) {
    let found = values(case, DType::F32, |x, w, b| case.ours(x, w, b));
    let expected = values(case, DType::F64, |x, w, b| case.burn(x, w, b));
    for (what, (found, expected)) in ["y", "dx", "dw", "db"].iter().zip(found.iter().zip(&expected)) {
        let error = difference(found, expected);
        assert!(error <= tolerance, "{what} of {case:?} is {error:e} off");
    }
}

/// Every valid combination of sizes, kernels, strides and paddings, with some channels and batch sizes each.
fn cases() -> Vec<Case> {
    let channels = [[1, 3], [3, 8], [4, 32], [7, 4], [8, 8], [64, 32], [32, 4], [8, 7]];
    let mut cases = Vec::new();
    for map in [Map::Convolution, Map::Transpose] {
        for size in [[5, 3], [1, 1], [13, 9], [7, 7]] {
            for kernel in [1, 2, 3, 5] {
                for (stride, padding) in [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)] {
                    let (low, i) = (size[0].min(size[1]), cases.len());
                    let smallest = if map == Map::Convolution { low } else { (low - 1) * stride + kernel };
                    let needed = if map == Map::Convolution { kernel } else { 1 + 2 * padding };
                    // With a padding as large as the kernel, some windows would contain only zeros.
                    let border = if map == Map::Convolution { 2 * padding } else { 0 };
                    if needed <= smallest + border && padding < kernel {
                        let (channels, batch) = (channels[i % channels.len()], [1, 3, 18][i % 3]);
                        let geometry = Geometry { stride, padding };
                        cases.push(Case { map, batch, channels, size, kernel, geometry, bias: i % 2 == 0 });
                    }
                }
            }
        }
    }
    cases
}

#[test]
fn direct_summation_agrees_with_burn_in_double_precision_for_every_shape() {
    let cases = cases();
    assert!(70 < cases.len(), "{}", cases.len());
    with_algorithm(Algorithm::Direct, || cases.iter().for_each(|case| compare(case, 1e-5)));
}

#[test]
fn winograd_agrees_with_burn_in_double_precision() {
    let geometry = Geometry { stride: 1, padding: 1 };
    for map in [Map::Convolution, Map::Transpose] {
        for (channels, size) in [([8, 16], [14, 14]), ([32, 32], [7, 7]), ([16, 8], [5, 13])] {
            for bias in [false, true] {
                compare(&Case { map, batch: 5, channels, size, kernel: 3, geometry, bias }, 1e-4);
            }
        }
    }
}

#[test]
fn the_algorithms_differ_in_rounding_only_and_the_choice_applies_to_gradients() {
    let geometry = Geometry { stride: 1, padding: 1 };
    let case = Case {
        map: Map::Convolution,
        batch: 2,
        channels: [16, 16],
        size: [9, 9],
        kernel: 3,
        geometry,
        bias: true,
    };
    let run = || values(&case, DType::F32, |x, w, b| case.ours(x, w, b));
    let (auto, direct) = (run(), with_algorithm(Algorithm::Direct, run));
    for (auto, direct) in auto.iter().zip(&direct).take(3) {
        assert!(auto != direct && difference(auto, direct) < 1e-4);
    }
}

#[test]
fn double_precision_falls_back_to_burn() {
    for case in cases().iter().step_by(5) {
        let found = values(case, DType::F64, |x, w, b| case.ours(x, w, b));
        let expected = values(case, DType::F64, |x, w, b| case.burn(x, w, b));
        for (found, expected) in found.iter().zip(&expected) {
            // Sums of at most a few thousand products, possibly in another order.
            assert!(difference(found, expected) <= 1e-12, "{case:?}");
        }
    }
}

#[test]
fn untracked_parents_are_constants_without_gradients() {
    for map in [Map::Convolution, Map::Transpose] {
        let geometry = Geometry { stride: 2, padding: 1 };
        let case = Case { map, batch: 2, channels: [4, 8], size: [7, 5], kernel: 3, geometry, bias: true };
        let all = values(&case, DType::F32, |x, w, b| case.ours(x, w, b));
        let device = Device::flex();
        let [x, w, b, _] = case.data([0; 4]);
        let shape = case.ours(Tensor::from_data(x, &device), Tensor::from_data(w, &device), None).dims();
        for tracked in 0..3 {
            let [x, w, b, factor] = case.data(shape);
            let mut x = Tensor::<4>::from_data(x, &device);
            let mut w = Tensor::<4>::from_data(w, &device);
            let mut b = Tensor::<1>::from_data(b, &device);
            let factor = Tensor::<4>::from_data(factor, &device);
            match tracked {
                0 => x = x.autodiff().require_grad(),
                1 => w = w.autodiff().require_grad(),
                _ => b = b.autodiff().require_grad(),
            }
            let y = case.ours(x.clone(), w.clone(), Some(b.clone()));
            let grads = (y * factor.autodiff()).sum().backward();
            let found = match tracked {
                0 => numbers(x.grad(&grads).unwrap()),
                1 => numbers(w.grad(&grads).unwrap()),
                _ => numbers(b.grad(&grads).unwrap()),
            };
            assert_eq!(found, all[tracked + 1], "gradient {tracked} of {case:?}");
        }
        let _ = b;
    }
}

#[test]
fn values_are_the_same_without_autodiff() {
    for case in cases().iter().step_by(7) {
        let [x, w, b, _] = case.data([0; 4]);
        let device = Device::flex();
        let [x, w] = [x, w].map(|data| Tensor::<4>::from_data(data, &device));
        let bias = case.bias.then(|| Tensor::<1>::from_data(b, &device));
        assert_eq!(numbers(case.ours(x, w, bias)), values(case, DType::F32, |x, w, b| case.ours(x, w, b))[0]);
    }
}

#[test]
fn views_of_images_and_weights_are_read_correctly() {
    let device = Device::flex();
    let mut noise = Noise::seeded(5);
    let x = noise.normal([7, 3, 6, 5], &device).swap_dims(0, 3).slice([1..4, 0..3, 2..6, 0..7]);
    let weight = noise.normal([5, 3, 3, 4], &device).permute([3, 1, 2, 0]).slice([0..4, 0..3, 0..3, 1..4]);
    let copy = |tensor: &Tensor<4>| Tensor::<4>::from_data(tensor.to_data(), &device);
    let geometry = Geometry { stride: 1, padding: 1 };
    let found = conv2d(x.clone(), weight.clone(), None, geometry);
    let expected = conv2d(copy(&x), copy(&weight), None, geometry);
    assert_eq!(found.dims(), [3, 4, 4, 7]);
    assert_eq!(numbers(found), numbers(expected));
}

#[test]
#[should_panic(expected = "channels of weight [4, 3, 3, 3] and of x [1, 2, 8, 8]")]
fn mismatched_channels_are_reported() {
    let device = Device::flex();
    let geometry = Geometry { stride: 1, padding: 1 };
    conv2d(Tensor::zeros([1, 2, 8, 8], &device), Tensor::zeros([4, 3, 3, 3], &device), None, geometry);
}

#[test]
#[should_panic(expected = "a kernel [4, 2, 5, 5] on x [1, 2, 3, 8]")]
fn a_kernel_larger_than_the_image_is_reported() {
    let device = Device::flex();
    let geometry = Geometry { stride: 1, padding: 0 };
    conv2d(Tensor::zeros([1, 2, 3, 8], &device), Tensor::zeros([4, 2, 5, 5], &device), None, geometry);
}

#[test]
fn the_adjoint_satisfies_its_inner_product_identity() {
    let device = Device::flex();
    let mut noise = Noise::seeded(13);
    for (channels, size, kernel, stride, padding) in [
        ([8, 8], [6, 7], 3, 1, 1),
        ([8, 16], [7, 6], 3, 2, 1),
        ([3, 2], [9, 8], 5, 3, 2),
        ([2, 3], [5, 4], 1, 2, 0),
    ] {
        let geometry = Geometry { stride, padding };
        let [input, output] = channels;
        let x = noise.normal([2, input, size[0], size[1]], &device);
        let weight = noise.normal([output, input, kernel, kernel], &device);
        let [wide_x, wide_weight] = [&x, &weight].map(|t: &Tensor<4>| t.clone().cast(DType::F64));
        let y = conv2d(wide_x.clone(), wide_weight.clone(), None, geometry);
        let v = noise.normal(y.dims(), &device);
        let wide_v = v.clone().cast(DType::F64);
        let exact = conv2d_adjoint(wide_v.clone(), wide_weight, geometry, size);
        let (there, back) = ((y * wide_v).sum(), (wide_x * exact.clone()).sum());
        let error = (there - back).abs().into_scalar::<f64>();
        assert!(error < 1e-11, "{geometry:?}: {error:e}");
        let single = numbers(conv2d_adjoint(v, weight, geometry, size));
        assert!(difference(&single, &numbers(exact)) < 3e-5, "{geometry:?}");
    }
}

#[test]
#[should_panic(expected = "size of conv2d of an image [6, 6]")]
fn an_adjoint_with_an_impossible_size_is_rejected() {
    let device = Device::flex();
    let geometry = Geometry { stride: 2, padding: 1 };
    let (v, weight) = (Tensor::zeros([1, 1, 2, 3], &device), Tensor::zeros([1, 1, 3, 3], &device));
    let _ = conv2d_adjoint(v, weight, geometry, [6, 6]);
}
