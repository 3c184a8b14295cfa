//! Group normalisation, its affine map, feature-wise linear modulation and SiLU as one operation.

#[cfg(feature = "flex")]
mod affine;
mod autodiff;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "flex")]
mod functions;
mod plain;
#[cfg(feature = "flex")]
mod runs;
#[cfg(feature = "flex")]
mod second_order;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::profile::span;

/// SiLU(GroupNorm(x; γ, β) · (1 + scale) + shift), differentiable in every argument.
///
/// Each of `groups` groups of channels of an image is normalised to mean 0 and (biased) variance 1 over its
/// channels and pixels. Then channel `c` of image `i` is multiplied by γ`[c]`, and β`[c]` is added. With
/// `film = (scale, shift)`, the result is multiplied by 1 + scale`[i, c]`, and shift`[i, c]` is added. Finally
/// SiLU(z) = z σ(z) is applied.
///
/// `x` is `[batch, channels, height, width]`, `gamma` and `beta` are `[channels]`, `scale` and `shift`
/// `[batch, channels]`; the result has the shape of `x`. `epsilon` is added to the variance.
///
/// # Panics
/// If `groups` does not divide the number of channels, or the shapes do not match.
///
/// # Reference
/// Wu and He (2018), *Group normalization*; Perez et al. (2018), *FiLM: visual reasoning with a general
/// conditioning layer*; Elfwing, Uchibe and Doya (2018), *Sigmoid-weighted linear units*.
pub fn group_norm_silu(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    film: Option<(Tensor<2>, Tensor<2>)>,
    groups: usize,
    epsilon: f64,
) -> Tensor<4> {
    let [batch, channels, ..] = x.dims();
    assert_eq!(gamma.dims(), [channels], "shape of gamma");
    assert_eq!(beta.dims(), [channels], "shape of beta");
    let (gain, bias) = (gamma.unsqueeze::<2>(), beta.unsqueeze::<2>());
    // Combines both affine maps into a single gain and bias.
    let (gain, bias) = match film {
        None => (gain, bias),
        Some((scale, shift)) => {
            assert_eq!(scale.dims(), [batch, channels], "shape of scale");
            assert_eq!(shift.dims(), [batch, channels], "shape of shift");
            let scale = scale + 1.0;
            (gain * scale.clone(), bias * scale + shift)
        }
    };
    traced(x, gain, bias, groups, epsilon).0
}

/// y = SiLU(gain · x̂ + bias), where x̂ is `x` normalised by groups, and the statistics that [`pullback`] needs.
///
/// `gain` and `bias` are `[rows, channels]`, where `rows` is the batch size, or 1 if all images share the map.
/// The statistics are `[batch, groups, 3]`. Autodiff takes them for constants: what depends on x through them,
/// [`pullback`] knows by itself.
///
/// # Panics
/// As [`group_norm_silu`].
pub fn traced(
    x: Tensor<4>,
    gain: Tensor<2>,
    bias: Tensor<2>,
    groups: usize,
    epsilon: f64,
) -> (Tensor<4>, Tensor<3>) {
    let [batch, channels, ..] = x.dims();
    assert!(
        0 < groups && channels.is_multiple_of(groups),
        "groups: expected a divisor of {channels} channels, found {groups}"
    );
    assert!([[1, channels], [batch, channels]].contains(&gain.dims()), "shape of gain");
    assert_eq!(gain.dims(), bias.dims(), "shapes of gain and bias");
    let [gain, bias] = [gain, bias].map(Tensor::into_dispatch);
    let (y, statistics) =
        span("normalisation", || Dispatch::group_norm_silu(x.into_dispatch(), gain, bias, groups, epsilon));
    (Tensor::from_dispatch(y), Tensor::from_dispatch(statistics))
}

/// vᵀ ∂y/∂x of [`traced`] for the cotangent v, differentiable in `x`, `gain`, `bias` and v.
///
/// `statistics` are those of `x`; the result has the shape of `x`.
///
/// With r the inverse standard deviation of a group, z = gain · x̂ + bias and q = gain · v · SiLU′(z), it is
/// r (q − mean(q) − x̂ mean(q x̂)). Its gradient is one operation too, so that training an energy, whose score is such a
/// result, costs no more operations than training a score.
pub fn pullback(
    x: Tensor<4>,
    gain: Tensor<2>,
    bias: Tensor<2>,
    statistics: Tensor<3>,
    cotangent: Tensor<4>,
) -> Tensor<4> {
    assert_eq!(x.dims(), cotangent.dims(), "shapes of x and the cotangent");
    let [gain, bias] = [gain, bias].map(Tensor::into_dispatch);
    let (x, statistics, cotangent) =
        (x.into_dispatch(), statistics.into_dispatch(), cotangent.into_dispatch());
    Tensor::from_dispatch(span("normalisation pullback", || {
        Dispatch::group_norm_silu_pullback(x, gain, bias, statistics, cotangent)
    }))
}

/// y = SiLU(gain · x̂ + bias), where x̂ is `x` normalised by groups, its adjoint, and the gradient of the adjoint.
///
/// `gain` and `bias` are `[rows, channels]`, where `rows` is the batch size, or 1 if all images share the map.
/// `statistics` is `[batch, groups, 3]`: the mean as a sum of two numbers, the first of which is the centre about
/// which the sums were computed, and the inverse standard deviation.
#[backend_extension(
    Autodiff,
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda"))
)]
pub trait GroupNormOps: Backend {
    /// The result and the statistics.
    fn group_norm_silu(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        groups: usize,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        plain::forward::<Self>(x, gain, bias, groups, epsilon)
    }

    /// The gradients of `x` (if `wanted`), of `gain` and of `bias`, given the gradient `grad` of the result.
    fn group_norm_silu_backward(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        wanted: bool,
    ) -> (Option<FloatTensor<Self>>, FloatTensor<Self>, FloatTensor<Self>) {
        plain::backward::<Self>(x, gain, bias, statistics, grad, wanted)
    }

    /// The gradient of `x` alone, given the gradient `grad` of the result.
    fn group_norm_silu_pullback(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (for_x, ..) = Self::group_norm_silu_backward(x, gain, bias, statistics, grad, true);
        for_x.expect("the gradient that was asked for")
    }

    /// The gradients of `x`, `gain`, `bias` and `grad`, given the gradient `tangent` of what
    /// [`group_norm_silu_pullback`](Self::group_norm_silu_pullback) makes of them.
    fn group_norm_silu_pullback_backward(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        tangent: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        plain::pullback_backward::<Self>(x, gain, bias, statistics, grad, tangent)
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated)]
impl GroupNormOps for burn::backend::NdArray {}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl GroupNormOps for burn::backend::Cube {}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::activation::sigmoid;
    use burn::tensor::{DType, Device, TensorData};

    use super::*;
    use crate::Noise;

    /// The operation, composed of public tensor operations.
    fn composed(
        x: Tensor<4>,
        gamma: Tensor<1>,
        beta: Tensor<1>,
        film: Option<(Tensor<2>, Tensor<2>)>,
        groups: usize,
        epsilon: f64,
    ) -> Tensor<4> {
        let [b, c, h, w] = x.dims();
        let x = x.reshape([b, groups, c / groups * h * w]);
        let x = x.clone() - x.mean_dim(2);
        let variance = x.clone().square().mean_dim(2);
        let normal = (x / (variance + epsilon).sqrt()).reshape([b, c, h, w]);
        let mut z = normal * gamma.reshape([1, c, 1, 1]) + beta.reshape([1, c, 1, 1]);
        if let Some((scale, shift)) = film {
            z = z * (scale.reshape([b, c, 1, 1]) + 1.0) + shift.reshape([b, c, 1, 1]);
        }
        z.clone() * sigmoid(z)
    }

    /// The data of one test case, in either precision.
    struct Case {
        shape: [usize; 4],
        groups: usize,
        film: bool,
        level: f32,
        deviation: f32,
    }

    /// The result, then the gradients of x, γ, β, scale and shift.
    type Outcome = Vec<Option<Vec<f64>>>;

    impl Case {
        const fn new(shape: [usize; 4], groups: usize, film: bool) -> Self {
            Self { shape, groups, film, level: 0.3, deviation: 1.0 }
        }

        fn run(&self, dtype: DType, fused: bool, tracked: [bool; 5]) -> Outcome {
            let [b, c, h, w] = self.shape;
            let noise = Noise::seeded(41);
            let draw = |label: &str, n: usize| noise.derive(label).normals(n);
            let device = Device::flex();
            let leaf = |values: Vec<f32>, track: bool| {
                let n = values.len();
                let data = TensorData::new(values, [n]);
                let tensor = Tensor::<1>::from_data(data, (&device, DType::F32)).cast(dtype);
                if track { tensor.autodiff().require_grad() } else { tensor }
            };
            let x = draw("x", b * c * h * w).into_iter().map(|x| x * self.deviation + self.level).collect();
            let leaves = [
                leaf(x, tracked[0]),
                leaf(draw("gamma", c), tracked[1]),
                leaf(draw("beta", c), tracked[2]),
                leaf(draw("scale", b * c), tracked[3]),
                leaf(draw("shift", b * c), tracked[4]),
            ];
            let weight = leaf(draw("weight", b * c * h * w), false).reshape(self.shape);

            let [x, gamma, beta, scale, shift] = leaves.clone();
            let film = self.film.then(|| (scale.reshape([b, c]), shift.reshape([b, c])));
            let operation = if fused { group_norm_silu } else { composed };
            let y = operation(x.reshape(self.shape), gamma, beta, film, self.groups, 1e-5);

            let numbers =
                |tensor: Tensor<1>| tensor.cast(DType::F64).into_data().try_to_vec::<f64>().unwrap();
            let result = numbers(y.clone().inner().reshape([b * c * h * w]));
            if !tracked.contains(&true) {
                return vec![Some(result)];
            }
            let gradients = (y * weight).sum().backward();
            let of =
                |leaf: &Tensor<1>, track: bool| track.then(|| leaf.grad(&gradients)).flatten().map(numbers);
            let all = leaves.iter().zip(tracked).map(|(leaf, track)| of(leaf, track));
            std::iter::once(Some(result)).chain(all).collect()
        }

        fn agrees(&self, dtype: DType, tracked: [bool; 5], tolerance: f64) {
            let found = self.run(dtype, true, tracked);
            let expected = self.run(DType::F64, false, tracked);
            for (k, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert_eq!(found.is_some(), expected.is_some(), "output {k}");
                let (Some(found), Some(expected)) = (found, expected) else { continue };
                let largest = expected.iter().fold(0f64, |m, e| m.max(e.abs()));
                let error = found.iter().zip(expected).fold(0f64, |m, (f, e)| m.max((f - e).abs()));
                assert!(error <= tolerance * largest, "{:?}, output {k}: {error} of {largest}", self.shape);
            }
        }
    }

    #[test]
    fn values_and_gradients_agree_with_the_composition_in_double_precision() {
        let shapes = [([3, 32, 14, 14], 8), ([2, 64, 7, 7], 8), ([1, 6, 3, 5], 3), ([5, 4, 1, 1], 1)];
        let odd = [([1, 1, 1, 9], 1), ([2, 12, 2, 3], 12), ([4, 32, 28, 28], 8), ([1, 2, 70, 67], 1)];
        for (shape, groups) in shapes.into_iter().chain(odd) {
            for film in [false, true] {
                let tracked = [true, true, true, film, film];
                Case::new(shape, groups, film).agrees(DType::F32, tracked, 1e-5);
            }
        }
    }

    /// What the reverse rule gives and the gradients of a weighted sum of it in x, gain, bias and the cotangent.
    fn pulled_back(
        shape: [usize; 4],
        groups: usize,
        rows: usize,
        dtype: DType,
        fused: bool,
    ) -> Vec<Vec<f64>> {
        let [b, c, h, w] = shape;
        let noise = Noise::seeded(44);
        let constant = |label: &str, n: usize, level: f32| {
            let values: Vec<f32> = noise.derive(label).normals(n).into_iter().map(|x| x + level).collect();
            let data = TensorData::new(values, [n]);
            Tensor::<1>::from_data(data, (&Device::flex(), DType::F32)).cast(dtype)
        };
        let leaf = |label: &str, n: usize, level: f32| constant(label, n, level).autodiff().require_grad();
        let n = b * c * h * w;
        let leaves =
            [leaf("x", n, 0.3), leaf("gain", rows * c, 1.0), leaf("bias", rows * c, 0.0), leaf("v", n, 0.0)];
        let [x, gain, bias, v] = leaves.clone();
        let (x, v) = (x.reshape(shape), v.reshape(shape));
        let (gain, bias) = (gain.reshape([rows, c]), bias.reshape([rows, c]));
        let result = if fused {
            let (_, statistics) = traced(x.clone(), gain.clone(), bias.clone(), groups, 1e-5);
            pullback(x, gain, bias, statistics, v)
        } else {
            composed_pullback(x, gain, bias, v, groups, 1e-5)
        };
        let weight = constant("weight", n, 0.0).reshape(shape);
        let gradients = (result.clone() * weight).sum().backward();
        let numbers = |tensor: Tensor<1>| tensor.cast(DType::F64).into_data().try_to_vec::<f64>().unwrap();
        let all = leaves.iter().map(|leaf| numbers(leaf.grad(&gradients).unwrap()));
        std::iter::once(numbers(result.inner().reshape([n]))).chain(all).collect()
    }

    /// The reverse rule, composed of public tensor operations.
    fn composed_pullback(
        x: Tensor<4>,
        gain: Tensor<2>,
        bias: Tensor<2>,
        v: Tensor<4>,
        groups: usize,
        epsilon: f64,
    ) -> Tensor<4> {
        let [b, c, h, w] = x.dims();
        let [rows, _] = gain.dims();
        let by_group = [b, groups, c / groups * h * w];
        let x = x.reshape(by_group);
        let centred = x.clone() - x.mean_dim(2);
        let r = (centred.clone().square().mean_dim(2) + epsilon).sqrt().recip();
        let normal = centred * r.clone();
        let (gain, bias) = (gain.reshape([rows, c, 1, 1]), bias.reshape([rows, c, 1, 1]));
        let z = normal.clone().reshape([b, c, h, w]) * gain.clone() + bias;
        let s = sigmoid(z.clone());
        let slope = s.clone() * (z * (s.neg() + 1.0) + 1.0);
        let q = (v * slope * gain).reshape(by_group);
        let along = (q.clone() * normal.clone()).mean_dim(2);
        let level = q.clone().mean_dim(2);
        ((q - level - normal * along) * r).reshape([b, c, h, w])
    }

    #[test]
    fn the_reverse_rule_and_its_gradients_agree_with_the_composition_in_double_precision() {
        let shapes = [([3, 32, 14, 14], 8), ([2, 64, 7, 7], 8), ([1, 6, 3, 5], 3), ([2, 12, 2, 3], 12)];
        for (shape, groups) in shapes.into_iter().chain([([2, 8, 28, 28], 2), ([1, 2, 70, 67], 1)]) {
            for rows in [1, shape[0]] {
                let expected = pulled_back(shape, groups, rows, DType::F64, false);
                for (dtype, tolerance) in [(DType::F32, 2e-5), (DType::F64, 1e-11)] {
                    let found = pulled_back(shape, groups, rows, dtype, true);
                    for (k, (found, expected)) in found.iter().zip(&expected).enumerate() {
                        let largest = expected.iter().fold(0f64, |m, e| m.max(e.abs()));
                        let error = found.iter().zip(expected).fold(0f64, |m, (f, e)| m.max((f - e).abs()));
                        assert!(
                            error <= tolerance * largest,
                            "{shape:?}, {rows} rows, {dtype:?}, output {k}: {error} of {largest}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_gradients_of_the_reverse_rule_do_not_depend_on_the_number_of_threads() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| pulled_back([16, 32, 15, 14], 8, 16, DType::F32, true))
        };
        let alone = run(1);
        assert!(alone == run(2) && alone == run(8));
    }

    #[test]
    fn an_empty_batch_has_a_result_and_gradients() {
        for film in [false, true] {
            Case::new([0, 8, 5, 3], 4, film).agrees(DType::F32, [true, true, true, film, film], 0.0);
        }
    }

    #[test]
    fn constant_parents_get_no_gradient_and_the_others_keep_theirs() {
        for tracked in 0..32u32 {
            let tracked = std::array::from_fn(|i| tracked >> i & 1 == 1);
            Case::new([2, 8, 5, 3], 4, true).agrees(DType::F32, tracked, 1e-5);
        }
    }

    #[test]
    fn double_precision_uses_the_reference_and_stays_double() {
        Case::new([2, 8, 5, 3], 4, true).agrees(DType::F64, [true; 5], 1e-12);
    }

    #[test]
    fn a_mean_of_a_thousand_deviations_does_not_cost_accuracy() {
        // Both versions get the same rounded x; a mean rounded to single precision would change x̂ by 3e-4.
        let case = Case { level: 1000.0, deviation: 0.1, ..Case::new([2, 8, 9, 7], 2, true) };
        case.agrees(DType::F32, [true; 5], 1e-5);
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Case::new([16, 32, 15, 14], 8, true).run(DType::F32, true, [true; 5]))
        };
        let alone = run(1);
        assert!(alone == run(2) && alone == run(8));
    }

    #[test]
    fn strides_are_respected_and_shared_inputs_are_unchanged() {
        let device = Device::flex();
        let mut noise = Noise::seeded(43);
        let (x, gamma) = (noise.normal([2, 5, 7, 8], &device), noise.normal([8], &device));
        let (scale, shift) = (noise.normal([8, 2], &device), noise.normal([8, 2], &device));
        let strided = x.clone().permute([0, 3, 1, 2]);
        let whole = |t: Tensor<4>| Tensor::<4>::from_data(t.into_data(), &device);
        let kept = strided.clone().into_data();

        let film = Some((scale.clone().transpose(), shift.clone().transpose()));
        let y = group_norm_silu(strided.clone(), gamma.clone(), gamma.clone(), film.clone(), 4, 1e-5);
        let expected = group_norm_silu(whole(strided.clone()), gamma.clone(), gamma, film, 4, 1e-5);
        assert_eq!(y.into_data(), expected.into_data());
        assert_eq!(strided.into_data(), kept);
    }
}
