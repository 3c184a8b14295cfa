//! The probability flow in either direction, with a step size for each row.

use burn::tensor::Tensor;
use ebm_model::NoisyScore;
use ebm_ops::OutOfRange;

use super::dormand_prince::{Slope, Solution, Stalled, column, integrate};
use crate::SampleError;

/// dx/dσ = −σ s(x, σ) between the levels `bottom` and `top`, solved in ln σ by a method of order five that chooses its
/// steps.
///
/// [`encode`](Self::encode) goes up, from points to the noise that they are made of, and [`decode`](Self::decode) down
/// again; each undoes the other up to the tolerance. Nothing is drawn, and a row does not depend on the others.
/// Points are taken to be at the lowest level, and there is no last step from it to 0: that would take off what the
/// model takes for noise, and the way back would end elsewhere.
///
/// # Reference
/// Song et al. (2021), *Score-based generative modeling through stochastic differential equations*, eq. 13 and §4.3,
/// where σ(t) = t is the case of Karras et al. (2022), eq. 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptiveFlow {
    top: f64,
    bottom: f64,
    tolerance: f64,
    deviation: f64,
}

/// Points that a flow has carried to its other end.
#[derive(Clone, Debug)]
pub struct Carried {
    /// Where they are, `[batch, dim]`.
    pub position: Tensor<2>,
    /// Evaluations of the score of the whole batch.
    pub calls: usize,
}

impl AdaptiveFlow {
    /// The flow between these levels, with a tolerance of 1e-4 for data of deviation ½, which that of pixels from −1
    /// to 1 is about.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < bottom < top < ∞`.
    pub fn new(top: f64, bottom: f64) -> Result<Self, SampleError> {
        if 0.0 < bottom && bottom < top && top.is_finite() {
            return Ok(Self { top, bottom, tolerance: 1e-4, deviation: 0.5 });
        }
        Err(OutOfRange::new("bottom, top", format!("({bottom}, {top})"), "0 < bottom < top < ∞").into())
    }

    /// Sets the error that a step may have, in units of √(σ² + deviation²).
    ///
    /// The way there and back is off by a few times as much; single precision carries 1e-5.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless `0 < tolerance < 1`.
    pub fn with_tolerance(self, tolerance: f64) -> Result<Self, SampleError> {
        if 0.0 < tolerance && tolerance < 1.0 {
            return Ok(Self { tolerance, ..self });
        }
        Err(OutOfRange::new("tolerance", tolerance, "a number between 0 and 1").into())
    }

    /// Sets the standard deviation of the data, by which errors are measured at low levels.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless it is positive and finite.
    pub fn with_deviation(self, deviation: f64) -> Result<Self, SampleError> {
        Ok(Self { deviation: OutOfRange::positive("deviation", deviation)?, ..self })
    }

    /// The highest noise level, at which codes are.
    pub fn top(&self) -> f64 {
        self.top
    }

    /// The lowest noise level, at which points are taken to be.
    pub fn bottom(&self) -> f64 {
        self.bottom
    }

    /// The noise at the highest level that the points `x` are made of; `[batch, dim]` both.
    ///
    /// # Errors
    /// [`SampleError::Stalled`] where the score is too rough for the tolerance, or not finite.
    pub fn encode<M: NoisyScore + ?Sized>(&self, model: &M, x: Tensor<2>) -> Result<Carried, SampleError> {
        self.carried(model, x, 1.0)
    }

    /// The points that the noise `code` at the highest level becomes; `[batch, dim]` both.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn decode<M: NoisyScore + ?Sized>(&self, model: &M, code: Tensor<2>) -> Result<Carried, SampleError> {
        self.carried(model, code, -1.0)
    }

    /// Along t = ln σ upwards with `direction` 1, and along t = −ln σ, downwards in σ, with `direction` −1.
    fn carried<M: NoisyScore + ?Sized>(
        &self,
        model: &M,
        x: Tensor<2>,
        direction: f64,
    ) -> Result<Carried, SampleError> {
        let sigma_at = |time: f64| (direction * time).exp();
        let slope = |x: Tensor<2>, times: &[f64]| -> Slope {
            let sigmas: Vec<f64> = times.iter().map(|&time| sigma_at(time)).collect();
            let factors = sigmas.iter().map(|sigma| -direction * sigma * sigma).collect();
            let sigma = column(sigmas, &x).squeeze_dim::<1>(1);
            // dx/d ln σ = −σ² s; the volume is not asked for.
            (model.score_at(x.clone(), sigma) * column(factors, &x), vec![0.0; times.len()])
        };
        let ends = match 0.0 < direction {
            true => [self.bottom.ln(), self.top.ln()],
            false => [-self.top.ln(), -self.bottom.ln()],
        };
        let scale = |time: f64| sigma_at(time).hypot(self.deviation);
        let stalled =
            |Stalled { row, step, time }: Stalled| SampleError::Stalled { row, step, sigma: sigma_at(time) };
        let found = integrate(x, ends, self.tolerance, scale, slope).map_err(stalled)?;
        let Solution { position, calls, .. } = found;
        Ok(Carried { position, calls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_near, column as numbers_of, doubles, numbers};
    use burn::tensor::DType;
    use ebm_model::{Gaussian, GaussianMixture};

    const TOP: f64 = 20.0;
    const BOTTOM: f64 = 0.01;

    fn flow() -> AdaptiveFlow {
        AdaptiveFlow::new(TOP, BOTTOM).unwrap()
    }

    #[test]
    fn the_code_of_a_gaussian_is_the_known_expansion_and_is_decoded_to_the_point() {
        // one axis is as thin as the lowest level, one as wide as pixels are
        let (mean, variances) = ([0.5, -0.2], [1e-4, 0.25]);
        let target = Gaussian::diagonal(mean.to_vec(), variances.to_vec()).unwrap();
        let x = doubles(&[[0.51, 0.9], [0.49, -0.2], [0.5, -1.3]]);
        let flow = flow().with_tolerance(1e-8).unwrap();
        let code = flow.encode(&target, x.clone()).unwrap();
        for axis in 0..2 {
            // x(top) = μ + (x − μ) √((s² + top²)/(s² + bottom²))
            let factor = ((variances[axis] + TOP * TOP) / (variances[axis] + BOTTOM * BOTTOM)).sqrt();
            let exact: Vec<f64> =
                numbers_of(x.clone(), axis).iter().map(|x| mean[axis] + (x - mean[axis]) * factor).collect();
            assert_near(&numbers_of(code.position.clone(), axis), &exact, 1e-4);
        }
        let back = flow.decode(&target, code.position).unwrap();
        assert_near(&numbers(back.position), &numbers(x), 1e-4);
        assert!(code.calls < 1000 && code.calls % 6 == 1, "{}", code.calls);
    }

    #[test]
    fn single_precision_comes_back_from_a_mixture_within_a_tenth_of_a_grey_level() {
        let mode = |mean: [f64; 2]| Gaussian::isotropic(mean.to_vec(), 0.01).unwrap();
        let target =
            GaussianMixture::new(vec![0.5, 0.5], vec![mode([-0.8, 0.1]), mode([0.7, -0.4])]).unwrap();
        let x = doubles(&[[-0.9, 0.2], [0.65, -0.4], [-0.6, 0.0]]).cast(DType::F32);
        let code = flow().encode(&target, x.clone()).unwrap().position;
        let back = numbers(flow().decode(&target, code).unwrap().position);
        for (back, x) in back.iter().zip(numbers(x)) {
            assert!((back - x).abs() < 2.0 / 255.0 / 10.0, "{back} against {x}");
        }
        // what a step may be wrong by decides what comes back
        let loose = flow().with_tolerance(0.2).unwrap();
        let x = doubles(&[[-0.9, 0.2], [0.65, -0.4], [-0.6, 0.0]]);
        let code = loose.encode(&target, x.clone()).unwrap();
        let back = numbers(loose.decode(&target, code.position).unwrap().position);
        assert!(numbers(x).iter().zip(back).any(|(x, back)| 1e-3 < (x - back).abs()));
    }

    #[test]
    fn a_row_does_not_depend_on_the_others() {
        let target = Gaussian::isotropic(vec![0.5; 2], 0.1).unwrap();
        let x = doubles(&[[0.3, -1.2], [4.0, 0.1]]);
        let all = numbers(flow().encode(&target, x.clone()).unwrap().position);
        let alone = numbers(flow().encode(&target, x.narrow(0, 1, 1)).unwrap().position);
        assert_near(&alone, &all[2..], 1e-11);
    }

    #[test]
    fn a_score_that_is_not_a_number_and_wrong_settings_are_errors() {
        struct Broken;
        impl NoisyScore for Broken {
            fn score_at(&self, x: Tensor<2>, _: Tensor<1>) -> Tensor<2> {
                x * f64::NAN
            }
        }
        let error = flow().encode(&Broken, doubles(&[[1.0, 2.0]])).unwrap_err();
        assert!(
            error.to_string().starts_with("row 0: the flow needs steps below 1e-7 in ln σ at σ ="),
            "{error}"
        );
        let error = AdaptiveFlow::new(0.01, 20.0).unwrap_err().to_string();
        assert_eq!(error, "bottom, top: expected 0 < bottom < top < ∞, found (20, 0.01)");
        assert!(flow().with_tolerance(f64::NAN).is_err() && flow().with_deviation(0.0).is_err());
    }
}
