//! Reference implementation, in operations that every backend has.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata, get_device_settings};
use burn::tensor::Shape;

pub(super) fn add_scaled<B: Backend>(x: FloatTensor<B>, y: FloatTensor<B>, a: f64) -> FloatTensor<B> {
    B::float_add(x, B::float_mul_scalar(y, a.into()))
}

pub(super) fn kinetic_change<B: Backend>(a: FloatTensor<B>, b: FloatTensor<B>) -> FloatTensor<B> {
    let rows = a.shape()[0];
    let (sum, difference) = (B::float_add(a.clone(), b.clone()), B::float_sub(a, b));
    let products = B::float_mul_scalar(B::float_mul(difference, sum), 0.5.into());
    B::float_reshape(B::float_sum_dim(products, 1), Shape::new([rows]))
}

/// x + ε (r + ½ε s).
pub(super) fn leapfrog_position<B: Backend>(
    x: FloatTensor<B>,
    r: FloatTensor<B>,
    s: FloatTensor<B>,
    epsilon: f64,
) -> FloatTensor<B> {
    add_scaled::<B>(x, add_scaled::<B>(r, s, 0.5 * epsilon), epsilon)
}

/// ½‖r + ½ε (s + end)‖² − ½‖r‖² of each row.
pub(super) fn leapfrog_kinetic_change<B: Backend>(
    r: FloatTensor<B>,
    s: FloatTensor<B>,
    end: FloatTensor<B>,
    epsilon: f64,
) -> FloatTensor<B> {
    let middle = add_scaled::<B>(r.clone(), s, 0.5 * epsilon);
    kinetic_change::<B>(add_scaled::<B>(middle, end, 0.5 * epsilon), r)
}

pub(super) fn choose_rows<B: Backend>(
    mask: FloatTensor<B>,
    a: FloatTensor<B>,
    b: FloatTensor<B>,
) -> FloatTensor<B> {
    let shape = a.shape();
    let mask = B::float_expand(B::float_reshape(mask, Shape::new([shape[0], 1])), shape);
    let dtype = get_device_settings::<B>(&mask.device()).bool_dtype;
    let above = B::float_greater_elem(mask, 0.0.into(), dtype);
    B::float_mask_where(a, above, b)
}
