//! Reference implementation, in operations that every backend has.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::{Shape, Slice};

/// The result and the statistics.
pub(super) fn forward<B: Backend>(
    x: FloatTensor<B>,
    gain: FloatTensor<B>,
    bias: FloatTensor<B>,
    groups: usize,
    epsilon: f64,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let shape = x.shape();
    let [batch, channels, height, width] = shape.dims();
    let x = B::float_reshape(x, Shape::new([batch, groups, channels / groups * height * width]));
    let mean = B::float_mean_dim(x.clone(), 2);
    let centred = B::float_sub(x, mean.clone());
    let variance = B::float_mean_dim(B::float_mul(centred.clone(), centred.clone()), 2);
    let inverse = B::float_recip(B::float_sqrt(B::float_add_scalar(variance, epsilon.into())));
    let normal = B::float_mul(centred, inverse.clone());

    let normal = B::float_reshape(normal, Shape::new([batch, channels, height * width]));
    let z = affine::<B>(normal, gain, bias);
    let y = B::float_mul(z.clone(), B::sigmoid(z));
    let remainder = B::float_mul_scalar(mean.clone(), 0.0.into());
    (B::float_reshape(y, shape), B::float_cat(vec![mean, remainder, inverse], 2))
}

/// The gradients of `x` (if wanted), of `gain` and of `bias`.
pub(super) fn backward<B: Backend>(
    x: FloatTensor<B>,
    gain: FloatTensor<B>,
    bias: FloatTensor<B>,
    statistics: FloatTensor<B>,
    grad: FloatTensor<B>,
    wanted: bool,
) -> (Option<FloatTensor<B>>, FloatTensor<B>, FloatTensor<B>) {
    let (shape, rows) = (x.shape(), gain.shape()[0]);
    let [batch, channels, height, width] = shape.dims();
    let groups = statistics.shape()[1];
    let by_group = Shape::new([batch, groups, channels / groups * height * width]);
    let by_channel = Shape::new([batch, channels, height * width]);
    let statistic =
        |i: usize| B::float_slice(statistics.clone(), &[Slice::full(), Slice::full(), (i..i + 1).into()]);

    let mean = B::float_add(statistic(0), statistic(1));
    let centred = B::float_sub(B::float_reshape(x, by_group.clone()), mean);
    let inverse = statistic(2);
    let normal = B::float_reshape(B::float_mul(centred, inverse.clone()), by_channel.clone());

    // ∂y/∂z = σ + z σ (1 - σ)
    let z = affine::<B>(normal.clone(), gain.clone(), bias);
    let sigmoid = B::sigmoid(z.clone());
    let rest = B::float_add_scalar(B::float_neg(sigmoid.clone()), 1.0.into());
    let slope = B::float_mul(sigmoid, B::float_add_scalar(B::float_mul(z, rest), 1.0.into()));
    let grad = B::float_mul(B::float_reshape(grad, by_channel.clone()), slope);

    let over_rows = |sums: FloatTensor<B>| {
        let sums = B::float_reshape(sums, Shape::new([batch, channels]));
        if rows == batch { sums } else { B::float_sum_dim(sums, 0) }
    };
    let for_gain = over_rows(B::float_sum_dim(B::float_mul(grad.clone(), normal.clone()), 2));
    let for_bias = over_rows(B::float_sum_dim(grad.clone(), 2));
    if !wanted {
        return (None, for_gain, for_bias);
    }

    // The gradient of x̂ minus its projections on 1 and x̂, directions in which the normalisation is constant.
    let gain = B::float_reshape(gain, Shape::new([rows, channels, 1]));
    let grad = B::float_reshape(B::float_mul(grad, gain), by_group.clone());
    let normal = B::float_reshape(normal, by_group);
    let along = B::float_mean_dim(B::float_mul(grad.clone(), normal.clone()), 2);
    let level = B::float_mean_dim(grad.clone(), 2);
    let grad = B::float_sub(B::float_sub(grad, level), B::float_mul(normal, along));
    let for_x = B::float_reshape(B::float_mul(grad, inverse), shape);
    (Some(for_x), for_gain, for_bias)
}

/// The gradients of `x`, `gain`, `bias` and `grad`, given the gradient `tangent` of J(x)ᵀ `grad`, J the derivative of
/// the result in x.
///
/// With ⟨·⟩ the mean over a group, P(w) = r (w − ⟨w⟩ − x̂ ⟨w x̂⟩) the derivative of the normalisation, which is
/// symmetric, s = grad · SiLU′(z), q = gain · s and t = P(tangent): the sum to differentiate is Σ q t. It depends on x
/// through z, and through P, whose derivative is that of r (⟨q v⟩ − ⟨q⟩⟨v⟩ − ⟨q x̂⟩⟨v x̂⟩) for v = tangent:
/// −r ⟨q t⟩ x̂ − r (⟨v x̂⟩ P(q) + ⟨q x̂⟩ t).
pub(super) fn pullback_backward<B: Backend>(
    x: FloatTensor<B>,
    gain: FloatTensor<B>,
    bias: FloatTensor<B>,
    statistics: FloatTensor<B>,
    grad: FloatTensor<B>,
    tangent: FloatTensor<B>,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let (shape, rows) = (x.shape(), gain.shape()[0]);
    let [batch, channels, height, width] = shape.dims();
    let groups = statistics.shape()[1];
    let by_group = |t| B::float_reshape(t, Shape::new([batch, groups, channels / groups * height * width]));
    let by_channel = |t| B::float_reshape(t, Shape::new([batch, channels, height * width]));
    let statistic =
        |i: usize| B::float_slice(statistics.clone(), &[Slice::full(), Slice::full(), (i..i + 1).into()]);
    let mul = |a: &FloatTensor<B>, b: &FloatTensor<B>| B::float_mul(a.clone(), b.clone());
    let mean = |t: FloatTensor<B>| B::float_mean_dim(t, 2);

    let centre = B::float_add(statistic(0), statistic(1));
    let r = statistic(2);
    let normal = B::float_mul(B::float_sub(by_group(x), centre), r.clone());
    // P(w), and ⟨w x̂⟩.
    let project = |w: FloatTensor<B>| {
        let along = mean(mul(&w, &normal));
        let centred = B::float_sub(w.clone(), mean(w));
        (B::float_mul(B::float_sub(centred, mul(&normal, &along)), r.clone()), along)
    };

    // SiLU′(z) = σ + z σ (1 − σ), SiLU″(z) = σ (1 − σ) (2 + z (1 − 2σ))
    let x_hat = by_channel(normal.clone());
    let z = affine::<B>(x_hat.clone(), gain.clone(), bias);
    let sigmoid = B::sigmoid(z.clone());
    let bell = mul(&sigmoid, &B::float_add_scalar(B::float_neg(sigmoid.clone()), 1.0.into()));
    let slope = B::float_add(sigmoid.clone(), mul(&z, &bell));
    let bend = B::float_add_scalar(B::float_mul_scalar(sigmoid, (-2.0).into()), 1.0.into());
    let second = B::float_mul(bell, B::float_add_scalar(B::float_mul(z, bend), 2.0.into()));

    let column = B::float_reshape(gain, Shape::new([rows, channels, 1]));
    let (t, tangent_along) = project(by_group(tangent));
    let t_channels = by_channel(t.clone());
    let grad = by_channel(grad);
    let gained = mul(&t_channels, &column);
    let for_grad = B::float_reshape(mul(&gained, &slope), shape.clone());
    let for_z = B::float_mul(mul(&grad, &second), gained);
    let s = B::float_mul(grad, slope);

    let over_rows = |sums: FloatTensor<B>| {
        let sums = B::float_reshape(sums, Shape::new([batch, channels]));
        if rows == batch { sums } else { B::float_sum_dim(sums, 0) }
    };
    let for_gain = B::float_add(mul(&s, &t_channels), mul(&for_z, &x_hat));
    let for_gain = over_rows(B::float_sum_dim(for_gain, 2));
    let for_bias = over_rows(B::float_sum_dim(for_z.clone(), 2));

    let q = by_group(mul(&s, &column));
    let common = mean(mul(&q, &t));
    let (q, q_along) = project(q);
    let (through_z, _) = project(by_group(B::float_mul(for_z, column)));
    let through_r = mul(&normal, &common);
    let through_means = B::float_add(B::float_mul(q, tangent_along), B::float_mul(t, q_along));
    let through_p = B::float_mul(B::float_add(through_r, through_means), r.clone());
    let for_x = B::float_reshape(B::float_sub(through_z, through_p), shape);
    (for_x, for_gain, for_bias, for_grad)
}

/// gain · x̂ + bias for x̂ of `[batch, channels, pixels]`.
fn affine<B: Backend>(normal: FloatTensor<B>, gain: FloatTensor<B>, bias: FloatTensor<B>) -> FloatTensor<B> {
    let [rows, channels] = gain.shape().dims();
    let column = |t| B::float_reshape(t, Shape::new([rows, channels, 1]));
    B::float_add(B::float_mul(normal, column(gain)), column(bias))
}
