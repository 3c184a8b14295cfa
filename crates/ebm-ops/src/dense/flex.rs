//! The operations on the CPU in single precision.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::DType;

use super::{DenseOps, plain};
use crate::buffer;
use crate::matrix::{Factor, multiply};
use crate::product::Size;

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
        if !single([&g, &weight]) {
            return plain::pullback::<Self>(g, weight);
        }
        let ([rows, depth], [columns, _]) = (g.shape().dims(), weight.shape().dims());
        let (g, weight) = (buffer::contiguous(g), buffer::contiguous(weight));
        let (g, weight) = (Factor::Plain(g.storage()), Factor::Transposed(weight.storage()));
        buffer::tensor(multiply(Size { rows, depth, columns }, g, weight, None, None), [rows, columns])
    }

    fn dense_weight_grad(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self> {
        if !single([&x, &g]) {
            return plain::weight_grad::<Self>(x, g);
        }
        weight_grad(x, g, None)
    }

    fn dense_weight_and_bias_grad(
        x: FloatTensor<Self>,
        g: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !single([&x, &g]) {
            return (plain::weight_grad::<Self>(x, g.clone()), plain::column_sums::<Self>(g));
        }
        let [_, columns] = g.shape().dims();
        let mut sums = vec![0.0; columns];
        let weight = weight_grad(x, g, Some(&mut sums));
        (weight, buffer::tensor(sums, [columns]))
    }
}

fn dense(x: FlexTensor, weight: FlexTensor, bias: Option<FlexTensor>) -> FlexTensor {
    if !single([&x, &weight].into_iter().chain(&bias)) {
        return plain::dense::<Flex>(x, weight, bias);
    }
    let ([rows, depth], [_, columns]) = (x.shape().dims(), weight.shape().dims());
    let (x, weight, bias) = (buffer::contiguous(x), buffer::contiguous(weight), bias.map(buffer::contiguous));
    let (x, weight) = (Factor::Plain(x.storage()), Factor::Plain(weight.storage()));
    let row = bias.as_ref().map(|bias| bias.storage());
    buffer::tensor(multiply(Size { rows, depth, columns }, x, weight, row, None), [rows, columns])
}

fn weight_grad(x: FlexTensor, g: FlexTensor, sums: Option<&mut [f32]>) -> FlexTensor {
    let ([depth, rows], [_, columns]) = (x.shape().dims(), g.shape().dims());
    let (x, g) = (buffer::contiguous(x), buffer::contiguous(g));
    let (x, g) = (Factor::Transposed(x.storage()), Factor::Plain(g.storage()));
    buffer::tensor(multiply(Size { rows, depth, columns }, x, g, None, sums), [rows, columns])
}

/// Whether all are of single precision.
fn single<'a>(tensors: impl IntoIterator<Item = &'a FlexTensor>) -> bool {
    tensors.into_iter().all(|tensor| tensor.dtype() == DType::F32)
}
