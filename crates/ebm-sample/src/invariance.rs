//! One step from exact draws leaves their distribution as it is: for kernels made of another kernel, and for a
//! target that is not finite beyond a radius. `tests/certificate.rs` shows it for the kernels themselves.

use burn::tensor::{Device, Tensor};
use ebm_model::{Skewed, Tempered};
use ebm_ops::Noise;

use crate::diagnostics::{dkw_band, largest_gap};
use crate::testing::{Fenced, column, numbers};
use crate::{Clamped, Hmc, Kernel, Mala, MetropolisInfo, Repeated};

/// Independent draws; a wrong distribution is caught from a distance of about twice the band, 0.0085.
const N: usize = 400_000;

fn band() -> f64 {
    dkw_band(N, 1e-6)
}

/// The position after one step from `draws`.
fn after_one_step<M: ?Sized, K>(kernel: &K, model: &M, draws: &Tensor<2>) -> Tensor<2>
where
    K: Kernel<M, Info = MetropolisInfo>,
{
    kernel.step(model, kernel.init(model, draws.clone()), &mut Noise::seeded(92)).0.position
}

#[test]
fn kernels_made_of_another_kernel_leave_the_target_invariant() {
    let target = Skewed::new(2).unwrap();
    let draws = target.sample(N, &mut Noise::seeded(93), &Device::flex());
    let gap = |position: &Tensor<2>, i: usize| largest_gap(&column(position.clone(), i), |x| target.cdf(x));

    let repeated = Repeated::new(Mala::new(0.4).unwrap(), 3).unwrap();
    let position = after_one_step(&repeated, &target, &draws);
    assert!(gap(&position, 0) < band() && gap(&position, 1) < band());

    let clamped = Clamped::new(Hmc::new(0.7, 2).unwrap(), &[true, false]).unwrap();
    let position = after_one_step(&clamped, &target, &draws);
    assert!(gap(&position, 1) < band());
    assert_eq!(column(position, 0), column(draws.clone(), 0));

    let mala = Mala::new(0.4).unwrap();
    let position = after_one_step(&mala, &Tempered::new(&target, 1.0), &draws);
    assert!(gap(&position, 0) < band());
    let position = after_one_step(&mala, &Tempered::new(&target, 1.2), &draws);
    assert!(band() < gap(&position, 0));
}

#[test]
fn a_target_that_is_not_finite_beyond_a_radius_is_the_distribution_within_it() {
    // on the line, N(0, 1) within |x| < 1.5
    let model = Fenced { radius: 1.5, energy: f64::NAN, score: f64::NAN };
    let phi = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
    let cdf = |x: f64| ((phi(x) - phi(-1.5)) / (phi(1.5) - phi(-1.5))).clamp(0.0, 1.0);
    let all = numbers(Noise::seeded(94).normal::<1>([N + N / 4], &Device::flex()));
    let within: Vec<f32> = all.into_iter().filter(|x| x.abs() < 1.5).take(N).map(|x| x as f32).collect();
    assert_eq!(within.len(), N);
    let draws = Tensor::<1>::from_floats(within.as_slice(), &Device::flex()).unsqueeze_dim::<2>(1);
    let position = after_one_step(&Mala::new(0.5).unwrap(), &model, &draws);
    let gap = largest_gap(&column(position, 0), cdf);
    assert!(gap < band(), "{gap} is more than {}", band());
}
