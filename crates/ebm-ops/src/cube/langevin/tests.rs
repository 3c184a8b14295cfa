use burn::tensor::{Device, Tensor};

use super::super::testing::device;
use crate::Noise;
use crate::langevin::langevin_step;
use crate::langevin::testing::{STEP_SIZE, assert_is_the_noise_at_the_origin, composed};

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn assert_close(found: Vec<f32>, expected: Vec<f32>) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.into_iter().zip(expected) {
        // Two sums and two products, each rounded.
        let tolerance = 4.0 * f32::EPSILON * (1.0 + expected.abs());
        assert!((found - expected).abs() <= tolerance, "{found}, {expected}");
    }
}

#[test]
fn from_the_origin_the_step_is_the_noise_to_the_bit_and_uses_one_draw() {
    let Some(device) = device() else { return };
    assert_is_the_noise_at_the_origin(&device, &[1, 2, 3, 4, 7, 1023, 4096, 100_003]);
}

#[test]
fn the_step_agrees_with_the_composition_and_with_flex() {
    let Some(device) = device() else { return };
    let mut noise = Noise::seeded(83);
    let draw = |shape: [usize; 2], noise: &mut Noise| noise.normal(shape, &device);
    let (x, score) = (draw([33, 50], &mut noise), draw([50, 33], &mut noise).transpose());
    let (wide, row) = (draw([33, 60], &mut noise), draw([1, 50], &mut noise));
    let cases = [
        (x.clone(), x.clone()),
        (x.clone(), score.clone()),
        (score.clone(), x.clone()),
        (wide.clone().slice([0..33, 5..55]), wide.slice([0..33, 10..60])),
        (x.clone(), row.clone().expand([33, 50])),
        (row.expand([33, 50]), score),
        (draw([3, 5], &mut noise), draw([3, 5], &mut noise)),
    ];
    for (x, score) in cases {
        let flex = |tensor: &Tensor<2>| Tensor::<2>::from_data(tensor.clone().into_data(), &Device::flex());
        let on_flex = langevin_step(flex(&x), flex(&score), STEP_SIZE, &mut noise.clone());
        let expected = numbers(composed(x.clone(), score.clone(), &mut noise.clone()));
        let found = numbers(langevin_step(x, score, STEP_SIZE, &mut noise.clone()));
        assert_close(found.clone(), expected);
        assert_close(found, numbers(on_flex));
    }
}

#[test]
fn a_shared_position_is_unchanged_and_an_unshared_one_is_updated_in_place() {
    let Some(device) = device() else { return };
    let held = Noise::seeded(89).normal([31, 784], &device);
    let before = numbers(held.clone());
    let mut noise = Noise::seeded(97);
    let found = langevin_step(held.clone(), held.clone(), STEP_SIZE, &mut noise.clone());
    assert_eq!(numbers(held.clone()), before);
    // The same numbers in a buffer that is not shared.
    let own = Tensor::<2>::from_data(held.clone().into_data(), &device);
    let in_place = langevin_step(own, held, STEP_SIZE, &mut noise);
    assert_eq!(numbers(in_place), numbers(found));
}

#[test]
fn empty_and_tracked_positions_are_supported() {
    let Some(device) = device() else { return };
    let nothing = Tensor::<2>::zeros([0, 3], &device);
    let mut noise = Noise::seeded(101);
    assert_eq!(langevin_step(nothing.clone(), nothing, STEP_SIZE, &mut noise).dims(), [0, 3]);
    assert_eq!(noise.draws(), 1);

    let x = Tensor::<1>::from_floats([1.0, -2.0, 3.0], &device).autodiff().require_grad();
    let y = langevin_step(x.clone(), -x.clone(), STEP_SIZE, &mut Noise::seeded(103));
    let expected = composed(x.clone().inner(), -x.clone().inner(), &mut Noise::seeded(103));
    assert_close(numbers(y.clone().inner()), numbers(expected));
    let gradients = y.sum().backward();
    assert_eq!(numbers(x.grad(&gradients).unwrap()), vec![1.0 - STEP_SIZE as f32; 3]);
}
