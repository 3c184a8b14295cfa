//! Every kernel gives the same results with each instruction set, bit for bit or up to rounding.
#![cfg(feature = "flex")]

use burn::tensor::{DType, Device, Tensor, TensorData};
use ebm_ops::Noise;
use ebm_ops::activation::{Activation, curvature, derivative, pullback, silu, softplus};
use ebm_ops::adam::{AdamStep, Moments};
use ebm_ops::conv::{Algorithm, Geometry, conv_transpose2d, conv2d, with_algorithm};
use ebm_ops::group_norm::group_norm_silu;
use ebm_ops::langevin::langevin_step;
use ebm_ops::leapfrog::{add_scaled, choose_rows, kinetic_change};
use ebm_ops::simd::{Instructions, with_instructions};
use ebm_ops::sinusoids::sinusoids;

const LESS: [Instructions; 2] = [Instructions::Scalar, Instructions::Avx2];

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.cast(DType::F64).into_data().try_to_vec().unwrap()
}

fn leaf<const D: usize>(label: &str, shape: [usize; D]) -> Tensor<D> {
    let values = Noise::seeded(31).derive(label).normals(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), &Device::flex()).autodiff().require_grad()
}

/// The results of `work` with the widest instructions, and with the others.
fn under_each<R>(work: impl Fn() -> R) -> (R, [R; 2]) {
    (work(), LESS.map(|most| with_instructions(most, &work)))
}

/// The largest difference relative to the largest number.
fn difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(f64::MIN_POSITIVE, |largest, x| largest.max(x.abs()));
    let differences = found.iter().zip(expected).map(|(x, y)| (x - y).abs());
    differences.fold(0.0, |worst: f64, x| if x <= worst { worst } else { x }) / largest
}

#[test]
fn changes_of_kinetic_energy_differ_in_rounding_only() {
    let (widest, less) = under_each(|| {
        let [a, b] = ["a", "b"].map(|label| leaf(label, [5, 1003]).inner());
        numbers(kinetic_change(a, b))
    });
    for other in less {
        assert!(difference(&other, &widest) < 1e-5);
    }
}

#[test]
fn noise_is_the_same_bit_for_bit() {
    let (widest, less) = under_each(|| {
        let mut noise = Noise::seeded(37);
        let normals: Vec<u32> = noise.normals(100_003).into_iter().map(f32::to_bits).collect();
        let uniforms: Vec<u32> = noise.uniforms(10_001).into_iter().map(f32::to_bits).collect();
        (normals, uniforms, noise.words(999), noise.signs(17))
    });
    assert!(less.iter().all(|other| *other == widest));
}

#[test]
fn elementwise_kernels_are_the_same_bit_for_bit() {
    let (widest, less) = under_each(|| {
        let x = leaf("x", [3, 5003]) * 4.0;
        let y = silu(x.clone()) + softplus(x.clone());
        let z = langevin_step(x.clone().inner(), y.clone().inner(), 0.01, &mut Noise::seeded(41));
        let step = AdamStep {
            step: 3,
            learning_rate: 1e-2,
            decays: [0.9, 0.999],
            epsilon: 1e-8,
            gradient_scale: 0.7,
            average_decay: 0.9,
        };
        let moments =
            Moments { first: y.clone().inner(), second: y.clone().inner().square(), average: z.clone() };
        let (parameter, moments) = step.apply(z.clone(), y.clone().inner(), moments);
        let adam = [parameter, moments.first, moments.second, moments.average];
        let turned = sinusoids(leaf("c", [101]).inner(), leaf("frequencies", [9]).inner() * 50.0);
        let leaf = leaf("leaf", [7, 601]);
        let gradients = (silu(leaf.clone()) * softplus(leaf.clone())).sum().backward();
        let mut slopes = numbers(leaf.grad(&gradients).unwrap());
        for function in [Activation::Silu, Activation::Softplus, Activation::Tanh, Activation::Elu] {
            let bent = pullback(leaf.clone(), function, derivative(leaf.clone(), function, 2));
            slopes.extend(numbers(bent.clone().inner()));
            slopes.extend(numbers(leaf.grad(&bent.sum().backward()).unwrap()));
            let curved = curvature(leaf.clone(), function, leaf.clone(), leaf.clone() * 0.5);
            slopes.extend(numbers(curved.clone().inner()));
            slopes.extend(numbers(leaf.grad(&curved.sum().backward()).unwrap()));
        }
        let moved = add_scaled(z.clone(), y.clone().inner(), 0.3);
        let mask = Tensor::from_floats([1.0, 0.0, 1.0], &Device::flex());
        let chosen = choose_rows(mask, z.clone(), moved.clone());
        let all = [y.inner(), z, moved, chosen, turned].into_iter().chain(adam).map(numbers);
        all.chain([slopes]).collect::<Vec<_>>()
    });
    assert!(widest.iter().flatten().all(|x| x.is_finite()));
    assert!(less.iter().all(|other| *other == widest));
}

/// A convolution's result and its gradients in the image, the weight and the bias.
fn convolution(
    transposed: bool,
    [batch, inputs, outputs, side]: [usize; 4],
    kernel: usize,
    geometry: Geometry,
) -> Vec<Vec<f64>> {
    let (x, bias) = (leaf("x", [batch, inputs, side, side]), leaf("bias", [outputs]));
    let first = if transposed { [inputs, outputs] } else { [outputs, inputs] };
    let weight = leaf("weight", [first[0], first[1], kernel, kernel]);
    let map = if transposed { conv_transpose2d } else { conv2d };
    let y = map(x.clone(), weight.clone(), Some(bias.clone()), geometry);
    let gradients = (y.clone() * leaf("factor", y.dims()).inner().autodiff()).sum().backward();
    let [dx, dw] = [&x, &weight].map(|leaf| numbers(leaf.grad(&gradients).unwrap()));
    vec![numbers(y.inner()), dx, dw, numbers(bias.grad(&gradients).unwrap())]
}

#[test]
fn convolutions_differ_in_rounding_only() {
    let same = Geometry { stride: 1, padding: 1 };
    let cases = [
        (false, [5, 32, 48, 14], 3, same),
        (false, [3, 24, 8, 7], 3, same),
        (false, [3, 4, 32, 9], 3, same),
        (false, [3, 32, 4, 9], 3, same),
        (false, [2, 16, 24, 9], 3, Geometry { stride: 2, padding: 1 }),
        (false, [2, 64, 32, 5], 1, Geometry { stride: 1, padding: 0 }),
        (true, [2, 24, 16, 5], 2, Geometry { stride: 2, padding: 0 }),
    ];
    for (transposed, sizes, kernel, geometry) in cases {
        for algorithm in [Algorithm::Auto, Algorithm::Direct] {
            let run = || with_algorithm(algorithm, || convolution(transposed, sizes, kernel, geometry));
            let (widest, less) = under_each(run);
            // Twice the largest error of either version; a wrong tap or channel gives 1e-2.
            let tolerance = if algorithm == Algorithm::Auto { 2.0 * 1e-4 } else { 2.0 * 1e-5 };
            for (most, less) in LESS.iter().zip(&less) {
                for (what, (found, expected)) in ["y", "dx", "dw", "db"].iter().zip(less.iter().zip(&widest))
                {
                    let error = difference(found, expected);
                    assert!(error <= tolerance, "{what} of {sizes:?}, {algorithm:?}, {most:?}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn normalisations_differ_in_rounding_only() {
    for shape @ [batch, channels, ..] in [[3, 32, 14, 14], [2, 64, 7, 7], [2, 6, 3, 5]] {
        let (widest, less) = under_each(|| {
            let x = leaf("x", shape);
            let [gamma, beta] = ["gamma", "beta"].map(|label| leaf(label, [channels]));
            let [scale, shift] = ["scale", "shift"].map(|label| leaf(label, [batch, channels]));
            let film = Some((scale.clone(), shift));
            let y = group_norm_silu(x.clone(), gamma.clone(), beta, film, channels / 2, 1e-5);
            let gradients = (y.clone() * leaf("factor", shape).inner().autodiff()).sum().backward();
            let [dx, dgamma, dscale] = [
                numbers(x.grad(&gradients).unwrap()),
                numbers(gamma.grad(&gradients).unwrap()),
                numbers(scale.grad(&gradients).unwrap()),
            ];
            [numbers(y.inner()), dx, dgamma, dscale]
        });
        for (less, most) in less.iter().zip(LESS) {
            for (found, expected) in less.iter().zip(&widest) {
                let error = difference(found, expected);
                // Each is within 1e-5 of the exact result.
                assert!(error <= 2e-5, "{shape:?}, {most:?}: {error:e}");
            }
        }
    }
}

#[test]
fn the_limit_reaches_the_convolution() {
    if !wide() {
        return;
    }
    let run = || convolution(false, [3, 32, 32, 9], 3, Geometry { stride: 1, padding: 1 });
    let (widest, [scalar, _]) = under_each(run);
    assert!(widest != scalar, "expected sums in another order to differ in rounding");
}

/// Whether this machine has vector instructions.
fn wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}
