use burn::tensor::activation::softmax;
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::attention;
use crate::Noise;
use crate::simd::{Instructions, with_instructions};

/// Heads, channels and places; the kernel takes those whose last two are multiples of sixteen.
const SIZES: [[usize; 3]; 8] =
    [[1, 1, 1], [2, 3, 5], [3, 16, 16], [2, 32, 48], [5, 48, 64], [1, 64, 256], [2, 16, 49], [2, 20, 64]];

fn numbers(tensor: Tensor<3>) -> Vec<f64> {
    tensor.cast(DType::F64).into_data().try_to_vec().unwrap()
}

fn normal(label: &str, shape: [usize; 3], dtype: DType) -> Tensor<3> {
    let values = Noise::seeded(71).derive(label).normals(shape.iter().product());
    Tensor::<3>::from_data(TensorData::new(values, shape), (&Device::flex(), DType::F32)).cast(dtype)
}

/// The operation, composed of public tensor operations; by a product, since the gradient of a quotient by a number is
/// of single precision in Burn.
fn composed(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Tensor<3> {
    let scale = 1.0 / (q.dims()[1] as f64).sqrt();
    let p = softmax(q.swap_dims(1, 2).matmul(k) * scale, 2);
    v.matmul(p.swap_dims(1, 2))
}

/// The value, and the gradients of those of q, k and v that are tracked; `sharpness` multiplies queries.
fn run(
    operation: fn(Tensor<3>, Tensor<3>, Tensor<3>) -> Tensor<3>,
    shape: [usize; 3],
    dtype: DType,
    sharpness: f64,
    tracked: [bool; 3],
) -> Vec<Option<Vec<f64>>> {
    let leaf = |label: &str, factor: f64, tracked: bool| {
        let plain = normal(label, shape, dtype) * factor;
        if tracked { plain.autodiff().require_grad() } else { plain.autodiff() }
    };
    let leaves = [leaf("q", sharpness, tracked[0]), leaf("k", 1.0, tracked[1]), leaf("v", 1.0, tracked[2])];
    let [q, k, v] = leaves.clone();
    let y = operation(q, k, v);
    let value = numbers(y.clone().inner());
    if !tracked.contains(&true) {
        return vec![Some(value)];
    }
    let gradients = (y * normal("of y", shape, dtype).autodiff()).sum().backward();
    let of = leaves.iter().zip(tracked).map(|(leaf, tracked)| {
        tracked.then(|| numbers(leaf.grad(&gradients).expect("a tracked argument has a gradient")))
    });
    std::iter::once(Some(value)).chain(of).collect()
}

fn assert_near(found: &[Option<Vec<f64>>], expected: &[Option<Vec<f64>>], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len());
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.is_some(), expected.is_some(), "{what}, output {k}");
        let (Some(found), Some(expected)) = (found, expected) else { continue };
        let largest = expected.iter().fold(1e-3f64, |largest, e| largest.max(e.abs()));
        let error = found.iter().zip(expected).fold(0f64, |error, (f, e)| error.max((f - e).abs()));
        assert!(error <= tolerance * largest, "{what}, output {k}: {error} of {largest}");
    }
}

#[test]
fn values_and_gradients_agree_with_the_composition_in_double_precision() {
    for shape in SIZES {
        for sharpness in [1.0, 6.0] {
            let expected = run(composed, shape, DType::F64, sharpness, [true; 3]);
            for most in [Instructions::Scalar, Instructions::Avx2, Instructions::Widest] {
                let found =
                    with_instructions(most, || run(attention, shape, DType::F32, sharpness, [true; 3]));
                assert_near(&found, &expected, 1e-5, &format!("{shape:?}, {most:?}"));
            }
            let double = run(attention, shape, DType::F64, sharpness, [true; 3]);
            assert_near(&double, &expected, 1e-12, "in double precision");
        }
    }
}

#[test]
fn constant_arguments_get_no_gradient_and_the_others_keep_theirs() {
    let all = run(attention, [2, 16, 32], DType::F32, 1.0, [true; 3]);
    for tracked in 0..8u32 {
        let tracked = std::array::from_fn(|i| tracked >> i & 1 == 1);
        let found = run(attention, [2, 16, 32], DType::F32, 1.0, tracked);
        assert_eq!(found[0], all[0]);
        for (found, (all, tracked)) in found[1..].iter().zip(all[1..].iter().zip(tracked)) {
            assert_eq!(found.as_ref(), all.as_ref().filter(|_| tracked));
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for shape in [[7, 32, 64], [3, 16, 49]] {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(attention, shape, DType::F32, 1.0, [true; 3]))
        };
        let alone = on(1);
        assert!(alone == on(2) && alone == on(8), "{shape:?}");
    }
}

#[test]
fn strides_are_respected_and_logits_beyond_the_range_of_exp_are_sound() {
    let device = Device::flex();
    let whole = |x: &Tensor<3>| Tensor::<3>::from_data(x.clone().into_data(), &device);
    let [q, k, v] = ["q", "k", "v"].map(|label| normal(label, [2, 64, 16], DType::F32).swap_dims(1, 2));
    let found = attention(q.clone(), k.clone(), v.clone()).into_data();
    assert_eq!(found, attention(whole(&q), whole(&k), whole(&v)).into_data());

    // every query is 1000 times a key of its own: the result is that key's value
    let keys = Tensor::<2>::eye(16, &device).reshape([1, 16, 16]);
    let values = normal("v", [1, 16, 16], DType::F32);
    let found = attention(keys.clone() * 1e3, keys, values.clone());
    assert_eq!(found.into_data(), values.into_data());
}

#[test]
fn a_query_that_is_not_finite_spoils_its_own_result_only() {
    let mut q = normal("q", [1, 16, 32], DType::F32).into_data().try_to_vec::<f32>().unwrap();
    q[3] = f32::NAN;
    let q = Tensor::<3>::from_data(TensorData::new(q, [1, 16, 32]), &Device::flex());
    let y = attention(q, normal("k", [1, 16, 32], DType::F32), normal("v", [1, 16, 32], DType::F32));
    for (i, y) in numbers(y).into_iter().enumerate() {
        assert_eq!(y.is_nan(), i % 32 == 3, "{i}");
    }
}

#[test]
#[should_panic(expected = "shapes of q and k")]
fn keys_of_another_shape_are_refused() {
    let x = |shape| normal("x", shape, DType::F32);
    attention(x([1, 2, 3]), x([1, 2, 4]), x([1, 2, 3]));
}
