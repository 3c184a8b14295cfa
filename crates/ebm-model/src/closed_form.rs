//! Numbers of a closed form as tensors beside a given one.

use burn::tensor::{DType, Tensor, TensorData};

/// `values` in the given shape, on the device and in the float type of `x`, not tracked.
pub(crate) fn beside<const D: usize, const E: usize>(
    values: &[f64],
    shape: [usize; D],
    x: &Tensor<E>,
) -> Tensor<D> {
    let options = (&x.device().inner(), x.dtype());
    match x.dtype() {
        DType::F64 => Tensor::from_data(TensorData::new(values.to_vec(), shape), options),
        _ => {
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            Tensor::from_data(TensorData::new(values, shape), options)
        }
    }
}

/// Laws that every closed form keeps, checked in double precision.
#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{NoisyScore, Potential, Score};
    use burn::tensor::Device;

    pub(crate) fn doubles<const D: usize>(rows: &[[f64; D]]) -> Tensor<2> {
        let data = TensorData::new(rows.concat(), [rows.len(), D]);
        Tensor::from_data(data, (&Device::flex(), DType::F64))
    }

    pub(crate) fn rows(x: Tensor<2>) -> Vec<Vec<f64>> {
        let dim = x.dims()[1];
        let values = x.cast(DType::F64).into_data().try_to_vec::<f64>().unwrap();
        values.chunks(dim).map(<[f64]>::to_vec).collect()
    }

    /// −∇ of `f` by central differences at one point.
    fn slope<const D: usize>(f: &dyn Fn(Tensor<2>) -> Tensor<1>, at: [f64; D]) -> [f64; D] {
        let h = 1e-4;
        std::array::from_fn(|i| {
            let value = |step: f64| {
                let mut moved = at;
                moved[i] += step;
                rows(f(doubles(&[moved])).unsqueeze_dim::<2>(1))[0][0]
            };
            // fourth order: the error is about h⁴ times a fifth derivative
            (8.0 * (value(h) - value(-h)) - (value(2.0 * h) - value(-2.0 * h))) / (12.0 * h)
        })
    }

    pub(crate) fn assert_score_is_minus_gradient<const D: usize>(
        model: &impl Potential,
        points: &[[f64; D]],
    ) {
        let (_, scores) = model.energy_and_score(doubles(points));
        for (point, score) in points.iter().zip(rows(scores)) {
            let gradient = slope(&|x| model.energy(x), *point);
            for (s, g) in score.iter().zip(gradient) {
                assert!((s + g).abs() < 1e-8 * (1.0 + g.abs()), "at {point:?}: score {s}, gradient {g}");
            }
        }
    }

    pub(crate) fn assert_noisy_score_is_the_gradient_of<const D: usize>(
        model: &impl NoisyScore,
        log_density: impl Fn(Tensor<2>, Tensor<1>) -> Tensor<1>,
        points: &[[f64; D]],
    ) {
        for sigma in [0.1, 0.8, 5.0] {
            let scores = rows(model.at(sigma).score(doubles(points)));
            for (point, score) in points.iter().zip(scores) {
                let level = |x: &Tensor<2>| Tensor::full([x.dims()[0]], sigma, (&x.device(), x.dtype()));
                let gradient = slope(&|x| log_density(x.clone(), level(&x)), *point);
                for (s, g) in score.iter().zip(gradient) {
                    assert!(
                        (s - g).abs() < 1e-8 * (1.0 + g.abs()),
                        "at {point:?}, σ = {sigma}: {s} against {g}"
                    );
                }
            }
        }
    }
}
