//! Attention by dot products, with its derivatives.

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use crate::Jet;

/// Att(q, k, v) = v Pᵀ, P = softmax(qᵀk/√d), with what its pullback needs; q, k and v are `[heads, d, n]`.
#[derive(Clone, Debug)]
pub struct DotProduct {
    /// q/√d.
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    /// P, a row for each query: `[heads, n, n]`.
    p: Tensor<3>,
}

impl DotProduct {
    pub(super) fn new(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Self {
        let q = scaled(q);
        let p = softmax(transposed(q.clone()).matmul(k.clone()), 2);
        Self { q, k, v, p }
    }

    /// v Pᵀ, `[heads, d, n]`.
    pub(super) fn value(&self) -> Tensor<3> {
        self.v.clone().matmul(transposed(self.p.clone()))
    }

    /// The cotangents of q, k and v: with G = gᵀv, the cotangent of P, that of the logits is L = P ∘ (G − Σⱼ G ∘ P);
    /// then k Lᵀ/√d, q L/√d and g P.
    pub(super) fn pullback(self, g: Tensor<3>) -> [Tensor<3>; 3] {
        let Self { q, k, v, p } = self;
        let of_v = g.clone().matmul(p.clone());
        let of_p = transposed(g).matmul(v);
        let mean = (of_p.clone() * p.clone()).sum_dim(2);
        let of_logits = (of_p - mean) * p;
        [scaled(k.matmul(transposed(of_logits.clone()))), q.matmul(of_logits), of_v]
    }
}

/// Attention along a curve. With the logits A = qᵀk/√d, C = Ȧ − Σⱼ P ∘ Ȧ, all sums over keys:
/// Ṗ = P ∘ C and P̈ = P ∘ (C² + Ä − Σⱼ P ∘ (C² + Ä)).
pub(super) fn push(q: Jet<3>, k: Jet<3>, v: Jet<3>) -> Jet<3> {
    let logits = product(q.linear(|q| transposed(scaled(q))), k);
    let p = softmax(logits.value, 2);
    let mean = |x: Tensor<3>| (x * p.clone()).sum_dim(2);
    let c = logits.slope.clone() - mean(logits.slope);
    let bend = c.clone().square() + logits.curvature;
    let curvature = (bend.clone() - mean(bend)) * p.clone();
    let p = Jet { value: p.clone(), slope: p * c, curvature };
    product(v, p.linear(transposed))
}

/// The product of two matrices along a curve, by Leibniz's rule.
fn product(a: Jet<3>, b: Jet<3>) -> Jet<3> {
    let mixed = a.slope.clone().matmul(b.slope.clone()) * 2.0;
    let curvature = a.curvature.matmul(b.value.clone()) + mixed + a.value.clone().matmul(b.curvature);
    Jet {
        slope: a.slope.matmul(b.value.clone()) + a.value.clone().matmul(b.slope),
        value: a.value.matmul(b.value),
        curvature,
    }
}

/// q/√d.
fn scaled(q: Tensor<3>) -> Tensor<3> {
    let d = q.dims()[1] as f64;
    q / d.sqrt()
}

fn transposed(x: Tensor<3>) -> Tensor<3> {
    x.swap_dims(1, 2)
}
