//! The fully connected map, its transpose and their gradients, from a small network's sizes to large ones.

use burn::tensor::Tensor;
use criterion::{Criterion, Throughput};
use ebm_ops::activation::{self, Activation};
use ebm_ops::dense::{dense, dense_pullback};

use crate::{compare, normal};

/// Batch, inputs and outputs.
const SIZES: [[usize; 3]; 5] =
    [[256, 2, 128], [256, 128, 128], [256, 128, 1], [64, 784, 512], [1024, 1024, 1024]];

pub fn bench(criterion: &mut Criterion) {
    for [batch, inputs, outputs] in SIZES {
        let (x, g) = (normal("x", [batch, inputs]), normal("g", [batch, outputs]));
        let (weight, bias) = (normal("weight", [inputs, outputs]), normal("bias", [outputs]));
        let name = format!("{batch}x{inputs}x{outputs}");
        let products = Throughput::Elements(2 * (batch * inputs * outputs) as u64);

        let mut group = criterion.benchmark_group(format!("dense {name}"));
        group.throughput(products.clone());
        compare(
            &mut group,
            || dense(x.clone(), weight.clone(), Some(bias.clone())),
            || x.clone().matmul(weight.clone()) + bias.clone().unsqueeze::<2>(),
        );
        group.finish();

        let mut group = criterion.benchmark_group(format!("dense pullback {name}"));
        group.throughput(products);
        compare(
            &mut group,
            || dense_pullback(g.clone(), weight.clone()),
            || g.clone().matmul(weight.clone().transpose()),
        );
        group.finish();

        let leaf = |tensor: &Tensor<2>| tensor.clone().autodiff().require_grad();
        let row = || bias.clone().autodiff().require_grad();
        let mut group = criterion.benchmark_group(format!("dense forward and backward {name}"));
        compare(
            &mut group,
            || dense(leaf(&x), leaf(&weight), Some(row())).sum().backward(),
            || (leaf(&x).matmul(leaf(&weight)) + row().unsqueeze::<2>()).sum().backward(),
        );
        group.finish();
    }

    let (z, g) = (normal("z", [256, 128]), normal("g", [256, 128]));
    let slope = |z: Tensor<2>| {
        let s = burn::tensor::activation::sigmoid(z.clone());
        z * s.clone() * (s.clone().neg() + 1.0) + s
    };
    let mut group = criterion.benchmark_group("SiLU pullback forward and backward");
    let leaf = |tensor: &Tensor<2>| tensor.clone().autodiff().require_grad();
    compare(
        &mut group,
        || activation::pullback(leaf(&z), Activation::Silu, leaf(&g)).sum().backward(),
        || (leaf(&g) * slope(leaf(&z))).sum().backward(),
    );
    group.finish();
}
