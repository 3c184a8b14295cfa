//! Convolutions with the sizes of the reference network: forward, and both gradients separately.

use burn::backend::Dispatch;
use burn::backend::ops::{ConvOptions, ConvTransposeOptions, ModuleOps};
use criterion::{Criterion, Throughput};
use ebm_ops::conv::{ConvOps, Geometry};

use crate::{BATCH, compare, normal};

/// One layer on images of `side` × `side` pixels; `channels` are its input and output channels.
struct Layer {
    name: &'static str,
    channels: [usize; 2],
    side: usize,
    kernel: usize,
    geometry: Geometry,
    transposed: bool,
}

const SAME: Geometry = Geometry { stride: 1, padding: 1 };

const fn same(name: &'static str, channels: [usize; 2], side: usize) -> Layer {
    Layer { name, channels, side, kernel: 3, geometry: SAME, transposed: false }
}

const LAYERS: [Layer; 9] = [
    same("3x3 32-32 14", [32, 32], 14),
    same("3x3 64-64 7", [64, 64], 7),
    same("3x3 64-32 14", [64, 32], 14),
    same("3x3 32-32 28", [32, 32], 28),
    same("stem 4-32 14", [4, 32], 14),
    same("out 32-4 14", [32, 4], 14),
    Layer { geometry: Geometry { stride: 2, padding: 1 }, ..same("stride 2 32-64 14", [32, 64], 14) },
    Layer { kernel: 1, geometry: Geometry { stride: 1, padding: 0 }, ..same("1x1 64-32 14", [64, 32], 14) },
    Layer {
        kernel: 2,
        geometry: Geometry { stride: 2, padding: 0 },
        transposed: true,
        ..same("transposed 2x2 64-32 7", [64, 32], 7)
    },
];

pub fn bench(criterion: &mut Criterion) {
    LAYERS.iter().for_each(|layer| layer.bench(criterion));
}

impl Layer {
    /// Side of the result.
    fn result(&self) -> usize {
        let Geometry { stride, padding } = self.geometry;
        if self.transposed {
            (self.side - 1) * stride + self.kernel - 2 * padding
        } else {
            (self.side + 2 * padding - self.kernel) / stride + 1
        }
    }

    /// Operations of direct summation: one multiplication and one addition per tap.
    fn operations(&self) -> u64 {
        let windows = if self.transposed { self.side } else { self.result() };
        let [inputs, outputs] = self.channels;
        (2 * BATCH * windows * windows * inputs * outputs * self.kernel * self.kernel) as u64
    }

    fn bench(&self, criterion: &mut Criterion) {
        let &Self { name, channels: [inputs, outputs], side, kernel, geometry, transposed } = self;
        let result = self.result();
        let x = normal("x", [BATCH, inputs, side, side]).into_dispatch();
        let dy = normal("dy", [BATCH, outputs, result, result]).into_dispatch();
        let bias = normal("bias", [outputs]).into_dispatch();
        let first = if transposed { [inputs, outputs] } else { [outputs, inputs] };
        let weight = normal("weight", [first[0], first[1], kernel, kernel]).into_dispatch();
        let Geometry { stride, padding } = geometry;
        let plain = || ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
        let options = || ConvTransposeOptions::new([stride; 2], [padding; 2], [0; 2], [1; 2], 1);

        let (x, dy, weight, bias) = (|| x.clone(), || dy.clone(), || weight.clone(), || bias.clone());
        let mut group = criterion.benchmark_group(format!("{name} forward"));
        group.throughput(Throughput::Elements(self.operations()));
        if transposed {
            compare(
                &mut group,
                || Dispatch::conv_transpose_with_bias(x(), weight(), bias(), geometry, [result; 2]),
                || Dispatch::conv_transpose2d(x(), weight(), Some(bias()), options()),
            );
        } else {
            compare(
                &mut group,
                || Dispatch::convolve_with_bias(x(), weight(), bias(), geometry),
                || Dispatch::conv2d(x(), weight(), Some(bias()), plain()),
            );
        }
        group.finish();

        let mut group = criterion.benchmark_group(format!("{name} input gradient"));
        group.throughput(Throughput::Elements(self.operations()));
        if transposed {
            compare(
                &mut group,
                || Dispatch::convolve(dy(), weight(), geometry),
                || Dispatch::conv_transpose2d_x_backward(weight(), dy(), options()),
            );
        } else {
            compare(
                &mut group,
                || Dispatch::conv_transpose(dy(), weight(), geometry, [side; 2]),
                || Dispatch::conv2d_x_backward(x(), weight(), dy(), plain()),
            );
        }
        group.finish();

        let mut group = criterion.benchmark_group(format!("{name} weight gradient"));
        group.throughput(Throughput::Elements(self.operations()));
        if transposed {
            compare(
                &mut group,
                || Dispatch::convolve_weight_grad(dy(), weight(), x(), geometry),
                || Dispatch::conv_transpose2d_weight_backward(x(), weight(), dy(), options()),
            );
        } else {
            compare(
                &mut group,
                || Dispatch::convolve_weight_grad(x(), weight(), dy(), geometry),
                || Dispatch::conv2d_weight_backward(x(), weight(), dy(), plain()),
            );
        }
        group.finish();
    }
}
