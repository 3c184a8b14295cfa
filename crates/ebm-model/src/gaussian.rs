//! The normal distribution, of which everything is known.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use ebm_ops::Noise;
use ebm_ops::dense::{dense, dense_pullback};
use ebm_ops::row_dot::row_dot;

use crate::closed_form::beside;
use crate::rows::{row_sum, square_length};
use crate::symmetric::{Eigen, eigen};
use crate::{
    Along, Directional, Energy, ModelError, NoisyDirectional, NoisyPotential, NoisyScore, Potential, Score,
};

/// N(μ, Σ) in any dimension, with E(x) = ½ (x − μ)ᵀ Σ⁻¹ (x − μ).
///
/// As a [`NoisyScore`] it is blurred exactly: s(x, σ) = −(Σ + σ²I)⁻¹ (x − μ).
/// The covariance is kept by its eigenvectors, Σ = Q diag(λ) Qᵀ, so every level σ costs the same.
#[derive(Module, Debug)]
pub struct Gaussian {
    #[module(skip)]
    mean: Vec<f64>,
    #[module(skip)]
    covariance: Eigen,
    /// −Σ⁻¹ and Q diag(λ)^(−½), by rows: what scores and energies are products with.
    #[module(skip)]
    minus_precision: Vec<f64>,
    #[module(skip)]
    whitening: Vec<f64>,
}

impl Gaussian {
    /// N(0, I) in `dim` dimensions.
    pub fn standard(dim: usize) -> Self {
        Self::isotropic(vec![0.0; dim], 1.0).expect("one is a variance")
    }

    /// N(mean, variance · I).
    ///
    /// # Errors
    /// [`ModelError::Law`] unless the mean is finite and not empty and `0 < variance < ∞`.
    pub fn isotropic(mean: Vec<f64>, variance: f64) -> Result<Self, ModelError> {
        let n = mean.len();
        let row = |i| (0..n).map(|j| if i == j { variance } else { 0.0 }).collect();
        Self::new(mean, &(0..n).map(row).collect::<Vec<_>>())
    }

    /// N(mean, covariance); the covariance is given by rows.
    ///
    /// # Errors
    /// [`ModelError::Law`] unless the mean is finite and not empty and the covariance is of its size,
    /// symmetric and positive definite.
    pub fn new(mean: Vec<f64>, covariance: &[Vec<f64>]) -> Result<Self, ModelError> {
        let law = |what, expected: &str, found: String| {
            Err(ModelError::Law { what, expected: expected.into(), found })
        };
        if mean.is_empty() || mean.iter().any(|m| !m.is_finite()) {
            return law("mean", "one finite number or more", format!("{mean:?}"));
        }
        if covariance.len() != mean.len() {
            return law("covariance matrix", &format!("{} rows", mean.len()), covariance.len().to_string());
        }
        let covariance = eigen(covariance)?;
        match covariance.values.iter().find(|&&value| value <= 0.0) {
            Some(value) => law("covariance matrix", "positive eigenvalues", value.to_string()),
            None => Ok(Self::of(mean, covariance)),
        }
    }

    fn of(mean: Vec<f64>, covariance: Eigen) -> Self {
        let n = mean.len();
        let row = |i: usize| &covariance.vectors[i * n..(i + 1) * n];
        let entry = |i: usize, j: usize| {
            let products = row(i).iter().zip(row(j)).zip(&covariance.values);
            -products.map(|((a, b), value)| a * b / value).sum::<f64>()
        };
        let places = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
        let minus_precision = places.clone().map(|(i, j)| entry(i, j)).collect();
        let whitening = places.map(|(i, k)| row(i)[k] / covariance.values[k].sqrt()).collect();
        Self { mean, covariance, minus_precision, whitening }
    }

    /// How many coordinates a point has.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// μ.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// log Z = (d/2) log 2π + ½ log |Σ|, in nats.
    pub fn log_normalizer(&self) -> f64 {
        let log_two_pi = std::f64::consts::TAU.ln();
        self.covariance.values.iter().map(|value| 0.5 * (log_two_pi + value.ln())).sum()
    }

    /// N(μ, Σ + σ²I), the law of a draw with noise added.
    pub fn smoothed(&self, sigma: f64) -> Self {
        let values = self.covariance.values.iter().map(|value| value + sigma * sigma).collect();
        let vectors = self.covariance.vectors.clone();
        Self::of(self.mean.clone(), Eigen { values, vectors })
    }

    /// `n` independent draws, `[n, dim]`: μ + Q √λ z.
    pub fn sample(&self, n: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        self.place(noise.normal([n, self.dim()], device))
    }

    /// The draw that standard normals `z`, `[n, dim]`, become.
    pub(crate) fn place(&self, z: Tensor<2>) -> Tensor<2> {
        let deviations: Vec<f64> = self.covariance.values.iter().map(|value| value.sqrt()).collect();
        let (deviations, mean) = (self.row(&deviations, &z), self.row(&self.mean, &z));
        let vectors = self.vectors(&z);
        dense_pullback(z * deviations, vectors) + mean
    }

    /// The coordinates of `x − μ` along the eigenvectors, `[batch, dim]`.
    fn along_axes(&self, x: Tensor<2>) -> Tensor<2> {
        let vectors = self.vectors(&x);
        dense(self.centred(x), vectors, None)
    }

    /// x − μ.
    fn centred(&self, x: Tensor<2>) -> Tensor<2> {
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
        let mean = self.row(&self.mean, &x);
        x - mean
    }

    fn vectors<const D: usize>(&self, x: &Tensor<D>) -> Tensor<2> {
        self.square(&self.covariance.vectors, x)
    }

    fn square<const D: usize>(&self, values: &[f64], x: &Tensor<D>) -> Tensor<2> {
        beside(values, [self.dim(), self.dim()], x)
    }

    fn row<const D: usize>(&self, values: &[f64], x: &Tensor<D>) -> Tensor<2> {
        beside(values, [1, self.dim()], x)
    }

    /// λ + σ² for each row's σ, `[batch, dim]`.
    fn noisy_variances(&self, sigma: Tensor<1>) -> Tensor<2> {
        let variances = self.row(&self.covariance.values, &sigma);
        sigma.square().unsqueeze_dim::<2>(1) + variances
    }

    /// log of the normalised density of N(μ, Σ + σ²I), `[batch]`.
    pub(crate) fn log_density_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        let variances = self.noisy_variances(sigma);
        let squares = self.along_axes(x).square() / variances.clone();
        ((squares + variances.log()) * -0.5 - 0.5 * std::f64::consts::TAU.ln()).sum_dim(1).squeeze_dim::<1>(1)
    }
}

impl Energy for Gaussian {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let whitening = self.square(&self.whitening, &x);
        half_square(dense(self.centred(x), whitening, None))
    }
}

impl Score for Gaussian {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let minus_precision = self.square(&self.minus_precision, &x);
        dense(self.centred(x), minus_precision, None)
    }
}

impl Potential for Gaussian {
    /// Along the eigenvectors once for both.
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let whitening = self.square(&self.whitening, &x);
        let white = dense(self.centred(x), whitening.clone(), None);
        (half_square(white.clone()), dense_pullback(white, whitening.neg()))
    }
}

impl NoisyScore for Gaussian {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let vectors = self.vectors(&x);
        dense_pullback((self.along_axes(x) / self.noisy_variances(sigma)).neg(), vectors)
    }
}

impl Directional for Gaussian {
    /// Slope vᵀΛ(x − μ), curvature vᵀΛv.
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let variances = self.row(&self.covariance.values, &x);
        let v = dense(v, self.vectors(&x), None);
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

impl NoisyDirectional for Gaussian {
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let variances = self.noisy_variances(sigma);
        let v = dense(v, self.vectors(&x), None);
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
    use crate::closed_form::tests::{
        assert_noisy_score_is_the_gradient_of, assert_score_is_minus_gradient, doubles, rows,
    };
    use crate::laws;

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
        laws::potential(&law, 2, 70);
        laws::precision(&law, &law, 2, 70);
        laws::potential(&law.at(0.6), 2, 71);
        laws::precision(&law.at(0.6), &law.at(0.6), 2, 71);
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
}
