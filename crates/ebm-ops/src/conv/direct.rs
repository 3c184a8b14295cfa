//! Convolutions by direct summation, on slices of `f32`, for any kernel size, stride, padding and channels.
//!
//! Internally images are padded with zeros and have contiguous channels, so that the window of a pixel is a few
//! runs of contiguous numbers, one for each row of the kernel, whatever the stride. The convolution and its adjoint
//! with respect to the image are then one matrix product whose left rows are windows, read in place
//! ([`correlate`]); the adjoint with respect to the weight is another ([`weight_gradient`]). Windows are never
//! copied. With stride s the gradient of the image is s² such products, one for each position of a pixel within a
//! stride, because these see different taps.
//!
//! Tensors are contiguous: images `[batch, channel, height, width]`, weights `[out, in, k, k]`. Results do not
//! depend on the number of threads, bit for bit.

mod correlate;
mod dots;
mod layout;
mod outer;
mod parts;
mod pass;
mod scratch;
mod tile;
mod weight_gradient;

use super::shape::Shape;
use correlate::Correlation;

/// `x * weight + bias`.
///
/// # Panics
/// If a slice does not have the length that `shape` implies.
pub(crate) fn forward(shape: &Shape, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    check(shape, x.len(), weight.len(), shape.outputs());
    Correlation::forward(shape).run(x, weight, bias, shape.outputs())
}

/// The adjoint of [`forward`] with respect to `x`, plus a bias for each of its channels.
///
/// # Panics
/// If a slice does not have the length that `shape` implies.
pub(crate) fn input_grad(shape: &Shape, weight: &[f32], dy: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    check(shape, shape.inputs(), weight.len(), dy.len());
    Correlation::adjoint(shape).run(dy, weight, bias, shape.inputs())
}

/// The adjoint of [`forward`] with respect to `weight`.
///
/// # Panics
/// If a slice does not have the length that `shape` implies.
pub(crate) fn weight_grad(shape: &Shape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    check(shape, x.len(), dw.len(), dy.len());
    weight_gradient::run(shape, x, dy, dw);
}

fn check(shape: &Shape, x: usize, weight: usize, y: usize) {
    let expected = [shape.inputs(), shape.weights(), shape.outputs()];
    assert_eq!([x, weight, y], expected, "lengths, found and expected, for {shape:?}");
}

#[cfg(test)]
mod tests;
