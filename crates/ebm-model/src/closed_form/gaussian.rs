//! The normal distribution.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use ebm_ops::row_dot::row_dot;
use ebm_ops::{Noise, OutOfRange};

use crate::closed_form::covariance::Covariance;
use crate::rows::{constants, row_sum, square_length};
use crate::{
    Along, Directional, Energy, JointPotential, ModelError, NoisyDirectional, NoisyPotential, NoisyScore,
    Potential, Score, ScorePullback,
};

/// N(μ, Σ) in any dimension, with E(x) = ½ (x − μ)ᵀ Σ⁻¹ (x − μ).
///
/// As a [`NoisyScore`] it is blurred exactly: s(x, σ) = −(Σ + σ²I)⁻¹ (x − μ).
/// The covariance is stored by its eigenvectors, Σ = Q diag(λ) Qᵀ, so every level σ costs the same; a diagonal one
/// needs no matrix at all.
#[derive(Module, Debug)]
pub struct Gaussian {
    #[module(skip)]
    mean: Vec<f64>,
    #[module(skip)]
    covariance: Covariance,
}

impl Gaussian {
    /// N(0, I) in `dim` dimensions.
    ///
    /// # Panics
    /// If `dim` is zero.
    pub fn standard(dim: usize) -> Self {
        Self::isotropic(vec![0.0; dim], 1.0).expect("a standard normal distribution has a dimension")
    }

    /// N(mean, variance · I); time and memory are linear in the dimension.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless the mean is finite and not empty and `0 < variance < ∞`.
    pub fn isotropic(mean: Vec<f64>, variance: f64) -> Result<Self, ModelError> {
        let mean = checked(mean)?;
        let covariance = Covariance::isotropic(mean.len(), variance)?;
        Ok(Self { mean, covariance })
    }

    /// N(mean, diag(variances)); time and memory are linear in the dimension.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless the mean is finite and not empty and there is a positive, finite variance for
    /// each of its coordinates.
    pub fn diagonal(mean: Vec<f64>, variances: Vec<f64>) -> Result<Self, ModelError> {
        let mean = checked(mean)?;
        if variances.len() != mean.len() {
            let expected = format!("{} numbers", mean.len());
            return Err(OutOfRange::new("variances", variances.len(), expected).into());
        }
        Ok(Self { mean, covariance: Covariance::diagonal(variances)? })
    }

    /// N(mean, covariance); the covariance is given by rows.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless the mean is finite and not empty and the covariance is of its size,
    /// symmetric and positive definite.
    pub fn new(mean: Vec<f64>, covariance: &[Vec<f64>]) -> Result<Self, ModelError> {
        let mean = checked(mean)?;
        if covariance.len() != mean.len() {
            let expected = format!("{} rows", mean.len());
            return Err(OutOfRange::new("covariance matrix", covariance.len(), expected).into());
        }
        Ok(Self { mean, covariance: Covariance::from_rows(covariance)? })
    }

    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// The mean μ.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// log Z = (d/2) log 2π + ½ log |Σ|, in nats.
    pub fn log_normalizer(&self) -> f64 {
        let log_two_pi = std::f64::consts::TAU.ln();
        self.covariance.variances().iter().map(|value| 0.5 * (log_two_pi + value.ln())).sum()
    }

    /// N(μ, Σ + σ²I), the distribution of a draw with noise added.
    pub fn smoothed(&self, sigma: f64) -> Self {
        Self { mean: self.mean.clone(), covariance: self.covariance.smoothed(sigma) }
    }

    /// `n` independent draws, `[n, dim]`: μ + Q √λ z.
    pub fn sample(&self, n: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        self.place(noise.normal([n, self.dim()], device))
    }

    /// The draws that standard normal `z`, `[n, dim]`, become.
    pub(crate) fn place(&self, z: Tensor<2>) -> Tensor<2> {
        let mean = self.row(&z);
        self.covariance.color(z) + mean
    }

    /// The coordinates of `x − μ` along the eigenvectors, `[batch, dim]`.
    fn along_axes(&self, x: Tensor<2>) -> Tensor<2> {
        self.covariance.to_axes(self.centered(x))
    }

    /// x − μ.
    fn centered(&self, x: Tensor<2>) -> Tensor<2> {
        assert_eq!(
            x.dims()[1],
            self.dim(),
            "a Gaussian in {} dimensions was given {:?}",
            self.dim(),
            x.dims()
        );
        if self.mean.iter().all(|mean| *mean == 0.0) {
            return x;
        }
        let mean = self.row(&x);
        x - mean
    }

    /// μ, `[1, dim]`.
    fn row(&self, x: &Tensor<2>) -> Tensor<2> {
        constants(&self.mean, [1, self.dim()], x)
    }

    /// λ + σ² for each row's σ, `[batch, dim]`.
    fn noisy_variances(&self, sigma: Tensor<1>) -> Tensor<2> {
        let variances = self.covariance.variance_row(&sigma);
        sigma.square().unsqueeze_dim::<2>(1) + variances
    }

    /// log of the normalised density of N(μ, Σ + σ²I), `[batch]`.
    pub(crate) fn log_density_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        let variances = self.noisy_variances(sigma);
        let squares = self.along_axes(x).square() / variances.clone();
        ((squares + variances.log()) * -0.5 - 0.5 * std::f64::consts::TAU.ln()).sum_dim(1).squeeze_dim::<1>(1)
    }
}

/// The mean, if it is one.
fn checked(mean: Vec<f64>) -> Result<Vec<f64>, OutOfRange> {
    if mean.is_empty() || mean.iter().any(|m| !m.is_finite()) {
        return Err(OutOfRange::new("mean", format!("{mean:?}"), "one finite number or more"));
    }
    Ok(mean)
}

impl Energy for Gaussian {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        half_square(self.covariance.whiten(self.centered(x)))
    }
}

impl Score for Gaussian {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.covariance.score(self.centered(x))
    }
}

impl Potential for Gaussian {
    /// Whitens once for both.
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let white = self.covariance.whiten(self.centered(x));
        (half_square(white.clone()), self.covariance.score_of_white(white))
    }
}

impl NoisyScore for Gaussian {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.covariance.from_axes((self.along_axes(x) / self.noisy_variances(sigma)).neg())
    }

    /// v ↦ −(Σ + σ²I)⁻¹ v, whatever the position.
    fn score_and_pullback_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<2>, ScorePullback<'_>) {
        let score = self.score_at(x, sigma.clone());
        let pullback = move |v: Tensor<2>| {
            let variances = self.noisy_variances(sigma);
            self.covariance.from_axes((self.covariance.to_axes(v) / variances).neg())
        };
        (score, Box::new(pullback))
    }
}

impl Directional for Gaussian {
    /// Slope vᵀΛ(x − μ), curvature vᵀΛv.
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let variances = self.covariance.variance_row(&x);
        let v = self.covariance.to_axes(v);
        along(self.along_axes(x), v, variances)
    }
}

impl NoisyPotential for Gaussian {
    /// ½ (x − μ)ᵀ (Σ + σ²I)⁻¹ (x − μ).
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        let variances = self.noisy_variances(sigma);
        row_sum(self.along_axes(x).square() / variances * 0.5)
    }
}

impl JointPotential for Gaussian {
    /// −log N(x; μ, Σ + σ²I), normalised at every level, which [`energy_at`](NoisyPotential::energy_at) is not.
    fn joint_energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        self.log_density_at(x, sigma).neg()
    }

    /// ∂U/∂ln σ = Σ q (1 − a²/v), with a the coordinates of x − μ along the eigenvectors, v = λ + σ² and q = σ²/v.
    fn score_and_level_slope_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<2>, Tensor<1>) {
        let variances = self.noisy_variances(sigma.clone());
        let axes = self.along_axes(x);
        let scaled = axes.clone() / variances.clone();
        let share = sigma.square().unsqueeze_dim::<2>(1) / variances;
        let slope = row_sum((axes * scaled.clone() - 1.0) * share).neg();
        (self.covariance.from_axes(scaled.neg()), slope)
    }
}

impl NoisyDirectional for Gaussian {
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let variances = self.noisy_variances(sigma);
        let v = self.covariance.to_axes(v);
        along(self.along_axes(x), v, variances)
    }
}

/// ½‖x‖², row by row.
fn half_square(x: Tensor<2>) -> Tensor<1> {
    square_length(x) * 0.5
}

/// By the coordinates of x − μ and v along the eigenvectors.
fn along(x: Tensor<2>, v: Tensor<2>, variances: Tensor<2>) -> Along {
    let scaled = v.clone() / variances;
    Along { slope: row_dot(x, scaled.clone()), curvature: row_dot(v, scaled) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use crate::testing::{
        assert_noisy_score_is_the_gradient_of, assert_score_is_minus_gradient, doubles, rows,
    };

    fn correlated() -> Gaussian {
        Gaussian::new(vec![1.0, -2.0], &[vec![2.0, 0.6], vec![0.6, 0.5]]).unwrap()
    }

    #[test]
    fn the_score_is_minus_the_gradient_of_the_energy() {
        assert_score_is_minus_gradient(&correlated(), &[[0.3, 0.7], [1.0, -2.0], [-3.0, 4.0]]);
    }

    #[test]
    fn with_and_without_noise_it_keeps_the_laws_of_a_potential() {
        let law = correlated();
        testing::assert_potential(&law, 2, 70);
        testing::assert_precision(&law, &law, 2, 70);
        testing::assert_potential(&law.at(0.6), 2, 71);
        testing::assert_precision(&law.at(0.6), &law.at(0.6), 2, 71);
        testing::assert_joint_potential(&law, 2, 71);
    }

    #[test]
    fn energy_and_log_normalizer_are_the_textbook_formula() {
        // Σ⁻¹ = [[0.5, −0.6], [−0.6, 2]] / 0.64
        let (u, v) = (0.3 - 1.0, 0.7 + 2.0);
        let exact = 0.5 * (0.5 * u * u - 1.2 * u * v + 2.0 * v * v) / 0.64;
        let found = rows(correlated().energy(doubles(&[[0.3, 0.7]])).unsqueeze_dim::<2>(1))[0][0];
        assert!((found - exact).abs() < 1e-12 * exact, "{found} against {exact}");
        let log_normalizer = std::f64::consts::TAU.ln() + 0.5 * 0.64f64.ln();
        assert!((correlated().log_normalizer() - log_normalizer).abs() < 1e-12);
    }

    #[test]
    fn the_blurred_score_is_the_score_of_the_blurred_law() {
        let at = [[0.3, 0.7], [-3.0, 4.0]];
        let blurred = rows(correlated().smoothed(0.7).score(doubles(&at)));
        let noisy = rows(correlated().at(0.7).score(doubles(&at)));
        for (b, n) in blurred.concat().iter().zip(noisy.concat()) {
            assert!((b - n).abs() < 1e-12, "{b} against {n}");
        }
        assert_noisy_score_is_the_gradient_of(&correlated(), |x, s| correlated().log_density_at(x, s), &at);
    }

    #[test]
    fn draws_have_the_mean_and_covariance() {
        let n = 100_000;
        let draws = rows(correlated().sample(n, &mut Noise::seeded(4), &Device::flex()));
        let mean = |f: &dyn Fn(f64, f64) -> f64| {
            draws.iter().map(|d| f(d[0] - 1.0, d[1] + 2.0)).sum::<f64>() / n as f64
        };
        let root = (n as f64).sqrt();
        // the standard deviation of uv is √(var u · var v + cov²)
        let checks = [
            (mean(&|u, _| u), 0.0, 2f64.sqrt()),
            (mean(&|_, v| v), 0.0, 0.5f64.sqrt()),
            (mean(&|u, _| u * u), 2.0, 8f64.sqrt()),
            (mean(&|_, v| v * v), 0.5, 0.5f64.sqrt()),
            (mean(&|u, v| u * v), 0.6, (1.0f64 + 0.36).sqrt()),
        ];
        for (found, exact, deviation) in checks {
            assert!((found - exact).abs() < 5.0 * deviation / root, "{found} against {exact}");
        }
    }

    #[test]
    fn what_is_no_covariance_is_refused_by_its_eigenvalue() {
        let error = Gaussian::new(vec![0.0; 2], &[vec![1.0, 2.0], vec![2.0, 1.0]]).unwrap_err().to_string();
        assert!(error.starts_with("covariance matrix: expected positive eigenvalues, found -"), "{error}");
        assert!(Gaussian::isotropic(vec![], 1.0).is_err());
        assert!(Gaussian::isotropic(vec![0.0], 0.0).is_err());
    }

    #[test]
    fn a_diagonal_covariance_gives_what_its_matrix_gives_to_the_bit() {
        let device = Device::flex();
        // A covariance with one entry off the diagonal that is too small to count takes the path by matrices.
        let nearly = [[0.3, 1e-300, 0.0], [1e-300, 2.0, 0.0], [0.0, 0.0, 0.7]].map(|row| row.to_vec());
        let exactly = [[0.3, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.7]].map(|row| row.to_vec());
        let mean = vec![1.0, -2.0, 0.5];
        let [matrix, row] = [nearly, exactly].map(|rows| Gaussian::new(mean.clone(), &rows).unwrap());
        let diagonal = Gaussian::diagonal(mean.clone(), vec![0.3, 2.0, 0.7]).unwrap();
        let x = Noise::seeded(72).normal([9, 3], &device);
        let v = Noise::seeded(73).normal([9, 3], &device);
        let all = |model: &Gaussian| {
            let (energy, score) = model.energy_and_score(x.clone());
            let along = model.along(x.clone(), v.clone());
            let draws = model.sample(9, &mut Noise::seeded(74), &device);
            let parts = [score, model.score(x.clone()), model.at(0.6).score(x.clone()), draws];
            let rows = [energy, model.energy(x.clone()), along.slope, along.curvature];
            (parts.map(|t| t.into_data()), rows.map(|t| t.into_data()))
        };
        assert_eq!(all(&row), all(&matrix));
        assert_eq!(all(&diagonal), all(&row));
        assert_eq!(all(&row.smoothed(0.4)), all(&matrix.smoothed(0.4)));
    }

    #[test]
    fn variances_are_one_for_each_coordinate_and_positive() {
        let error =
            |variances: &[f64]| Gaussian::diagonal(vec![0.0; 2], variances.to_vec()).unwrap_err().to_string();
        assert_eq!(error(&[1.0]), "variances: expected 2 numbers, found 1");
        assert_eq!(error(&[1.0, 0.0]), "variance 1: expected a positive, finite number, found 0");
        assert!(Gaussian::diagonal(vec![], vec![]).is_err());
    }

    #[test]
    fn an_isotropic_covariance_of_many_dimensions_needs_no_matrix() {
        let dim = 100_000;
        let wide = Gaussian::isotropic(vec![0.5; dim], 4.0).unwrap();
        let exact = 0.5 * dim as f64 * (std::f64::consts::TAU * 4.0).ln();
        assert!((wide.log_normalizer() - exact).abs() < 1e-6 * exact);
        let score = wide.score(Tensor::ones([1, dim], &Device::flex()));
        assert_eq!(score.max().into_scalar::<f32>(), -0.125);
    }
}
