use burn::tensor::{DType, Device, TensorData};

use super::*;
use crate::Noise;

fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.cast(DType::F64).into_data().try_to_vec().unwrap()
}

fn normal(shape: [usize; 2], seed: u64) -> Tensor<2> {
    Noise::seeded(seed).normal(shape, &Device::flex())
}

const SHAPES: [[usize; 2]; 6] = [[1, 1], [3, 2], [17, 33], [1000, 100], [5, 9000], [40_000, 1]];

/// Checks that shared arguments are unchanged, that strides are respected, that threads do not matter, and that `f`
/// agrees with `expected` in either precision, to a few units in the last place of `scale`.
fn assert_is<const D: usize>(
    f: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<D> + Sync,
    expected: impl Fn(&[f64], &[f64], usize) -> Vec<f64>,
    scale: impl Fn(usize) -> f64,
) {
    for shape in SHAPES {
        let (x, y) = (normal(shape, 151), normal([shape[1], shape[0]], 152).transpose());
        let (before, held) = (numbers(x.clone()), numbers(y.clone()));
        let exact = expected(&before, &held, shape[1]);
        for (dtype, unit) in [(DType::F32, f64::from(f32::EPSILON)), (DType::F64, f64::EPSILON)] {
            let run = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| numbers(f(x.clone().cast(dtype), y.clone().cast(dtype))))
            };
            let found = run(1);
            assert!(found == run(2) && found == run(8), "{shape:?}");
            assert_eq!(found.len(), exact.len());
            for (found, exact) in found.iter().zip(&exact) {
                let tolerance = 4.0 * unit * scale(shape[1]);
                assert!((found - exact).abs() <= tolerance * (1.0 + exact.abs()), "{found}, {exact}");
            }
        }
        assert_eq!((numbers(x), numbers(y)), (before, held));
    }
}

#[test]
fn add_scaled_agrees_with_its_formula() {
    let sum = |x: &[f64], y: &[f64], _: usize| x.iter().zip(y).map(|(x, y)| x - 0.7 * y).collect();
    // 0.7 itself is rounded, and products are at most 0.7 times 5.5.
    assert_is(|x, y| add_scaled(x, y, -0.7), sum, |_| 5.0);
}

#[test]
fn kinetic_change_agrees_with_its_formula_and_does_not_cancel() {
    let change = |a: &[f64], b: &[f64], dim: usize| {
        let half = |x: &[f64]| 0.5 * x.iter().map(|x| x * x).sum::<f64>();
        a.chunks(dim).zip(b.chunks(dim)).map(|(a, b)| half(a) - half(b)).collect()
    };
    // The sum of the absolute products, each rounded at most once.
    assert_is(kinetic_change, change, |dim| 2.0 * dim as f64);
    // If a and b are close, the difference of squares would cancel completely.
    let b = normal([50, 100], 153) + 1000.0;
    let a = b.clone() + 0.0078125;
    let exact = numbers(b.clone() * 0.0078125 + 0.0078125f64.powi(2) * 0.5);
    let exact: Vec<f64> = exact.chunks(100).map(|row| row.iter().sum()).collect();
    for (found, exact) in numbers(kinetic_change(a, b)).into_iter().zip(exact) {
        assert!((found / exact - 1.0).abs() < 1e-5, "{found}, {exact}");
    }
}

#[test]
fn the_leapfrog_position_and_kinetic_change_equal_their_compositions_to_the_bit() {
    for shape in SHAPES {
        let [x, r, s, end] = [158, 159, 160, 161].map(|seed| normal(shape, seed));
        let epsilon = 0.3;
        for dtype in [DType::F32, DType::F64] {
            let [x, r, s, end] = [&x, &r, &s, &end].map(|tensor| tensor.clone().cast(dtype));
            let middle = add_scaled(r.clone(), s.clone(), 0.5 * epsilon);
            let expected = numbers(add_scaled(x.clone(), middle.clone(), epsilon));
            let after = add_scaled(middle, end.clone(), 0.5 * epsilon);
            let change = numbers(kinetic_change(after, r.clone()));
            let held = numbers(x.clone());
            assert_eq!(
                numbers(leapfrog_position(x.clone(), r.clone(), s.clone(), epsilon)),
                expected,
                "{shape:?}"
            );
            assert_eq!(numbers(x), held);
            assert_eq!(numbers(leapfrog_kinetic_change(r, s, end, epsilon)), change, "{shape:?}");
        }
    }
}

#[test]
fn choose_rows_follows_the_mask_whatever_the_other_rows_contain() {
    let flags = |n: usize| (0..n).map(|row| row % 3 == 0).collect::<Vec<_>>();
    let chosen = |a: &[f64], b: &[f64], dim: usize| {
        let rows = a.chunks(dim).zip(b.chunks(dim)).zip(flags(a.len() / dim));
        rows.flat_map(|((a, b), from_b)| if from_b { b.to_vec() } else { a.to_vec() }).collect()
    };
    let mask = |x: &Tensor<2>| {
        let values: Vec<f32> = flags(x.dims()[0]).into_iter().map(f32::from).collect();
        Tensor::<1>::from_data(TensorData::new(values, [x.dims()[0]]), &Device::flex()).cast(x.dtype())
    };
    assert_is(|a, b| choose_rows(mask(&a), a, b), chosen, |_| 0.0);
    // Whichever of the two buffers is not shared.
    for hold in [[true, false], [false, true], [false, false]] {
        let (a, b) = (normal([1000, 100], 156), normal([1000, 100], 157));
        let exact = chosen(&numbers(a.clone()), &numbers(b.clone()), 100);
        let held = [hold[0].then(|| a.clone()), hold[1].then(|| b.clone())];
        let before = held.each_ref().map(|x| x.clone().map(numbers));
        assert_eq!(numbers(choose_rows(mask(&a), a, b)), exact, "{hold:?}");
        assert!(held.map(|x| x.map(numbers)) == before);
    }
    let nothing = Tensor::full([2, 1], f32::NAN, &Device::flex());
    let zero = Tensor::<2>::zeros([2, 1], &Device::flex());
    let first = Tensor::<1>::from_floats([1.0, 0.0], &Device::flex());
    assert_eq!(numbers(choose_rows(1.0 - first.clone(), zero.clone(), nothing.clone()))[0], 0.0);
    assert_eq!(numbers(choose_rows(first, nothing, zero))[0], 0.0);
}

#[test]
fn tracked_arguments_keep_their_gradients() {
    let x = normal([3, 4], 154).autodiff().require_grad();
    let y = normal([3, 4], 155);
    let gradients = add_scaled(y.clone(), x.clone(), 0.25).sum().backward();
    assert_eq!(numbers(x.grad(&gradients).unwrap()), vec![0.25; 12]);
    let gradients = kinetic_change(x.clone(), y).sum().backward();
    let (found, exact) = (numbers(x.grad(&gradients).unwrap()), numbers(x.inner()));
    assert!(found.iter().zip(exact).all(|(found, exact)| (found - exact).abs() < 1e-6));
}
