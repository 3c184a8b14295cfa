//! Mixtures of many normal distributions of one width.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use ebm_ops::row_dot::row_dot;
use ebm_ops::{Noise, OutOfRange};

use crate::algebra::log_sum_and_shares;
use crate::rows::constants;
use crate::rows::{row_sum, square_length};
use crate::{
    Along, Directional, Energy, JointPotential, ModelError, NoisyDirectional, NoisyPotential, NoisyScore,
    Potential, Score,
};

/// Σ_k w_k N(m_k, vI), normalised, for thousands of components: E(x, σ) = −log p_σ(x) and Z = 1 at every level.
///
/// With equal weights at the points of a data set it is their Parzen estimate, whose score is what denoising
/// score matching on those points has its minimum at. Costs are those of two products of `[batch, dim]` with
/// `[dim, components]`; for a few components of any shape take [`GaussianMixture`](crate::GaussianMixture).
///
/// The distances are computed from xᵀm and ‖m‖², so in single precision an energy is off by about
/// 1e-7 (‖x‖² + ‖m‖²)/(v + σ²).
///
/// # Reference
/// Parzen (1962), *On estimation of a probability density function and mode*; Vincent (2011), *A connection
/// between score matching and denoising autoencoders*, §4.
#[derive(Module, Debug)]
pub struct IsotropicMixture {
    /// log w, `[components]`.
    #[module(skip)]
    log_weights: Vec<f64>,
    /// m, `[components, dim]`.
    #[module(skip)]
    means: Vec<f64>,
    dim: usize,
    variance: f64,
}

impl IsotropicMixture {
    /// The mixture with log weights, which are shifted so that the weights sum to one, and means, `[components,
    /// dim]` row by row. A variance of zero makes points, which have a density at positive noise only.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless there are one component and one coordinate or more, as many log weights as
    /// means, all finite, and `0 ≤ variance < ∞`.
    pub fn new(log_weights: Vec<f64>, means: Vec<f64>, variance: f64) -> Result<Self, ModelError> {
        let refuse = |what, expected: &str, found| Err(OutOfRange::new(what, found, expected).into());
        let n = log_weights.len();
        if n == 0 || means.is_empty() || !means.len().is_multiple_of(n) {
            return refuse(
                "mixture",
                "a row of means for each log weight",
                format!("{} for {n}", means.len()),
            );
        }
        if let Some(number) = log_weights.iter().chain(&means).find(|number| !number.is_finite()) {
            return refuse("mixture", "finite numbers", number.to_string());
        }
        if !(variance.is_finite() && 0.0 <= variance) {
            return refuse("mixture variance", "a finite number, zero or more", variance.to_string());
        }
        let largest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total = largest + log_weights.iter().map(|log| (log - largest).exp()).sum::<f64>().ln();
        let dim = means.len() / n;
        Ok(Self { log_weights: log_weights.iter().map(|log| log - total).collect(), means, dim, variance })
    }

    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of components.
    pub fn components(&self) -> usize {
        self.log_weights.len()
    }

    /// The weight of component `k`.
    ///
    /// # Panics
    /// If there is no such component.
    pub fn weight(&self, k: usize) -> f64 {
        self.log_weights[k].exp()
    }

    /// The mean of component `k`.
    ///
    /// # Panics
    /// If there is no such component.
    pub fn mean(&self, k: usize) -> &[f64] {
        &self.means[k * self.dim..][..self.dim]
    }

    /// The variance v of each component.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// The distribution of a draw with noise N(0, σ²I) added.
    pub fn smoothed(&self, sigma: f64) -> Self {
        Self { variance: self.variance + sigma * sigma, ..self.clone() }
    }

    /// `n` independent draws, `[n, dim]`.
    pub fn sample(&self, n: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        let mut below = 0.0;
        let ends: Vec<f64> = (0..self.components())
            .map(|k| {
                below += self.weight(k);
                below
            })
            .collect();
        let choices = noise.uniform::<1>([n], device);
        let z = noise.normal([n, self.dim], device);
        let last = self.components() - 1;
        let means: Vec<f64> = choices
            .into_data()
            .iter::<f64>()
            .flat_map(|u| self.mean(ends.partition_point(|end| *end <= u).min(last)))
            .copied()
            .collect();
        let means = constants(&means, [n, self.dim], &z);
        z * self.variance.sqrt() + means
    }

    /// m transposed, `[dim, components]`.
    fn columns(&self, x: &Tensor<2>) -> Tensor<2> {
        let (dim, dims) = (self.dim, x.dims());
        assert_eq!(dims[1], dim, "a mixture in {dim} dimensions was given {dims:?}");
        constants::<2, 2>(&self.means, [self.components(), dim], x).transpose()
    }

    /// v + σ² of each row, `[batch, 1]`.
    fn variances(&self, sigma: Tensor<1>) -> Tensor<2> {
        sigma.square().unsqueeze_dim::<2>(1) + self.variance
    }

    /// log w_k + (xᵀm_k − ½‖m_k‖²)/variance, `[batch, components]`: all of a component's log density that the
    /// components do not share.
    fn log_terms(&self, x: Tensor<2>, variances: Tensor<2>) -> Tensor<2> {
        let (n, columns) = (self.components(), self.columns(&x));
        let halves: Vec<f64> =
            (0..n).map(|k| 0.5 * self.mean(k).iter().map(|m| m * m).sum::<f64>()).collect();
        let (halves, logs) = (constants(&halves, [1, n], &x), constants(&self.log_weights, [1, n], &x));
        (x.matmul(columns) - halves) / variances + logs
    }

    fn no_noise(x: &Tensor<2>) -> Tensor<1> {
        Tensor::zeros([x.dims()[0]], (&x.device(), x.dtype()))
    }
}

impl NoisyPotential for IsotropicMixture {
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        self.energy_and_score_at(x, sigma).0
    }

    fn energy_and_score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<1>, Tensor<2>) {
        let variances = self.variances(sigma);
        let (log_sum, shares) = log_sum_and_shares(self.log_terms(x.clone(), variances.clone()));
        let mean = shares.matmul(self.columns(&x).transpose());
        let bowl = x.clone().square() / variances.clone() + (variances.clone() * std::f64::consts::TAU).log();
        (row_sum(bowl * 0.5) - log_sum, (mean - x) / variances)
    }
}

impl NoisyScore for IsotropicMixture {
    /// (Σ_k r_k m_k − x)/(v + σ²), r the responsibilities of the components for x.
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.energy_and_score_at(x, sigma).1
    }
}

impl JointPotential for IsotropicMixture {
    /// ∂U/∂ln σ = q (d − Σ_k r_k ‖x − m_k‖²/(v + σ²)), q = σ²/(v + σ²), r the responsibilities.
    fn score_and_level_slope_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<2>, Tensor<1>) {
        let variances = self.variances(sigma.clone());
        let (_, shares) = log_sum_and_shares(self.log_terms(x.clone(), variances.clone()));
        let n = self.components();
        let squares: Vec<f64> = (0..n).map(|k| self.mean(k).iter().map(|m| m * m).sum()).collect();
        let squares = constants::<2, 2>(&squares, [1, n], &x);
        let products = x.clone().matmul(self.columns(&x));
        let distance = square_length(x.clone()) + row_sum(shares.clone() * (squares - products * 2.0));
        let mean = shares.matmul(self.columns(&x).transpose());
        let variance = variances.clone().squeeze_dim::<1>(1);
        let share = sigma.square() / variance.clone();
        let slope = (distance / variance - self.dim as f64).neg() * share;
        ((mean - x) / variances, slope)
    }
}

impl NoisyDirectional for IsotropicMixture {
    /// Curvature: ‖v‖² over the variance, less the variance of vᵀm/variance under r.
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let variances = self.variances(sigma);
        let (_, shares) = log_sum_and_shares(self.log_terms(x.clone(), variances.clone()));
        let pulls = v.clone().matmul(self.columns(&x)) / variances.clone();
        let pull = row_dot(shares.clone(), pulls.clone());
        let spread = row_sum(shares * (pulls - pull.clone().unsqueeze_dim::<2>(1)).square());
        let v_over = v.clone() / variances;
        Along { slope: row_dot(x, v_over.clone()) - pull, curvature: row_dot(v, v_over) - spread }
    }
}

impl Energy for IsotropicMixture {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let sigma = Self::no_noise(&x);
        self.energy_at(x, sigma)
    }
}

impl Score for IsotropicMixture {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let sigma = Self::no_noise(&x);
        self.score_at(x, sigma)
    }
}

impl Potential for IsotropicMixture {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let sigma = Self::no_noise(&x);
        self.energy_and_score_at(x, sigma)
    }
}

impl Directional for IsotropicMixture {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let sigma = Self::no_noise(&x);
        self.along_at(x, v, sigma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gaussian, GaussianMixture, testing};

    fn three() -> IsotropicMixture {
        let logs = [0.5f64, 1.0, 2.5].map(f64::ln).to_vec();
        IsotropicMixture::new(logs, vec![-1.0, 0.0, 1.0, 2.0, 0.5, -1.5], 0.3).unwrap()
    }

    #[test]
    fn it_is_the_mixture_of_its_normal_laws_with_and_without_noise() {
        let law = three();
        let parts = (0..3).map(|k| Gaussian::isotropic(law.mean(k).to_vec(), 0.3).unwrap()).collect();
        let exact = GaussianMixture::new((0..3).map(|k| law.weight(k)).collect(), parts).unwrap();
        let x = testing::points(20, 2, 80) * 2.0;
        testing::assert_close(law.energy(x.clone()), exact.energy(x.clone()), 1e-12, "an energy");
        testing::assert_close(
            law.at(0.7).energy(x.clone()),
            exact.at(0.7).energy(x.clone()),
            1e-12,
            "at 0.7",
        );
        testing::assert_close(law.smoothed(0.7).score(x.clone()), exact.at(0.7).score(x), 1e-12, "a score");
    }

    #[test]
    fn with_and_without_noise_it_keeps_the_laws_of_a_potential() {
        let law = three();
        testing::assert_potential(&law, 2, 81);
        testing::assert_potential(&law.at(0.6), 2, 82);
        testing::assert_precision(&law.at(0.6), &law.at(0.6), 2, 82);
        testing::assert_joint_potential(&law, 2, 82);
    }

    #[test]
    fn draws_have_the_weights_means_and_variance() {
        let (law, n) = (three(), 60_000);
        let draws = law.sample(n, &mut Noise::seeded(83), &Device::flex());
        let draws: Vec<f64> = draws.into_data().iter::<f64>().collect();
        for axis in [0, 1] {
            let moment = |power: i32| {
                (0..3)
                    .map(|k| {
                        let m = law.mean(k)[axis];
                        // moments of N(m, v) to the fourth
                        let v = law.variance();
                        law.weight(k)
                            * match power {
                                1 => m,
                                2 => m * m + v,
                                _ => m.powi(4) + 6.0 * m * m * v + 3.0 * v * v,
                            }
                    })
                    .sum::<f64>()
            };
            for (power, deviation) in
                [(1, (moment(2) - moment(1).powi(2)).sqrt()), (2, (moment(4) - moment(2).powi(2)).sqrt())]
            {
                let found = draws.chunks(2).map(|d| d[axis].powi(power)).sum::<f64>() / n as f64;
                let standard_error = deviation / (n as f64).sqrt();
                let exact = moment(power);
                assert!((found - exact).abs() < 5.0 * standard_error, "{axis}, {power}: {found}, {exact}");
            }
        }
    }

    #[test]
    fn unfit_parts_are_refused() {
        assert!(IsotropicMixture::new(vec![], vec![], 1.0).is_err());
        assert!(IsotropicMixture::new(vec![0.0; 2], vec![0.0; 3], 1.0).is_err());
        assert!(IsotropicMixture::new(vec![0.0], vec![f64::NAN], 1.0).is_err());
        assert!(IsotropicMixture::new(vec![0.0], vec![0.0], -1.0).is_err());
    }
}
