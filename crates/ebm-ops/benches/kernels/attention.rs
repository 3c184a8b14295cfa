//! Attention over the pixels of images of 8×8 and 16×16, forward, and forward and backward.

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use criterion::{Criterion, Throughput};
use ebm_ops::attention::attention;

use crate::{compare, normal};

/// Heads of all images, channels of a head, and pixels.
const SIZES: [[usize; 3]; 3] = [[16, 128, 64], [16, 128, 256], [64, 64, 256]];

pub fn bench(criterion: &mut Criterion) {
    let composed = |q: Tensor<3>, k: Tensor<3>, v: Tensor<3>| {
        let d = q.dims()[1] as f64;
        let p = softmax(q.swap_dims(1, 2).matmul(k) / d.sqrt(), 2);
        v.matmul(p.swap_dims(1, 2))
    };
    for shape @ [heads, d, n] in SIZES {
        let [q, k, v] = ["q", "k", "v"].map(|label| normal(label, shape));
        let name = format!("{heads}x{d}x{n}");
        let mut group = criterion.benchmark_group(format!("attention {name}"));
        group.throughput(Throughput::Elements((4 * heads * d * n * n) as u64));
        compare(
            &mut group,
            || attention(q.clone(), k.clone(), v.clone()),
            || composed(q.clone(), k.clone(), v.clone()),
        );
        group.finish();

        let leaf = |tensor: &Tensor<3>| tensor.clone().autodiff().require_grad();
        let mut group = criterion.benchmark_group(format!("attention forward and backward {name}"));
        group.throughput(Throughput::Elements((14 * heads * d * n * n) as u64));
        compare(
            &mut group,
            || attention(leaf(&q), leaf(&k), leaf(&v)).sum().backward(),
            || composed(leaf(&q), leaf(&k), leaf(&v)).sum().backward(),
        );
        group.finish();
    }
}
