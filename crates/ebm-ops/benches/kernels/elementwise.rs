//! Activations, noise, and the steps of Langevin and Adam.

use std::cell::Cell;

use burn::tensor::{Device, Tensor, activation};
use criterion::{Criterion, Throughput};
use ebm_ops::Noise;
use ebm_ops::activation::{silu, softplus};
use ebm_ops::adam::{AdamStep, Moments};
use ebm_ops::langevin::langevin_step;

use crate::{BATCH, compare, normal};

/// 1.6 million numbers.
const SHAPE: [usize; 4] = [BATCH, 32, 28, 28];
const ELEMENTS: Throughput = Throughput::Elements((BATCH * 32 * 28 * 28) as u64);

/// Elements of a large weight.
const PARAMETERS: usize = 1 << 20;

const STEP_SIZE: f64 = 1e-3;

pub fn bench(criterion: &mut Criterion) {
    activations(criterion);
    noise(criterion);
    adam(criterion);
}

fn activations(criterion: &mut Criterion) {
    type Function = fn(Tensor<4>) -> Tensor<4>;
    let functions: [(&str, Function, Function); 2] =
        [("SiLU", silu, activation::silu), ("softplus", softplus, |x| activation::softplus(x, 1.0))];
    let x = normal("x", SHAPE);
    let tracked = || x.clone().autodiff().require_grad();
    for (name, ours, burn) in functions {
        let mut group = criterion.benchmark_group(format!("{name} forward"));
        group.throughput(ELEMENTS);
        compare(&mut group, || ours(x.clone()), || burn(x.clone()));
        group.finish();
        let mut group = criterion.benchmark_group(format!("{name} forward and backward"));
        group.throughput(ELEMENTS);
        compare(&mut group, || ours(tracked()).backward(), || burn(tracked()).backward());
        group.finish();
    }
}

fn noise(criterion: &mut Criterion) {
    let device = Device::flex();
    let (x, score) = (normal("x", SHAPE), normal("score", SHAPE));
    let mut group = criterion.benchmark_group("noise");
    group.throughput(ELEMENTS);
    compare(&mut group, || Noise::seeded(2).normal(SHAPE, &device), || burn_normal(&x));
    group.finish();

    let mut group = criterion.benchmark_group("Langevin step");
    group.throughput(ELEMENTS);
    let diffusion = (2.0 * STEP_SIZE).sqrt();
    compare(
        &mut group,
        chained(x.clone(), |x| langevin_step(x, score.clone(), STEP_SIZE, &mut Noise::seeded(2))),
        chained(x.clone(), |x| {
            let noise = burn_normal(&x) * diffusion;
            x + score.clone() * STEP_SIZE + noise
        }),
    );
    group.finish();
}

/// Each iteration continues from the previous result, so that buffers are not shared.
fn chained<T>(start: T, step: impl Fn(T) -> T) -> impl Fn() {
    let state = Cell::new(Some(start));
    move || state.set(state.take().map(&step))
}

#[expect(clippy::disallowed_methods, reason = "Burn's own generator is what is measured")]
fn burn_normal(x: &Tensor<4>) -> Tensor<4> {
    x.random_like(burn::tensor::Distribution::Normal(0.0, 1.0))
}

fn adam(criterion: &mut Criterion) {
    let (theta, g) = (normal("theta", [PARAMETERS]), normal("gradient", [PARAMETERS]));
    let moments = Moments::new(&theta);
    let step = AdamStep {
        step: 5,
        learning_rate: 1e-3,
        decays: [0.9, 0.999],
        epsilon: 1e-8,
        gradient_scale: 1.0,
        average_decay: 0.99,
    };
    let [c, d] = step.decays.map(|decay| 1.0 - decay.powi(5));
    let mut group = criterion.benchmark_group("Adam step with average");
    group.throughput(Throughput::Elements(PARAMETERS as u64));
    compare(
        &mut group,
        chained((theta.clone(), moments.clone()), |(theta, moments)| step.apply(theta, g.clone(), moments)),
        chained((theta.clone(), moments.clone()), |(theta, Moments { first, second, average })| {
            let first = first * 0.9 + g.clone() * 0.1;
            let second = second * 0.999 + g.clone().square() * 0.001;
            let move_by = first.clone() * (1e-3 / c) / ((second.clone() / d).sqrt() + 1e-8);
            let theta = theta - move_by;
            let average = average * 0.99 + theta.clone() * 0.01;
            (theta, Moments { first, second, average })
        }),
    );
    group.finish();
}
