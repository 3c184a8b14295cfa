use burn::tensor::{DType, Device, TensorData};

use super::*;
use crate::Noise;

type Function = fn(Tensor<1>) -> Tensor<1>;
type Formula = fn(f64) -> f64;

const FUNCTIONS: [(Function, Formula, Formula); 4] = [
    (
        silu,
        |x| x / (1.0 + (-x).exp()),
        |x| {
            let s = 1.0 / (1.0 + (-x).exp());
            s * (1.0 + x / (1.0 + x.exp()))
        },
    ),
    (softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), |x| 1.0 / (1.0 + (-x).exp())),
    (tanh, f64::tanh, |x| {
        let e = (-2.0 * x.abs()).exp();
        4.0 * e / (1.0 + e).powi(2)
    }),
    (elu, |x| x.max(0.0) + x.min(0.0).exp_m1(), |x| x.min(0.0).exp()),
];

const ALL: [Activation; 4] = [Activation::Silu, Activation::Softplus, Activation::Tanh, Activation::Elu];

/// The derivative of order `order`, and the scale of its error: the sum of the absolute values of its terms.
fn formula(function: Activation, order: usize, x: f64) -> [f64; 2] {
    let size = if function == Activation::Tanh { 2.0 * x.abs() } else { x.abs() };
    let e = (-size).exp();
    let (bell, bend, sign) = (e / (1.0 + e).powi(2), (1.0 - e) / (1.0 + e), x.signum());
    let s = if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) };
    match (function, order) {
        (Activation::Silu, 0) => [x * s, (x * s).abs()],
        (Activation::Silu, 1) => [s + x * bell, s + size * bell],
        (Activation::Silu, 2) => [bell * (2.0 - size * bend), bell * (2.0 + size * bend)],
        (Activation::Silu, _) => {
            let (one, two) = (3.0 * bend, size * (1.0 - 6.0 * bell));
            // 1 - e is rounded before the product; 1 - 6 b may cancel.
            [-sign * bell * (one - two), bell * (3.0 + size * (1.0 + 6.0 * bell))]
        }
        (Activation::Softplus, 0) => [x.max(0.0) + e.ln_1p(), x.max(0.0) + e.ln_1p()],
        (Activation::Softplus, 1) => [s, s],
        (Activation::Softplus, 2) => [bell, bell],
        (Activation::Softplus, _) => [-sign * bell * bend, bell],
        (Activation::Tanh, 0) => [x.tanh(), x.tanh().abs()],
        (Activation::Tanh, 1) => [4.0 * bell, 4.0 * bell],
        (Activation::Tanh, 2) => [-8.0 * x.tanh() * bell, 8.0 * x.tanh().abs() * bell],
        (Activation::Tanh, _) => [4.0 * bell * (4.0 - 24.0 * bell), 4.0 * bell * (4.0 + 24.0 * bell)],
        (Activation::Elu, 0) => [x.max(0.0) + x.min(0.0).exp_m1(), x.max(0.0) - x.min(0.0).exp_m1()],
        (Activation::Elu, 1) => [x.min(0.0).exp(); 2],
        (Activation::Elu, _) => [if x < 0.0 { x.exp() } else { 0.0 }; 2],
    }
}

fn numbers(tensor: Tensor<1>) -> Vec<f64> {
    tensor.cast(DType::F64).into_data().try_to_vec().unwrap()
}

fn tensor(values: Vec<f32>, dtype: DType) -> Tensor<1> {
    let n = values.len();
    Tensor::<1>::from_data(TensorData::new(values, [n]), (&Device::flex(), DType::F32)).cast(dtype)
}

/// The values, and the derivatives by autodiff.
fn run(function: Function, x: &[f32], dtype: DType) -> [Vec<f64>; 2] {
    let x = tensor(x.to_vec(), dtype).autodiff().require_grad();
    let y = function(x.clone());
    let gradients = y.clone().sum().backward();
    [numbers(y.inner()), numbers(x.grad(&gradients).unwrap())]
}

/// A grid over the range in which the functions differ from 0 and from x.
fn grid() -> Vec<f32> {
    (-87_000..100_000).map(|i| i as f32 * 1e-3).collect()
}

#[test]
fn values_are_accurate_to_four_ulps() {
    for (k, (function, value, _)) in FUNCTIONS.into_iter().enumerate() {
        let x = grid();
        let [found, _] = run(function, &x, DType::F32);
        for (x, found) in x.into_iter().zip(found) {
            let expected = value(f64::from(x));
            // exp is accurate to 1.6 units, followed by at most three roundings.
            let tolerance = 4.0 * f64::from(f32::EPSILON) * expected.abs();
            assert!((found - expected).abs() <= tolerance, "function {k} at {x}: {found}, {expected}");
        }
    }
}

#[test]
fn gradients_are_accurate_to_the_rounding_of_their_terms() {
    for (k, (function, _, slope)) in FUNCTIONS.into_iter().enumerate() {
        let x = grid();
        let [_, found] = run(function, &x, DType::F32);
        for (x, found) in x.into_iter().zip(found) {
            let x = f64::from(x);
            let expected = slope(x);
            // The terms σ and σ x (1 - σ) may cancel, so their size is the scale of the error.
            let tolerance = 6.0 * f64::from(f32::EPSILON) * formula(ALL[k], 1, x)[1]
                // tanh uses exp(-2|x|), which loses precision before it underflows to zero.
                + 4.0 * f64::from(f32::MIN_POSITIVE);
            assert!((found - expected).abs() <= tolerance, "function {k} at {x}: {found}, {expected}");
        }
    }
}

#[test]
fn infinities_give_the_limits_and_nan_propagates() {
    let ends = [f32::NEG_INFINITY, -1e30, -300.0, 0.0, 300.0, f32::INFINITY, f32::NAN];
    let [zero, infinity] = [0.0, f64::INFINITY];
    let values = [
        [zero, zero, zero, zero, 300.0, infinity],
        [zero, zero, zero, 2f64.ln(), 300.0, infinity],
        [-1.0, -1.0, -1.0, zero, 1.0, 1.0],
        [-1.0, -1.0, -1.0, zero, 300.0, infinity],
    ];
    let slopes = [
        [0.0, 0.0, 0.0, 0.5, 1.0, 1.0],
        [0.0, 0.0, 0.0, 0.5, 1.0, 1.0],
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 1.0, 1.0, 1.0],
    ];
    for dtype in [DType::F32, DType::F64] {
        for (((function, ..), expected), slopes) in FUNCTIONS.into_iter().zip(values).zip(slopes) {
            let [found, slope] = run(function, &ends, dtype);
            for (found, expected) in found.iter().zip(expected) {
                assert!(*found == expected || (found - expected).abs() < 1e-7, "{found}, {expected}");
            }
            for (slope, expected) in slope.iter().zip(slopes) {
                assert!((slope - expected).abs() < 1e-7, "{slope}, {expected}");
            }
            assert!(found[6].is_nan() && slope[6].is_nan());
        }
    }
}

#[test]
fn nan_with_any_payload_propagates() {
    let nans = [0x7fc0_0001, 0xffff_ffff, 0x7f80_0001, 0xffc0_0000].map(f32::from_bits);
    for (function, ..) in FUNCTIONS {
        let [values, slopes] = run(function, &nans.repeat(5), DType::F32);
        assert!(values.iter().chain(&slopes).all(|value| value.is_nan()));
    }
}

#[test]
fn double_precision_is_preserved() {
    let x = [-30.0, -1.25, 0.5, 20.0];
    for (function, value, slope) in FUNCTIONS {
        let [values, slopes] = run(function, &x, DType::F64);
        for (i, x) in x.map(f64::from).into_iter().enumerate() {
            assert!((values[i] - value(x)).abs() <= 1e-14 * value(x).abs());
            assert!((slopes[i] - slope(x)).abs() <= 1e-14);
        }
    }
}

#[test]
fn results_do_not_depend_on_length_strides_or_threads() {
    for (function, ..) in FUNCTIONS {
        let x = Noise::seeded(47).normals(99_991);
        let whole = numbers(function(tensor(x.clone(), DType::F32)));
        for n in [1, 5, 7, 8, 9, 31, 4096, 4097] {
            assert_eq!(numbers(function(tensor(x[..n].to_vec(), DType::F32))), whole[..n]);
        }
        let strided = tensor(x.clone(), DType::F32).slice(1..99_991).flip([0]);
        let expected: Vec<f64> = whole[1..].iter().rev().copied().collect();
        assert_eq!(numbers(function(strided)), expected);
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| numbers(function(tensor(x.clone(), DType::F32)))), whole);
        }
    }
}

#[test]
fn a_shared_tensor_keeps_its_values() {
    let x = tensor(vec![-1.0, 0.5, 2.0], DType::F32);
    silu(x.clone());
    assert_eq!(numbers(x), [-1.0, 0.5, 2.0]);
}

/// A derivative, and the next one by autodiff.
fn derivatives(function: Activation, order: usize, x: &[f32], dtype: DType) -> [Vec<f64>; 2] {
    let x = tensor(x.to_vec(), dtype).autodiff().require_grad();
    let y = derivative(x.clone(), function, order);
    let gradients = y.clone().sum().backward();
    [numbers(y.inner()), numbers(x.grad(&gradients).unwrap())]
}

#[test]
fn derivatives_and_their_gradients_are_accurate_to_the_rounding_of_their_terms() {
    let fine: Vec<f32> = (-87_000..87_000).step_by(7).map(|i| i as f32 * 1e-3).collect();
    let tiny: Vec<f32> = (-30..0).flat_map(|i| [2f32.powi(i), -(2f32.powi(i))]).collect();
    for function in ALL {
        // tanh uses exp(-2|x|), which is subnormal beyond 43.
        let reach = if function == Activation::Tanh { 43.0 } else { 87.0 };
        let x: Vec<f32> = fine.iter().chain(&tiny).copied().filter(|x| x.abs() < reach).collect();
        for order in 0..=2 {
            let [found, next] = derivatives(function, order, &x, DType::F32);
            let [double, double_next] = derivatives(function, order, &x, DType::F64);
            for (i, x) in x.iter().map(|x| f64::from(*x)).enumerate() {
                for (order, found, double) in
                    [(order, found[i], double[i]), (order + 1, next[i], double_next[i])]
                {
                    let [expected, scale] = formula(function, order, x);
                    // Twice the exponential's 1.6 units, and at most five roundings.
                    let tolerance = 8.0 * f64::from(f32::EPSILON) * scale;
                    assert!(
                        (found - expected).abs() <= tolerance,
                        "{function:?}, {order} at {x}: {found}, {expected}"
                    );
                    assert!(
                        (double - expected).abs() <= 1e-14 * (scale + f64::MIN_POSITIVE),
                        "{function:?}, {order} at {x} in double precision: {double}, {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn derivatives_have_their_limits_at_infinity_and_propagate_nan() {
    let ends = [f32::NEG_INFINITY, -1e30, -300.0, 300.0, 1e30, f32::INFINITY, f32::NAN];
    for function in ALL {
        for dtype in [DType::F32, DType::F64] {
            for order in 1..=2 {
                let [found, next] = derivatives(function, order, &ends, dtype);
                let limit = |x: f32| f64::from(order == 1 && function != Activation::Tanh && x > 0.0);
                for (i, x) in ends[..6].iter().enumerate() {
                    // The value at 300 in double precision is at most 300 exp(-300).
                    let away = (found[i] - limit(*x)).abs().max(next[i].abs());
                    assert!(away <= 300.0 * (-300f64).exp(), "{function:?}, {order} at {x}: {away:e}");
                }
                assert!(found[6].is_nan() && next[6].is_nan());
            }
        }
    }
}

/// g σ′(z), and its gradients in z and g with the cotangent `by`.
fn pulled(function: Activation, [z, g, by]: [Tensor<1>; 3]) -> [Vec<f64>; 3] {
    let (z, g) = (z.autodiff().require_grad(), g.autodiff().require_grad());
    let y = pullback(z.clone(), function, g.clone());
    let gradients = (y.clone() * by.autodiff()).sum().backward();
    [numbers(y.inner()), numbers(z.grad(&gradients).unwrap()), numbers(g.grad(&gradients).unwrap())]
}

fn three(n: usize, dtype: DType) -> [Tensor<1>; 3] {
    ["z", "g", "by"].map(|label| tensor(Noise::seeded(67).derive(label).normals(n), dtype))
}

#[test]
fn pullback_and_its_gradients_agree_with_their_formulas() {
    for function in ALL {
        for n in [1, 5, 17, 4099] {
            let [z, g, by] = three(n, DType::F64).map(numbers);
            for (dtype, epsilon) in [(DType::F32, f64::from(f32::EPSILON)), (DType::F64, 1e-15)] {
                let [y, for_z, for_g] = pulled(function, three(n, dtype));
                for i in 0..n {
                    let [[first, scale_1], [second, scale_2]] =
                        [1, 2].map(|order| formula(function, order, z[i]));
                    let checks = [
                        (y[i], g[i] * first, g[i] * scale_1),
                        (for_z[i], by[i] * g[i] * second, by[i] * g[i] * scale_2),
                        (for_g[i], by[i] * first, by[i] * scale_1),
                    ];
                    for (found, expected, scale) in checks {
                        // The roundings of the derivative, and two more products.
                        let tolerance = 10.0 * epsilon * scale.abs();
                        assert!((found - expected).abs() <= tolerance, "{function:?}: {found}, {expected}");
                    }
                }
            }
        }
    }
}

#[test]
fn pullback_respects_strides_and_leaves_shared_tensors_unchanged() {
    for function in ALL {
        let [z, g, by] = three(10_000, DType::F32);
        let (before_z, before_g) = (numbers(z.clone()), numbers(g.clone()));
        let whole = pulled(function, [z.clone(), g.clone(), by.clone()]);
        assert_eq!([numbers(z.clone()), numbers(g.clone())], [before_z, before_g]);
        let flipped = pulled(function, [z, g, by].map(|tensor| tensor.flip([0])));
        let back = flipped.map(|numbers| numbers.into_iter().rev().collect::<Vec<_>>());
        assert_eq!(back, whole);
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| pulled(function, three(10_000, DType::F32))) == whole);
        }
    }
}

#[test]
fn pullback_has_gradients_of_tracked_arguments_only() {
    let [z, g, by] = three(100, DType::F32);
    let whole = pulled(Activation::Silu, three(100, DType::F32));
    let gradient = |z: &Tensor<1>, g: &Tensor<1>| {
        let y = pullback(z.clone(), Activation::Silu, g.clone());
        (y * by.clone().autodiff()).sum().backward()
    };
    let (plain_z, plain_g) = (z.autodiff(), g.autodiff());
    let (leaf_z, leaf_g) = (plain_z.clone().require_grad(), plain_g.clone().require_grad());
    assert_eq!(numbers(leaf_z.grad(&gradient(&leaf_z, &plain_g)).unwrap()), whole[1]);
    assert_eq!(numbers(leaf_g.grad(&gradient(&plain_z, &leaf_g)).unwrap()), whole[2]);
}

/// σ″(z) ż² + σ′(z) z̈, and its gradients in all three with the cotangent `by`.
fn curved(function: Activation, [z, slope, bent, by]: [Tensor<1>; 4]) -> [Vec<f64>; 4] {
    let leaves = [z, slope, bent].map(|tensor| tensor.autodiff().require_grad());
    let [z, slope, bent] = leaves.clone();
    let y = curvature(z, function, slope, bent);
    let gradients = (y.clone() * by.autodiff()).sum().backward();
    let [for_z, for_slope, for_bent] = leaves.map(|leaf| numbers(leaf.grad(&gradients).unwrap()));
    [numbers(y.inner()), for_z, for_slope, for_bent]
}

fn four(n: usize, dtype: DType) -> [Tensor<1>; 4] {
    ["z", "slope", "bent", "by"].map(|label| tensor(Noise::seeded(71).derive(label).normals(n), dtype))
}

#[test]
fn curvature_and_its_gradients_agree_with_their_formulas() {
    for function in ALL {
        for n in [1, 5, 17, 4099] {
            let [z, slope, bent, by] = four(n, DType::F64).map(numbers);
            for (dtype, epsilon) in [(DType::F32, f64::from(f32::EPSILON)), (DType::F64, 1e-15)] {
                let [y, for_z, for_slope, for_bent] = curved(function, four(n, dtype));
                for i in 0..n {
                    let [[first, scale_1], [second, scale_2], [third, scale_3]] =
                        [1, 2, 3].map(|order| formula(function, order, z[i]));
                    let (square, by) = (slope[i] * slope[i], by[i]);
                    let checks = [
                        (y[i], second * square + first * bent[i], scale_2 * square + scale_1 * bent[i].abs()),
                        (
                            for_z[i],
                            by * (third * square + second * bent[i]),
                            by * (scale_3 * square + scale_2 * bent[i].abs()),
                        ),
                        (for_slope[i], 2.0 * by * second * slope[i], 2.0 * by * scale_2 * slope[i]),
                        (for_bent[i], by * first, by * scale_1),
                    ];
                    for (found, expected, scale) in checks {
                        // The roundings of the derivative, three more products and a sum.
                        let tolerance = 12.0 * epsilon * scale.abs();
                        assert!((found - expected).abs() <= tolerance, "{function:?}: {found}, {expected}");
                    }
                }
            }
        }
    }
}

#[test]
fn curvature_respects_strides_and_shared_tensors_and_does_not_depend_on_threads() {
    for function in ALL {
        let arguments = four(10_000, DType::F32);
        let before = arguments.clone().map(numbers);
        let whole = curved(function, arguments.clone());
        assert_eq!(arguments.clone().map(numbers), before);
        let flipped = curved(function, arguments.map(|tensor| tensor.flip([0])));
        let back = flipped.map(|numbers| numbers.into_iter().rev().collect::<Vec<_>>());
        assert_eq!(back, whole);
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| curved(function, four(10_000, DType::F32))) == whole);
        }
    }
}

#[test]
#[should_panic(expected = "order: expected 0, 1 or 2, found 3")]
fn a_derivative_of_order_three_is_rejected() {
    derivative(tensor(vec![1.0], DType::F32), Activation::Silu, 3);
}
