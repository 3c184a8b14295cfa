//! How well each class explains each row.

use burn::tensor::Tensor;
use ebm_model::{ClassConditional, ClassConditionalPotential, Given, NoisyPotential, NoisyScore};
use ebm_ops::{Noise, OutOfRange};

use crate::EvalError;
use crate::error::require;
use crate::host::{Rows, numbers};

/// Rows on which the network is evaluated at once.
const TOGETHER: usize = 100;

/// log p_σ(x + σz | class), or what stands for it, for each row, noise level and class.
///
/// What is common to the classes of a row and level is left out, and a constant of each class and level is free;
/// [`CalibratedClasses`](crate::CalibratedClasses) finds it. The noise z of a row is the same for all classes, so that what it does to all
/// of them cancels.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    n_levels: usize,
    n_classes: usize,
    /// `[rows, levels, classes]`.
    values: Vec<f64>,
}

impl Evidence {
    /// `values`, `[rows, levels, classes]`.
    ///
    /// # Errors
    /// [`EvalError::OutOfRange`] unless there are two classes or more, a level and a row; [`EvalError::NotFinite`].
    pub fn new(values: Vec<f64>, n_levels: usize, n_classes: usize) -> Result<Self, EvalError> {
        require(2 <= n_classes, "classes", "two or more", n_classes)?;
        require(0 < n_levels, "levels", "one or more", n_levels)?;
        let size = n_levels * n_classes;
        if values.is_empty() || !values.len().is_multiple_of(size) {
            return Err(OutOfRange::new("evidence", values.len(), format!("rows of {size}")).into());
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(i) => Err(EvalError::NotFinite { what: "evidence", row: i / size, value: values[i] }),
            None => Ok(Self { n_levels, n_classes, values }),
        }
    }

    /// −E(x + σz, σ | class) for rows `x`, `[rows, dim]`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_energies<M: ClassConditionalPotential + ?Sized>(
        model: &M,
        x: &Tensor<2>,
        levels: &[f64],
        noise: &mut Noise,
    ) -> Result<Self, EvalError> {
        Self::by(model.n_classes(), x, levels, noise, |class, noisy, _, sigma| {
            let given = Given::class(model, class).expect("the class is below the number of classes");
            given.energy_at(noisy, sigma).neg()
        })
    }

    /// −½‖D(x + σz, σ | class) − x‖²/σ²: a class under which the noise is better removed is more likely.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// # Reference
    /// Li, Prabhudesai, Duggal, Brown and Pathak (2023), *Your diffusion model is secretly a zero-shot classifier*,
    /// §3.2 and §3.3.
    pub fn of_denoising<M: ClassConditional + ?Sized>(
        model: &M,
        x: &Tensor<2>,
        levels: &[f64],
        noise: &mut Noise,
    ) -> Result<Self, EvalError> {
        Self::by(model.n_classes(), x, levels, noise, |class, noisy, clean, sigma| {
            let given = Given::class(model, class).expect("the class is below the number of classes");
            let error = given.denoise_at(noisy, sigma.clone()) - clean;
            let square = error.square().sum_dim(1).squeeze_dim::<1>(1);
            square / sigma.square() * -0.5
        })
    }

    /// By a number for each row: `number(class, noisy rows, clean rows, σ)`.
    fn by(
        n_classes: usize,
        x: &Tensor<2>,
        levels: &[f64],
        noise: &mut Noise,
        number: impl Fn(usize, Tensor<2>, Tensor<2>, Tensor<1>) -> Tensor<1>,
    ) -> Result<Self, EvalError> {
        for level in levels {
            OutOfRange::positive("noise level", *level)?;
        }
        let (n, k) = (x.dims()[0], levels.len());
        let mut values = vec![0.0; n * k * n_classes];
        for (at, level) in levels.iter().enumerate() {
            let z = noise.normal_like(x);
            for first in (0..n).step_by(TOGETHER) {
                let together = TOGETHER.min(n - first);
                let part = |x: &Tensor<2>| x.clone().narrow(0, first, together);
                let clean = part(x);
                let noisy = clean.clone() + part(&z) * *level;
                let sigma = Tensor::full([together], *level, (&x.device(), x.dtype()));
                for class in 0..n_classes {
                    let found = numbers(number(class, noisy.clone(), clean.clone(), sigma.clone()));
                    for (row, value) in found.into_iter().enumerate() {
                        values[((first + row) * k + at) * n_classes + class] = value;
                    }
                }
            }
        }
        Self::new(values, k, n_classes)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / (self.n_levels * self.n_classes)
    }

    /// Whether there are no rows; never so.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Number of noise levels.
    pub fn n_levels(&self) -> usize {
        self.n_levels
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// The evidence of one row at one level for each class.
    pub fn at(&self, row: usize, level: usize) -> &[f64] {
        &self.values[(row * self.n_levels + level) * self.n_classes..][..self.n_classes]
    }
}

impl Evidence {
    /// Noise levels at which classes of rows like `x`, `[rows, dim]`, are told apart: eight from a fifth of the root mean
    /// variance of the coordinates to four times it, geometric.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`], or [`EvalError::OutOfRange`] with one row or rows that are all the same.
    pub fn levels(x: &Tensor<2>) -> Result<Vec<f64>, EvalError> {
        const LEVELS: i32 = 8;
        let rows = Rows::read(x.clone(), "rows", 2)?;
        let (count, dim) = (rows.len() as f64, rows.dim());
        let mut variance = 0.0;
        for k in 0..dim {
            let mean = rows.iter().map(|row| row[k]).sum::<f64>() / count;
            variance += rows.iter().map(|row| (row[k] - mean).powi(2)).sum::<f64>() / count;
        }
        let deviation = OutOfRange::positive("deviation of the rows", (variance / dim as f64).sqrt())?;
        let step = 20f64.powf(1.0 / f64::from(LEVELS - 1));
        Ok((0..LEVELS).map(|i| 0.2 * deviation * step.powi(i)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use ebm_model::{Gaussian, GaussianMixture};

    fn mixture() -> GaussianMixture {
        let parts = [[-1.0, 0.0], [1.0, 0.5], [0.0, 2.0]];
        let parts = parts.map(|mean| Gaussian::isotropic(mean.to_vec(), 0.2).unwrap());
        GaussianMixture::new(vec![1.0; 3], parts.to_vec()).unwrap()
    }

    #[test]
    fn evidence_by_energies_is_the_log_density_of_each_class() {
        let (mixture, x) = (mixture(), Noise::seeded(1).normal([205, 2], &Device::flex()));
        let levels = [0.3, 1.0];
        let found = Evidence::of_energies(&mixture, &x, &levels, &mut Noise::seeded(2)).unwrap();
        assert_eq!((found.len(), found.n_levels(), found.n_classes()), (205, 2, 3));
        let mut noise = Noise::seeded(2);
        for (at, level) in levels.into_iter().enumerate() {
            let noisy = x.clone() + noise.normal_like(&x) * level;
            for (class, part) in mixture.components().iter().enumerate() {
                use ebm_model::Energy;
                let part = part.smoothed(level);
                let exact = numbers(part.energy(noisy.clone()) + part.log_normalizer());
                for (row, exact) in exact.into_iter().enumerate() {
                    let error = (found.at(row, at)[class] + exact).abs();
                    assert!(error < 1e-4 * (1.0 + exact.abs()), "row {row}, class {class}: off by {error}");
                }
            }
        }
    }

    #[test]
    fn the_class_of_a_row_explains_it_best_by_both_kinds_of_evidence() {
        let mixture = mixture();
        for (class, part) in mixture.components().iter().enumerate() {
            let x = part.sample(400, &mut Noise::seeded(3), &Device::flex());
            let [by_energy, by_error] = [
                Evidence::of_energies(&mixture, &x, &[0.2], &mut Noise::seeded(4)),
                Evidence::of_denoising(&mixture, &x, &[0.2], &mut Noise::seeded(4)),
            ]
            .map(Result::unwrap);
            for evidence in [by_energy, by_error] {
                let mean = |class: usize| (0..400).map(|row| evidence.at(row, 0)[class]).sum::<f64>() / 400.0;
                let best = (0..3).max_by(|&a, &b| mean(a).total_cmp(&mean(b))).unwrap();
                assert_eq!(best, class);
            }
        }
    }

    #[test]
    fn levels_follow_the_spread_of_the_rows() {
        let x = Noise::seeded(5).normal([4000, 3], &Device::flex()) * 0.5 + 7.0;
        let levels = Evidence::levels(&x).unwrap();
        assert!((levels[0] / 0.1 - 1.0).abs() < 0.05 && (levels[7] / 2.0 - 1.0).abs() < 0.05, "{levels:?}");
        assert!(Evidence::levels(&Tensor::zeros([3, 2], &Device::flex())).is_err());
        assert!(
            Evidence::new(vec![0.0, f64::NAN], 1, 2).is_err() && Evidence::new(vec![0.0; 3], 1, 2).is_err()
        );
    }
}
