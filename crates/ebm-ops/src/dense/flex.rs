//! The operations on the CPU in single precision.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};

use super::{DenseOps, plain};
use crate::matrix::{Factor, Product, multiply};
use crate::product::Size;
use crate::{buffer, kernels};

/// Number of multiplications from which Burn's product, which repacks both factors, is faster.
const LARGE: usize = 1 << 28;

impl DenseOps for Flex {
    fn dense(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        dense(x, weight, None)
    }

    fn dense_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        dense(x, weight, Some(bias))
    }

    fn dense_pullback(g: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let ([rows, depth], [columns, _]) = (g.shape().dims(), weight.shape().dims());
        let size = Size { rows, depth, columns };
        if !ours(size, [&g, &weight]) {
            return plain::pullback::<Self>(g, weight);
        }
        let (g, weight) = (buffer::contiguous(g), buffer::contiguous(weight));
        let (left, right) = (Factor::Plain(g.storage()), Factor::Transposed(weight.storage()));
        buffer::tensor(multiply(Product { size, left, right, row: None }, None), [rows, columns])
    }

    fn dense_weight_grad(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self> {
        let size = weight_size(&x, &g);
        if !ours(size, [&x, &g]) {
            return plain::weight_grad::<Self>(x, g);
        }
        weight_grad(size, x, g, None)
    }

    fn dense_weight_and_bias_grad(
        x: FloatTensor<Self>,
        g: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let size = weight_size(&x, &g);
        if !ours(size, [&x, &g]) {
            return (plain::weight_grad::<Self>(x, g.clone()), plain::column_sums::<Self>(g));
        }
        let mut sums = vec![0.0; size.columns];
        let weight = weight_grad(size, x, g, Some(&mut sums));
        (weight, buffer::tensor(sums, [size.columns]))
    }
}

fn dense(x: FlexTensor, weight: FlexTensor, bias: Option<FlexTensor>) -> FlexTensor {
    let ([rows, depth], [_, columns]) = (x.shape().dims(), weight.shape().dims());
    let size = Size { rows, depth, columns };
    if !ours(size, [&x, &weight].into_iter().chain(&bias)) {
        return plain::dense::<Flex>(x, weight, bias);
    }
    let (x, weight, bias) = (buffer::contiguous(x), buffer::contiguous(weight), bias.map(buffer::contiguous));
    let (left, right) = (Factor::Plain(x.storage()), Factor::Plain(weight.storage()));
    let row = bias.as_ref().map(|bias| bias.storage());
    buffer::tensor(multiply(Product { size, left, right, row }, None), [rows, columns])
}

/// The product xᵀ g.
fn weight_size(x: &FlexTensor, g: &FlexTensor) -> Size {
    let ([depth, rows], [_, columns]) = (x.shape().dims(), g.shape().dims());
    Size { rows, depth, columns }
}

fn weight_grad(size: Size, x: FlexTensor, g: FlexTensor, sums: Option<&mut [f32]>) -> FlexTensor {
    let (x, g) = (buffer::contiguous(x), buffer::contiguous(g));
    let (left, right) = (Factor::Transposed(x.storage()), Factor::Plain(g.storage()));
    buffer::tensor(multiply(Product { size, left, right, row: None }, sums), [size.rows, size.columns])
}

/// Whether to use this crate's kernel: for single precision, and products that are not large.
fn ours<'a>(size: Size, tensors: impl IntoIterator<Item = &'a FlexTensor>) -> bool {
    size.multiplications() < LARGE && kernels::take(tensors)
}
