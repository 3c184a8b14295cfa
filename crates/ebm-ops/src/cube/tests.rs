use burn::tensor::Element;

use super::testing::{cube, device, distance, fetched, sent};
use super::*;
use crate::Noise;
use crate::distribution::{Normals, Signs, Uniforms, Words};
use crate::stream;

fn values<T: Element, const D: usize>(tensor: Tensor<D>) -> Vec<T> {
    tensor.into_data().try_to_vec().unwrap()
}

#[test]
fn words_uniforms_and_signs_equal_those_of_the_host_to_the_bit() {
    let Some(device) = device() else { return };
    let bits = |numbers: Vec<f32>| numbers.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    for (key, draw) in [([0, 0], 0), ([71, u32::MAX], 1), ([1 << 31, 73], 1 << 40), ([!0, !0], u64::MAX)] {
        for n in [1, 2, 3, 4, 5, 7, 8, 255, 1024, 1025, 100_003, 262_144] {
            let found = |distribution| {
                fetched(fill(distribution, key, draw, Shape::new([n]), cube(&device), DType::U32))
            };
            assert!(
                found(Distribution::Words) == stream::draw::<Words>(key, draw, n),
                "{n} words of draw {draw}"
            );
            assert!(found(Distribution::Uniforms) == bits(stream::draw::<Uniforms>(key, draw, n)));
            assert!(found(Distribution::Signs) == bits(stream::draw::<Signs>(key, draw, n)));
        }
    }
}

#[test]
fn a_million_normals_are_within_two_ulps_of_the_host() {
    let Some(device) = device() else { return };
    for (draw, n) in [(0, 1_000_003), (1 << 33, 1_000_000)] {
        let expected = stream::draw::<Normals>([79, 83], draw, n);
        let found =
            fetched(fill(Distribution::Normals, [79, 83], draw, Shape::new([n]), cube(&device), DType::U32));
        let worst = found.iter().zip(&expected).map(|(f, e)| distance(*f, e.to_bits())).max().unwrap();
        assert!(worst <= 2, "{worst} units");
    }
}

#[test]
fn noise_on_the_device_agrees_with_the_host() {
    let Some(device) = device() else { return };
    let (mut here, mut there) = (Noise::seeded(5), Noise::seeded(5));
    for _ in 0..2 {
        let found = values::<f32, 2>(there.uniform([33, 5], &device));
        assert_eq!(found, here.uniforms(165));
        let found = values::<f32, 3>(there.normal([4, 3, 2], &device));
        for (found, expected) in found.iter().zip(here.normals(24)) {
            assert!(distance(found.to_bits(), expected.to_bits()) <= 2);
        }
        let x = Tensor::<2>::zeros([7, 9], &device).transpose();
        let found = values::<f32, 2>(there.rademacher_like(&x));
        assert_eq!(found, here.signs(63));
        assert_eq!(there.normal_like(&x).dims(), [9, 7]);
        here.normals(63);
        assert_eq!(there, here);
    }
    assert_eq!(there.normal([0, 3], &device).dims(), [0, 3]);
}

#[test]
fn noise_on_an_autodiff_device_belongs_to_that_device() {
    let Some(device) = device() else { return };
    for device in [device.clone().autodiff(), device.autodiff().gradient_checkpointing()] {
        let x = Tensor::<1>::ones([6], &device).require_grad();
        let z = Noise::seeded(7).normal([6], &device);
        assert_eq!(z.gradient_checkpointing_strategy(), x.gradient_checkpointing_strategy());
        assert!(!Noise::seeded(7).normal_like(&x).is_autodiff());
        let gradients = (x.clone() * z.clone()).sum().backward();
        assert_eq!(values::<f32, 1>(x.grad(&gradients).unwrap()), values::<f32, 1>(z.inner()));
    }
}

#[test]
#[should_panic(expected = "at most 2147483647 elements, found 2147483648")]
fn a_draw_with_too_many_elements_is_rejected() {
    let Some(device) = device() else { panic!("at most 2147483647 elements, found 2147483648") };
    grid(&sent(&[0], &device), 1 << 31);
}
