//! Noise-contrastive estimation.

use burn::tensor::{DType, Tensor};
use ebm_model::{Energy, Gaussian};
use ebm_ops::Noise;
use ebm_ops::activation::softplus;

use crate::{Objective, TrainError};

/// Noise-contrastive estimation: learn the density by telling data from noise.
///
/// mean softplus(−G(x)) + ν mean softplus(G(y)),   G(u) = −E(u) − log pₙ(u) − log ν,
/// x the data, y ~ pₙ the noise, ν noise points to a point of data.
///
/// `data` is `[batch, dim]`; one pass of the energy on (1 + ν) · batch rows.
///
/// exp(−E) is taken as a density as it is, so the energy must have a free constant, which then learns log Z:
/// a network with a bias at its end has one, any other energy gets one by
/// [`SelfNormalized`](crate::SelfNormalized).
///
/// Consistent for any noise that has density wherever the data have; how well it does on finite data depends
/// on how like them the noise is, and it is of little use where telling them apart is easy, as for images.
/// Where model, data and noise are the same the value is log(1 + ν) + ν log(1 + 1/ν); the best model of data
/// that are not the noise has less.
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
    /// The objective against this noise, with `ratio` = ν points of it to a row of data.
    ///
    /// # Errors
    /// [`TrainError::Setting`] unless there is noise.
    pub fn new(noise: Gaussian, ratio: usize) -> Result<Self, TrainError> {
        if ratio == 0 {
            let (field, found) = ("objective.ratio", ratio.to_string());
            return Err(TrainError::Setting { field, found, expected: "at least 1" });
        }
        Ok(Self { noise, ratio })
    }

    /// The same against the normal law that has mean and covariance of `data`, `[rows, dim]`.
    ///
    /// Reads the data; the covariance's eigenvectors take about dim³ operations.
    ///
    /// # Errors
    /// [`TrainError::Setting`] unless there is noise and the covariance is positive definite.
    pub fn fitted(data: Tensor<2>, ratio: usize) -> Result<Self, TrainError> {
        let (mean, covariance) = moments(data);
        let noise = Gaussian::new(mean, &covariance).map_err(|error| {
            let expected = "data with a positive definite covariance matrix";
            TrainError::Setting { field: "objective.noise", found: error.to_string(), expected }
        })?;
        Self::new(noise, ratio)
    }

    /// pₙ.
    pub fn noise(&self) -> &Gaussian {
        &self.noise
    }
}

impl<M: Energy> Objective<M> for NoiseContrastiveEstimation {
    fn loss(&mut self, model: &M, data: Tensor<2>, noise: &mut Noise) -> Tensor<1> {
        let (n, ratio) = (data.dims()[0], self.ratio as f64);
        let y = self.noise.sample(n * self.ratio, noise, &data.device()).cast(data.dtype());
        let points = Tensor::cat(vec![data, y], 0);
        let log_noise = -self.noise.energy(points.clone()) - self.noise.log_normalizer();
        // −1 for data and 1 for noise: then few operations are on the tape. Both means are sums over n.
        let ones = Tensor::<1>::ones([n], (&log_noise.device(), log_noise.dtype()));
        let sign = Tensor::cat(vec![ones.clone().neg(), ones.repeat_dim(0, self.ratio)], 0);
        let offset = (log_noise + ratio.ln()) * sign.clone();
        // ± G = −(± E) − (± (log pₙ + log ν))
        softplus((model.energy(points) * sign + offset).neg()).sum() / n as f64
    }
}

/// Mean and covariance of rows, in double precision.
fn moments(rows: Tensor<2>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let [n, dim] = rows.dims();
    let rows = rows.cast(DType::F64);
    let mean = rows.clone().mean_dim(0);
    let centred = rows - mean.clone();
    let covariance = centred.clone().transpose().matmul(centred) / n as f64;
    let numbers = |tensor: Tensor<2>| tensor.into_data().iter::<f64>().collect::<Vec<_>>();
    let covariance = numbers(covariance);
    (numbers(mean), covariance.chunks(dim).map(<[f64]>::to_vec).collect())
}
