//! Group normalisation with modulation and SiLU.

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use criterion::{Criterion, Throughput};
use ebm_ops::group_norm::group_norm_silu;

use crate::{BATCH, compare, normal};

const GROUPS: usize = 8;
const EPSILON: f64 = 1e-5;

/// x, γ, β, and scale and shift.
#[derive(Clone)]
struct Arguments {
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    film: (Tensor<2>, Tensor<2>),
}

impl Arguments {
    fn new(channels: usize, side: usize) -> Self {
        Self {
            x: normal("x", [BATCH, channels, side, side]),
            gamma: normal("gamma", [channels]),
            beta: normal("beta", [channels]),
            film: (normal("scale", [BATCH, channels]), normal("shift", [BATCH, channels])),
        }
    }

    /// Every argument as a leaf of its own.
    fn tracked(self) -> Self {
        let Self { x, gamma, beta, film: (scale, shift) } = self;
        Self {
            x: x.autodiff().require_grad(),
            gamma: gamma.autodiff().require_grad(),
            beta: beta.autodiff().require_grad(),
            film: (scale.autodiff().require_grad(), shift.autodiff().require_grad()),
        }
    }

    fn ours(self) -> Tensor<4> {
        group_norm_silu(self.x, self.gamma, self.beta, Some(self.film), GROUPS, EPSILON)
    }

    fn burn(self) -> Tensor<4> {
        let [b, c, h, w] = self.x.dims();
        let x = self.x.reshape([b, GROUPS, c / GROUPS * h * w]);
        let x = x.clone() - x.mean_dim(2);
        let variance = x.clone().square().mean_dim(2);
        let normal = (x / (variance + EPSILON).sqrt()).reshape([b, c, h, w]);
        let z = normal * self.gamma.reshape([1, c, 1, 1]) + self.beta.reshape([1, c, 1, 1]);
        let (scale, shift) = self.film;
        let z = z * (scale.reshape([b, c, 1, 1]) + 1.0) + shift.reshape([b, c, 1, 1]);
        z.clone() * sigmoid(z)
    }
}

pub fn bench(criterion: &mut Criterion) {
    for (channels, side) in [(32, 14), (64, 7), (32, 28)] {
        let arguments = Arguments::new(channels, side);
        let elements = Throughput::Elements((BATCH * channels * side * side) as u64);

        let mut group = criterion.benchmark_group(format!("norm+SiLU {channels} {side} forward"));
        group.throughput(elements.clone());
        compare(&mut group, || arguments.clone().ours(), || arguments.clone().burn());
        group.finish();

        // Backpropagation begins with a gradient of ones, a cost that both versions share.
        let mut group =
            criterion.benchmark_group(format!("norm+SiLU {channels} {side} forward and backward"));
        group.throughput(elements);
        compare(
            &mut group,
            || arguments.clone().tracked().ours().backward(),
            || arguments.clone().tracked().burn().backward(),
        );
        group.finish();
    }
}
