//! Noise-contrastive estimation.

use burn::tensor::{DType, Tensor};
use ebm_model::{Capabilities, Energy, Gaussian};
use ebm_ops::activation::softplus;
use ebm_ops::{Noise, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::objectives::bound::OnEnergy;
use crate::{Batch, BuildContext, Built, Memory, NamedObjective, Objective, Outcome, TrainError};

/// Rows of data to which an objective by name fits its noise.
const ROWS: usize = 4096;

/// Noise-contrastive estimation: learn the density by telling data from noise.
///
/// mean softplus(−G(x)) + ν mean softplus(G(y)),   G(u) = −E(u) − log pₙ(u) − log ν,
/// x the data, y ~ pₙ the noise, ν noise points to a point of data.
///
/// The rows are `[batch, dim]`; one pass of the energy on (1 + ν) · batch rows.
///
/// exp(−E) is taken as a density without normalisation, so the energy must have a free constant, which then learns
/// log Z. A network with a bias at its end has one; any other energy gets one from
/// [`SelfNormalized`](crate::SelfNormalized).
///
/// Every row has its own ν draws, and the constant is a parameter and no sum over the batch: so this is a mean over rows,
/// also of a batch that is cut into shards.
///
/// Consistent for any noise whose density is positive wherever that of the data is. On finite data it works best with
/// noise that resembles the data, and poorly where the two are easy to tell apart, as for images.
/// Where model, data and noise agree the value is log(1 + ν) + ν log(1 + 1/ν); the best model of data that differ from
/// the noise has a smaller one.
///
/// # Reference
/// Gutmann and Hyvärinen (2010), *Noise-contrastive estimation: a new estimation principle for unnormalized
/// statistical models*, eq. 8; with ν in it, Gutmann and Hyvärinen (2012), eq. 8.
#[derive(Clone, Debug)]
pub struct NoiseContrastiveEstimation {
    noise: Gaussian,
    ratio: usize,
}

impl NoiseContrastiveEstimation {
    /// The objective against this noise, with `ratio` = ν draws of it for each row of data.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] unless `1 ≤ ratio`.
    pub fn new(noise: Gaussian, ratio: usize) -> Result<Self, TrainError> {
        Ok(Self { noise, ratio: OutOfRange::at_least("ratio", 1, ratio)? })
    }

    /// The same against the normal distribution with the mean and covariance of `data`, `[rows, dim]`.
    ///
    /// Reads the data; the covariance's eigenvectors take about dim³ operations.
    ///
    /// # Errors
    /// [`TrainError::OutOfRange`] unless `1 ≤ ratio` and the covariance is positive definite.
    pub fn fitted(data: Tensor<2>, ratio: usize) -> Result<Self, TrainError> {
        let (mean, covariance) = moments(data);
        let noise = Gaussian::new(mean, &covariance).map_err(|error| {
            OutOfRange::new("noise", error, "data with a positive definite covariance matrix")
        })?;
        Self::new(noise, ratio)
    }

    /// The noise distribution, pₙ.
    pub fn noise(&self) -> &Gaussian {
        &self.noise
    }
}

impl<M: Energy + ?Sized> Objective<M> for NoiseContrastiveEstimation {
    fn loss(&self, model: &M, batch: &Batch, _: Memory, noise: &mut Noise) -> Outcome {
        let data = batch.rows.clone();
        let (n, ratio) = (data.dims()[0], self.ratio as f64);
        let y = self.noise.sample(n * self.ratio, noise, &data.device()).cast(data.dtype());
        let points = Tensor::cat(vec![data, y], 0);
        let log_noise = -self.noise.energy(points.clone()) - self.noise.log_normalizer();
        // −1 for data and 1 for noise, so that autodiff records few operations. Both means are sums over n.
        let ones = Tensor::<1>::ones([n], (&log_noise.device(), log_noise.dtype()));
        let sign = Tensor::cat(vec![ones.clone().neg(), ones.repeat_dim(0, self.ratio)], 0);
        let offset = (log_noise + ratio.ln()) * sign.clone();
        // ± G = −(± E) − (± (log pₙ + log ν))
        Outcome::from(softplus((model.energy(points) * sign + offset).neg()).sum() / n as f64)
    }
}

/// The settings of [`NoiseContrastiveEstimation`] against a normal distribution fitted to the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoiseContrastiveSettings {
    /// Draws of noise for each row of data; at least 1.
    pub ratio: usize,
}

impl Default for NoiseContrastiveSettings {
    fn default() -> Self {
        Self { ratio: 4 }
    }
}

impl NamedObjective for NoiseContrastiveSettings {
    const NAME: &'static str = "noise-contrastive";
    const ABOUT: &'static str =
        "noise-contrastive estimation against a normal distribution fitted to the data";

    fn build<N: Capabilities + ?Sized + 'static>(&self, network: &N, context: &BuildContext<'_>) -> Built<N> {
        let rows = (context.rows)(ROWS).map_err(|source| TrainError::Rows { source })?;
        let objective = NoiseContrastiveEstimation::fitted(rows, self.ratio)?;
        OnEnergy::build(objective, Self::NAME, network)
    }

    fn rows_per_row(&self) -> usize {
        self.ratio
    }
}

/// Mean and covariance of rows on the host.
fn host_moments(rows: &[f64], [n, dim]: [usize; 2]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mean_of = |number: &dyn Fn(&[f64]) -> f64| rows.chunks(dim).map(number).sum::<f64>() / n as f64;
    let mean: Vec<f64> = (0..dim).map(|i| mean_of(&|row| row[i])).collect();
    let entry = |i: usize, j: usize| mean_of(&|row| (row[i] - mean[i]) * (row[j] - mean[j]));
    let covariance = (0..dim).map(|i| (0..dim).map(|j| entry(i, j)).collect()).collect();
    (mean, covariance)
}

/// Mean and covariance of rows, in double precision.
fn moments(rows: Tensor<2>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let [n, dim] = rows.dims();
    // GPUs have no double precision, or not for products.
    if ebm_ops::reading_waits(&rows.device()) {
        return host_moments(&rows.into_data().iter::<f64>().collect::<Vec<_>>(), [n, dim]);
    }
    let rows = rows.cast(DType::F64);
    let mean = rows.clone().mean_dim(0);
    let centred = rows - mean.clone();
    let covariance = centred.clone().transpose().matmul(centred) / n as f64;
    let numbers = |tensor: Tensor<2>| tensor.into_data().iter::<f64>().collect::<Vec<_>>();
    let covariance = numbers(covariance);
    (numbers(mean), covariance.chunks(dim).map(<[f64]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn moments_on_the_host_are_those_of_the_device() {
        let rows = Noise::seeded(2).normal([500, 3], &Device::flex()) * 3.0 + 7.0;
        let (mean, covariance) = moments(rows.clone());
        let values: Vec<f64> = rows.into_data().iter::<f64>().collect();
        let (host_mean, host_covariance) = host_moments(&values, [500, 3]);
        let pairs = mean.iter().zip(&host_mean);
        for (a, b) in pairs.chain(covariance.iter().flatten().zip(host_covariance.iter().flatten())) {
            assert!((a - b).abs() < 1e-10, "{a} against {b}");
        }
    }
}
