use burn::tensor::{DType, Device, Tensor, TensorData};

use super::{dense, dense_pullback};
use crate::Noise;
use crate::simd::{Instructions, with_instructions};

/// Batch, inputs and outputs.
const SIZES: [[usize; 3]; 9] = [
    [1, 1, 1],
    [5, 2, 3],
    [256, 2, 128],
    [130, 128, 1],
    [64, 128, 128],
    [33, 64, 17],
    [3, 784, 65],
    [70, 31, 33],
    [300, 3, 2],
];

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.cast(DType::F64).into_data().try_to_vec().unwrap()
}

fn normal<const D: usize>(label: &str, shape: [usize; D], dtype: DType) -> Tensor<D> {
    let values = Noise::seeded(61).derive(label).normals(shape.iter().product());
    Tensor::<D>::from_data(TensorData::new(values, shape), (&Device::flex(), DType::F32)).cast(dtype)
}

fn leaf<const D: usize>(label: &str, shape: [usize; D], dtype: DType) -> Tensor<D> {
    normal(label, shape, dtype).autodiff().require_grad()
}

/// Values and gradients of both maps.
fn run([batch, inputs, outputs]: [usize; 3], dtype: DType) -> Vec<Vec<f64>> {
    let (x, g) = (leaf("x", [batch, inputs], dtype), leaf("g", [batch, outputs], dtype));
    let (weight, bias) = (leaf("weight", [inputs, outputs], dtype), leaf("bias", [outputs], dtype));
    let factor = |label, shape| normal(label, shape, dtype).autodiff();

    let y = dense(x.clone(), weight.clone(), Some(bias.clone()));
    let of_y = (y.clone() * factor("of y", [batch, outputs])).sum().backward();
    let back = dense_pullback(g.clone(), weight.clone());
    let of_back = (back.clone() * factor("of back", [batch, inputs])).sum().backward();
    let without = dense(x.clone(), weight.clone(), None);
    let of_without = (without.clone() * factor("of y", [batch, outputs])).sum().backward();
    vec![
        numbers(y.inner()),
        numbers(x.grad(&of_y).unwrap()),
        numbers(weight.grad(&of_y).unwrap()),
        numbers(bias.grad(&of_y).unwrap()),
        numbers(back.inner()),
        numbers(g.grad(&of_back).unwrap()),
        numbers(weight.grad(&of_back).unwrap()),
        numbers(without.inner()),
        numbers(x.grad(&of_without).unwrap()),
        numbers(weight.grad(&of_without).unwrap()),
    ]
}

/// The same from the formulas, with Burn's own operations in double precision.
fn by_hand([batch, inputs, outputs]: [usize; 3]) -> Vec<Vec<f64>> {
    let double = DType::F64;
    let (x, g) = (normal("x", [batch, inputs], double), normal("g", [batch, outputs], double));
    let (weight, bias) = (normal("weight", [inputs, outputs], double), normal("bias", [outputs], double));
    let (of_y, of_back) =
        (normal("of y", [batch, outputs], double), normal("of back", [batch, inputs], double));
    let without = x.clone().matmul(weight.clone());
    let dx = of_y.clone().matmul(weight.clone().transpose());
    let dw = x.transpose().matmul(of_y.clone());
    vec![
        numbers(without.clone() + bias.unsqueeze::<2>()),
        numbers(dx.clone()),
        numbers(dw.clone()),
        numbers(of_y.sum_dim(0)),
        numbers(g.clone().matmul(weight.clone().transpose())),
        numbers(of_back.clone().matmul(weight)),
        numbers(of_back.transpose().matmul(g)),
        numbers(without),
        numbers(dx),
        numbers(dw),
    ]
}

fn assert_near(found: &[Vec<f64>], expected: &[Vec<f64>], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len());
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= tolerance, "{what}, {k}: {found}, {expected}");
        }
    }
}

#[test]
fn values_and_gradients_agree_with_the_formulas() {
    for sizes in SIZES {
        // A sum of n products of standard normals is rounded n times by half a unit; partial sums are at most about
        // 6 √n, and the errors add up like a random walk, as √n.
        let n = *sizes.iter().max().unwrap() as f64;
        let tolerance = 6.0 * n * f64::from(f32::EPSILON);
        let expected = by_hand(sizes);
        for most in [Instructions::Scalar, Instructions::Avx2, Instructions::Widest] {
            let found = with_instructions(most, || run(sizes, DType::F32));
            assert_near(&found, &expected, tolerance, &format!("{sizes:?}, {most:?}"));
        }
        assert_near(&run(sizes, DType::F64), &expected, 1e-14 * 6.0 * n, "in double precision");
    }
}

#[test]
fn gradients_of_untracked_arguments_are_not_required() {
    let plain = |label, shape| normal::<2>(label, shape, DType::F32).autodiff();
    let [x, weight, g] = [("x", [7, 5]), ("weight", [5, 3]), ("g", [7, 3])]
        .map(|(label, shape)| (plain(label, shape), leaf(label, shape, DType::F32)));
    let bias = (normal("bias", [3], DType::F32).autodiff(), leaf("bias", [3], DType::F32));
    let expected = run([7, 5, 3], DType::F32);
    let factor = plain("of y", [7, 3]);
    let backward = |y: Tensor<2>| (y * factor.clone()).sum().backward();

    let y = backward(dense(x.1.clone(), weight.0.clone(), Some(bias.0.clone())));
    assert_eq!(numbers(x.1.grad(&y).unwrap()), expected[1]);
    let y = backward(dense(x.0.clone(), weight.1.clone(), Some(bias.0.clone())));
    assert_eq!(numbers(weight.1.grad(&y).unwrap()), expected[2]);
    let y = backward(dense(x.0.clone(), weight.0.clone(), Some(bias.1.clone())));
    let of_bias = numbers(bias.1.grad(&y).unwrap());
    assert_near(&[of_bias], &expected[3..4], 7.0 * 6.0 * f64::from(f32::EPSILON), "bias");

    let back = |g: &Tensor<2>, weight: &Tensor<2>| {
        (dense_pullback(g.clone(), weight.clone()) * plain("of back", [7, 5])).sum().backward()
    };
    assert_eq!(numbers(g.1.grad(&back(&g.1, &weight.0)).unwrap()), expected[5]);
    assert_eq!(numbers(weight.1.grad(&back(&g.0, &weight.1)).unwrap()), expected[6]);
    assert!(!dense(x.0.clone(), weight.0.clone(), None).is_require_grad());
}

#[test]
fn strides_of_arguments_are_respected() {
    let (x, weight) = (normal("x", [40, 9], DType::F32), normal("weight", [33, 20], DType::F32));
    let whole = |tensor: &Tensor<2>| Tensor::<2>::from_data(tensor.clone().into_data(), &Device::flex());
    let x = x.transpose().slice([1..8, 3..36]);
    let weight = weight.flip([1]);
    let found = numbers(dense(x.clone(), weight.clone(), None));
    assert_eq!(found, numbers(dense(whole(&x), whole(&weight), None)));
    let back = numbers(dense_pullback(x.clone(), weight.clone().transpose()));
    assert_eq!(back, numbers(dense_pullback(whole(&x), whole(&weight.transpose()))));
    assert_eq!(found, back);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    // The last size is large enough for Burn's product.
    for sizes in [[256, 128, 128], [1000, 2, 128], [700, 784, 65], [128, 600, 96], [650, 640, 660]] {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(sizes, DType::F32))
        };
        let alone = on(1);
        assert!(alone == on(2) && alone == on(8), "{sizes:?}");
    }
}

#[test]
#[should_panic(expected = "columns of x [2, 3] and rows of weight [4, 5]")]
fn a_weight_with_another_number_of_inputs_is_rejected() {
    dense(normal("x", [2, 3], DType::F32), normal("weight", [4, 5], DType::F32), None);
}

#[test]
#[should_panic(expected = "columns of g [2, 3] and of weight [4, 5]")]
fn a_weight_with_another_number_of_outputs_is_rejected() {
    dense_pullback(normal("g", [2, 3], DType::F32), normal("weight", [4, 5], DType::F32));
}
