//! Log densities under the probability flow of a score.

use burn::tensor::{Tensor, TensorData};
use ebm_model::{Energy, Gaussian, NoisyDirectional, NoisyScore};
use ebm_ops::{Noise, OutOfRange};
use ebm_sample::flow::{Slope, Solution, column, integrate};

use super::bits::bits;
use crate::error::require;
use crate::host::{Rows, numbers};
use crate::{Estimate, EvalError};

/// The log density of points under the probability flow dx/dσ = −σ s(x, σ) from σ_min to σ_max:
///
/// log p(x) = log prior(x(σ_max)) − ∫ σ ∇·s(x(σ), σ) dσ.
///
/// The result is exact up to the tolerance for the distribution that the flow defines.
/// That distribution differs from the p_{σ_min} of the score where the prior is not p_{σ_max}, and from that of
/// the data by the blur σ_min.
/// The equation is solved in ln σ with a step size for each row, so the result for a row does not depend on the
/// others.
///
/// # Reference
/// Song et al. (2021), *Score-based generative modeling through stochastic differential equations*, eq. 39,
/// where σ(t) = t is the case of Karras et al. (2022), eq. 1; Chen, Rubanova, Bettencourt and Duvenaud
/// (2018), *Neural ordinary differential equations*, theorem 1; with probes: Grathwohl et al. (2019),
/// *FFJORD*, §3.1.
#[derive(Clone, Debug)]
pub struct FlowLikelihood {
    sigma_min: f64,
    sigma_max: f64,
    prior: Gaussian,
    tolerance: f64,
    probes: Option<(usize, Noise)>,
}

impl FlowLikelihood {
    /// A flow from `sigma_min` to `sigma_max`, where points are distributed as `prior`.
    ///
    /// Samplers start from `Gaussian::isotropic(vec![0.0; dim], sigma_max²)`; a Gaussian fitted to the data,
    /// `Gaussian::new(mean, covariance)?.smoothed(sigma_max)`, is more accurate.
    /// The tolerance defaults to 1e-5, and the divergence is exact: one directional derivative for each
    /// coordinate and evaluation.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] unless `0 < sigma_min < sigma_max < ∞`.
    pub fn new(sigma_min: f64, sigma_max: f64, prior: Gaussian) -> Result<Self, EvalError> {
        let valid = 0.0 < sigma_min && sigma_min < sigma_max && sigma_max.is_finite();
        require(valid, "sigma_min, sigma_max", "0 < sigma_min < sigma_max < ∞", (sigma_min, sigma_max))?;
        Ok(Self { sigma_min, sigma_max, prior, tolerance: 1e-5, probes: None })
    }

    /// Sets the error allowed in a step: `tolerance` σ and `tolerance` nats per coordinate.
    ///
    /// The error of the result is a few times as large.
    /// In single precision a tolerance below 1e-5 is lost in rounding at σ = 0.01 for data of order one.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] unless `0 < tolerance < 1`.
    pub fn with_tolerance(self, tolerance: f64) -> Result<Self, EvalError> {
        let valid = 0.0 < tolerance && tolerance < 1.0;
        require(valid, "tolerance", "a number between 0 and 1", tolerance)?;
        Ok(Self { tolerance, ..self })
    }

    /// Estimates the divergence by the mean of vᵀ(∇s)v over `probes` directions of random signs, for points with
    /// many coordinates.
    ///
    /// A row keeps its directions along the whole path.
    /// The estimate is unbiased, and its variance is zero where ∇s is diagonal.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] without a probe.
    pub fn with_probes(self, probes: usize, noise: Noise) -> Result<Self, EvalError> {
        OutOfRange::at_least("probes", 1, probes)?;
        Ok(Self { probes: Some((probes, noise)), ..self })
    }

    /// The log density of each row of `x`, `[batch, dim]`, in nats.
    ///
    /// Cost: six evaluations of the score and its divergence for each step of the slowest row; 20 to 80 steps are
    /// usual.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`] for a point, [`EvalError::Stalled`] where the score is too rough or NaN.
    ///
    /// # Panics
    /// If the prior has another number of coordinates.
    pub fn log_density<M>(&self, model: &M, x: Tensor<2>) -> Result<FlowDensity, EvalError>
    where
        M: NoisyScore + NoisyDirectional + ?Sized,
    {
        let dim = x.dims()[1];
        assert_eq!(
            dim,
            self.prior.dim(),
            "expected points with the {} coordinates of the prior, found shape {:?}",
            self.prior.dim(),
            x.dims()
        );
        Rows::read(x.clone(), "point", 0)?;
        let directions = self.directions(&x);
        let weight = if self.probes.is_some() { 1.0 / directions.len() as f64 } else { 1.0 };
        let slope = |x: Tensor<2>, times: &[f64]| -> Slope {
            let sigmas: Vec<f64> = times.iter().map(|time| time.exp()).collect();
            let variances: Vec<f64> = sigmas.iter().map(|sigma| sigma * sigma).collect();
            let sigma = column(sigmas, &x).squeeze_dim::<1>(1);
            let curvature = |v: &Tensor<2>| {
                model.along_at(x.clone(), v.clone().expand(x.dims()), sigma.clone()).curvature
            };
            let trace = directions.iter().map(curvature).reduce(|sum, one| sum + one);
            let traces = numbers(trace.expect("there is at least one direction"));
            // in ln σ the flow is −σ² s, and −∇·s is the trace of the Hessian of the energy
            let divergence = traces.iter().zip(&variances).map(|(t, variance)| weight * t * variance);
            let divergence = divergence.collect();
            (model.score_at(x.clone(), sigma) * column(variances, &x).neg(), divergence)
        };
        let ends = [self.sigma_min.ln(), self.sigma_max.ln()];
        let Solution { position, log_volume, calls } = integrate(x, ends, self.tolerance, f64::exp, slope)?;
        let energies = numbers(self.prior.energy(position.clone()));
        let log_z = self.prior.log_normalizer();
        let values = energies.iter().zip(log_volume).map(|(energy, volume)| volume - energy - log_z);
        Ok(FlowDensity { values: values.collect(), latent: position, calls })
    }

    /// Directions over which the divergence is summed: the axes, `[1, dim]` each, or the probes, `[batch, dim]`
    /// each.
    fn directions(&self, x: &Tensor<2>) -> Vec<Tensor<2>> {
        let dim = x.dims()[1];
        if let Some((n, noise)) = &self.probes {
            let mut noise = noise.clone();
            return (0..*n).map(|_| noise.rademacher_like(x)).collect();
        }
        let axis = |k: usize| {
            let values: Vec<f64> = (0..dim).map(|i| f64::from(u8::from(i == k))).collect();
            let data = TensorData::new(values, [1, dim]).convert_dtype(x.dtype());
            Tensor::from_data(data, (&x.device(), x.dtype()))
        };
        (0..dim).map(axis).collect()
    }
}

/// Log densities of points under a flow.
#[derive(Clone, Debug)]
pub struct FlowDensity {
    /// Log density of each row, in nats.
    pub values: Vec<f64>,
    /// The points at the end of the flow, at σ_max, `[batch, dim]`.
    pub latent: Tensor<2>,
    /// Number of evaluations of the score and its divergence.
    pub calls: usize,
}

impl FlowDensity {
    /// The mean over the rows, in nats, with its standard error over points, which is NaN for one row.
    pub fn mean(&self) -> Estimate {
        Estimate::mean(&self.values)
    }

    /// −mean log₂ p per coordinate, for the density of x/`scale`.
    ///
    /// With `scale` 1 the density is in the units of the points.
    /// For images y = 2·pixel − 1 with 256 grey values and uniform dequantisation noise, `scale` is 2/256 and the
    /// result is an upper bound on the bits per coordinate of a code for the grey values:
    /// [`bits_per_dim`](crate::bits_per_dim).
    pub fn bits_per_dim(&self, scale: f64) -> Estimate {
        bits(self.mean(), self.latent.dims()[1], scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CentralDifferences;
    use burn::tensor::{DType, Device};
    use ebm_model::GaussianMixture;

    const TOP: f64 = 40.0;
    const BOTTOM: f64 = 0.02;

    fn doubles(x: [[f64; 3]; 3]) -> Tensor<2> {
        Tensor::from_data(x, (&Device::flex(), DType::F64))
    }

    fn points() -> Tensor<2> {
        doubles([[0.3, -1.2, 2.0], [1.0, 1.0, 1.0], [-4.0, 0.1, 0.5]])
    }

    fn density(target: &Gaussian, x: Tensor<2>) -> Vec<f64> {
        numbers(target.energy(x)).into_iter().map(|energy| -energy - target.log_normalizer()).collect()
    }

    fn flow(prior: Gaussian) -> FlowLikelihood {
        FlowLikelihood::new(BOTTOM, TOP, prior).unwrap().with_tolerance(1e-8).unwrap()
    }

    #[test]
    fn a_gaussian_has_its_log_density_to_a_hundred_thousandth_of_a_nat_a_coordinate() {
        let (mean, variance) = ([1.0, -0.5, 0.2], 0.36);
        let target = Gaussian::isotropic(mean.to_vec(), variance).unwrap();
        let found = flow(target.smoothed(TOP)).log_density(&target, points()).unwrap();
        for (found, exact) in found.values.iter().zip(density(&target.smoothed(BOTTOM), points())) {
            assert!((found - exact).abs() < 3.0 * 1e-5, "{found} against {exact}");
        }
        // x(σ_max) = μ + (x − μ) √((s² + σ_max²)/(s² + σ_min²))
        let factor = ((variance + TOP * TOP) / (variance + BOTTOM * BOTTOM)).sqrt();
        let latent = numbers(found.latent.clone());
        for (i, (latent, x)) in latent.iter().zip(numbers(points())).enumerate() {
            let exact = mean[i % 3] + (x - mean[i % 3]) * factor;
            assert!((latent - exact).abs() < 1e-5 * TOP, "{latent} against {exact}");
        }

        // another prior is wrong by the difference of the two log densities where the flow ends
        let other = Gaussian::isotropic(vec![0.0; 3], TOP * TOP).unwrap();
        let moved = flow(other.clone()).log_density(&target, points()).unwrap();
        let (true_end, wrong_end) =
            (density(&target.smoothed(TOP), found.latent.clone()), density(&other, found.latent));
        for row in 0..3 {
            let exact = wrong_end[row] - true_end[row];
            let difference = moved.values[row] - found.values[row];
            assert!((difference - exact).abs() < 1e-9 && 1e-5 < exact.abs(), "{difference} against {exact}");
        }
    }

    #[test]
    fn a_mixture_has_its_log_density() {
        let mode = |mean: [f64; 3], variance| Gaussian::isotropic(mean.to_vec(), variance).unwrap();
        let modes =
            vec![mode([-1.5, 0.0, 0.0], 0.09), mode([1.0, 1.0, 1.0], 0.25), mode([0.0, -1.0, 2.0], 0.5)];
        let target = GaussianMixture::new(vec![0.2, 0.5, 0.3], modes).unwrap();
        let at = |x: Tensor<2>, sigma: f64| {
            let levels = Tensor::full([x.dims()[0]], sigma, (&x.device(), x.dtype()));
            numbers(target.log_density_at(x, levels))
        };
        let x = doubles([[0.3, -1.2, 2.0], [0.9, 1.1, 1.0], [-1.0, 0.1, 0.5]]);
        let prior = Gaussian::isotropic(vec![0.2, 0.2, 1.1], TOP * TOP + 0.8).unwrap();
        let found = flow(prior.clone()).log_density(&target, x.clone()).unwrap();
        let exact = at(x.clone(), BOTTOM);
        let (true_end, prior_end) = (at(found.latent.clone(), TOP), density(&prior, found.latent));
        for row in 0..3 {
            let corrected = found.values[row] + true_end[row] - prior_end[row];
            assert!((corrected - exact[row]).abs() < 3.0 * 1e-5, "{corrected} against {}", exact[row]);
            // at σ = 40, modes that are two apart equal one Gaussian to a few parts in a thousand
            assert!(
                (found.values[row] - exact[row]).abs() < 0.01,
                "{} against {}",
                found.values[row],
                exact[row]
            );
        }
        // power: the test detects a loose tolerance
        let loose = flow(prior).with_tolerance(0.1).unwrap();
        let loose = loose.log_density(&target, x).unwrap();
        assert!(loose.calls < found.calls / 4);
        assert!(loose.values.iter().zip(&found.values).any(|(l, f)| 3.0 * 1e-5 < (l - f).abs()));
    }

    #[test]
    fn central_differences_in_single_precision_keep_the_tolerance() {
        let target = Gaussian::isotropic(vec![0.5; 3], 0.36).unwrap();
        let flow = flow(target.smoothed(TOP)).with_tolerance(1e-4).unwrap();
        let model = CentralDifferences::new(&target, 0.03);
        let found = flow.log_density(&model, points().cast(DType::F32)).unwrap();
        assert!(found.calls <= 6 * 20 + 1, "{}", found.calls);
        let found = found.values;
        for (found, exact) in found.iter().zip(density(&target.smoothed(BOTTOM), points())) {
            // 1e-4 per coordinate for each of fewer than twenty steps
            assert!((found - exact).abs() < 3.0 * 20.0 * 1e-4, "{found} against {exact}");
        }
    }

    #[test]
    fn probes_are_unbiased_and_exact_for_a_diagonal_hessian() {
        let covariance = [vec![1.0, 0.8, 0.0], vec![0.8, 1.0, 0.3], vec![0.0, 0.3, 0.5]];
        let target = Gaussian::new(vec![0.0; 3], &covariance).unwrap();
        let flow = |target: &Gaussian| flow(target.smoothed(TOP)).with_tolerance(1e-5).unwrap();
        let x = points().narrow(0, 0, 1).repeat_dim(0, 600);
        let probed = flow(&target).with_probes(2, Noise::seeded(131)).unwrap();
        let found = probed.log_density(&target, x).unwrap().mean();
        let exact = density(&target.smoothed(BOTTOM), points())[0];
        assert!(found.errors_above(exact).abs() < 5.0, "{found:?} against {exact}");
        assert!(1e-3 < found.standard_error && found.standard_error < 0.1, "{found:?}");

        let round = Gaussian::isotropic(vec![0.0; 3], 0.5).unwrap();
        let probed = flow(&round).with_probes(1, Noise::seeded(132)).unwrap();
        let found = probed.log_density(&round, points()).unwrap().values;
        for (found, exact) in found.iter().zip(density(&round.smoothed(BOTTOM), points())) {
            assert!((found - exact).abs() < 1e-3, "{found} against {exact}");
        }
    }

    #[test]
    fn a_row_does_not_depend_on_the_others() {
        let target = Gaussian::isotropic(vec![0.5; 3], 0.1).unwrap();
        let flow = flow(target.smoothed(TOP));
        let all = flow.log_density(&target, points()).unwrap().values;
        for (row, value) in all.iter().enumerate() {
            let alone = flow.log_density(&target, points().narrow(0, row, 1)).unwrap().values[0];
            // matrix products may sum in another order
            assert!((alone - value).abs() < 1e-11, "{alone} against {value}");
        }
    }

    #[test]
    fn bits_per_dim_are_nats_over_log_two_and_a_change_of_units() {
        let latent = Tensor::<2>::zeros([2, 4], &Device::flex());
        let density = FlowDensity { values: vec![-4.0 * 2f64.ln(), -12.0 * 2f64.ln()], latent, calls: 0 };
        let bits = density.bits_per_dim(1.0);
        assert!((bits.value - 2.0).abs() < 1e-12 && (bits.standard_error - 1.0).abs() < 1e-12, "{bits:?}");
        assert!((density.bits_per_dim(2.0 / 256.0).value - 9.0).abs() < 1e-12);
    }

    #[test]
    fn invalid_settings_and_points_are_refused() {
        let target = Gaussian::standard(3);
        let error = FlowLikelihood::new(1.0, 0.5, target.clone()).unwrap_err().to_string();
        assert_eq!(error, "sigma_min, sigma_max: expected 0 < sigma_min < sigma_max < ∞, found (1.0, 0.5)");
        assert!(flow(target.clone()).with_tolerance(0.0).is_err());
        assert!(flow(target.clone()).with_probes(0, Noise::seeded(1)).is_err());
        let bad = doubles([[0.0; 3], [0.0, f64::INFINITY, 0.0], [0.0; 3]]);
        let error = flow(target.clone()).log_density(&target, bad).unwrap_err();
        assert_eq!(error.to_string(), "point: expected finite numbers, found inf in row 1");
    }
}
