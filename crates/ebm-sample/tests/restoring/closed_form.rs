//! Posteriors of mixtures of normal distributions under linear measurements, and how far draws are from them.

use burn::tensor::{DType, Device, Tensor, TensorData};
use ebm_sample::restoring::LinearOperator;

/// A matrix by rows.
pub type Matrix = Vec<Vec<f64>>;

/// Σ_k w_k N(m_k, C), all components of one covariance.
pub struct Law {
    pub weights: Vec<f64>,
    pub means: Vec<Vec<f64>>,
    pub covariance: Matrix,
}

impl Law {
    pub fn normal(mean: Vec<f64>, variance: f64) -> Self {
        Self::mixture(vec![1.0], vec![mean], variance)
    }

    pub fn mixture(weights: Vec<f64>, means: Vec<Vec<f64>>, variance: f64) -> Self {
        let covariance = diagonal(means[0].len(), variance);
        Self { weights, means, covariance }
    }

    pub fn dim(&self) -> usize {
        self.means[0].len()
    }

    /// The deviation of a component that is isotropic.
    pub fn deviation(&self) -> f64 {
        self.covariance[0][0].sqrt()
    }

    /// With noise of this variance added.
    pub fn widened(&self, variance: f64) -> Self {
        let covariance = added(&self.covariance, &diagonal(self.dim(), variance));
        Self { weights: self.weights.clone(), means: self.means.clone(), covariance }
    }

    /// Given y = A x + τ z.
    pub fn given(&self, a: &Matrix, y: &[f64], deviation: f64) -> Self {
        self.given_widened(a, y, deviation, 0.0)
    }

    /// Given y ~ N(A x, τ²I + v AAᵀ).
    pub fn given_widened(&self, a: &Matrix, y: &[f64], deviation: f64, variance: f64) -> Self {
        let a_t = transposed(a);
        let own = product(a, &a_t).into_iter().map(|row| row.into_iter().map(|x| x * variance).collect());
        let noise = added(&own.collect::<Matrix>(), &diagonal(y.len(), deviation * deviation));
        let cross = product(&self.covariance, &a_t);
        let (inverse, log_determinant) = inverted(added(&product(a, &cross), &noise));
        let gain = product(&cross, &inverse);
        let mut logs = Vec::new();
        let mut means = Vec::new();
        for (weight, mean) in self.weights.iter().zip(&self.means) {
            let residual: Vec<f64> = y.iter().zip(times(a, mean)).map(|(y, m)| y - m).collect();
            let square: f64 = times(&inverse, &residual).iter().zip(&residual).map(|(a, b)| a * b).sum();
            logs.push(weight.ln() - 0.5 * (square + log_determinant));
            means.push(mean.iter().zip(times(&gain, &residual)).map(|(m, step)| m + step).collect());
        }
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = logs.iter().map(|log| (log - largest).exp()).sum();
        let reduction = product(&gain, &transposed(&cross));
        let minus = reduction.into_iter().map(|row| row.into_iter().map(|x| -x).collect()).collect();
        let weights = logs.iter().map(|log| (log - largest).exp() / total).collect();
        Self { weights, means, covariance: added(&self.covariance, &minus) }
    }

    pub fn mean(&self) -> Vec<f64> {
        let entry = |i: usize| self.weights.iter().zip(&self.means).map(|(w, m)| w * m[i]).sum();
        (0..self.dim()).map(entry).collect()
    }

    /// The covariance of the whole.
    pub fn total_covariance(&self) -> Matrix {
        let mean = self.mean();
        let between = |i: usize, j: usize| {
            let of_mode = |(w, m): (&f64, &Vec<f64>)| w * (m[i] - mean[i]) * (m[j] - mean[j]);
            self.weights.iter().zip(&self.means).map(of_mode).sum::<f64>()
        };
        let entry = |i: usize, j: usize| self.covariance[i][j] + between(i, j);
        (0..self.dim()).map(|i| (0..self.dim()).map(|j| entry(i, j)).collect()).collect()
    }
}

/// The largest distance of a mean or of an entry of the covariance from that of `law`, in standard errors.
pub fn worst(draws: &Tensor<2>, law: &Law) -> f64 {
    let [n, dim] = draws.dims();
    let values: Vec<f64> = draws.to_data().iter::<f64>().collect();
    let (mean, covariance) = (law.mean(), law.total_covariance());
    let distance = |f: &dyn Fn(&[f64]) -> f64, exact: f64| {
        let numbers: Vec<f64> = values.chunks_exact(dim).map(f).collect();
        let found = numbers.iter().sum::<f64>() / n as f64;
        let variance = numbers.iter().map(|x| (x - found).powi(2)).sum::<f64>() / (n - 1) as f64;
        (found - exact).abs() / (variance / n as f64).sqrt()
    };
    let mut largest = 0.0f64;
    for i in 0..dim {
        largest = largest.max(distance(&|x| x[i], mean[i]));
        for j in 0..=i {
            let product = |x: &[f64]| (x[i] - mean[i]) * (x[j] - mean[j]);
            largest = largest.max(distance(&product, covariance[i][j]));
        }
    }
    largest
}

/// A by rows.
pub fn matrix_of(operator: &dyn LinearOperator) -> Matrix {
    let n = operator.inputs();
    let unit = TensorData::new(diagonal(n, 1.0).concat(), [n, n]);
    let columns = operator.apply(Tensor::from_data(unit, (&Device::flex(), DType::F64)));
    let values: Vec<f64> = columns.into_data().iter::<f64>().collect();
    transposed(&values.chunks_exact(operator.outputs()).map(<[f64]>::to_vec).collect())
}

pub fn times(a: &Matrix, x: &[f64]) -> Vec<f64> {
    a.iter().map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum()).collect()
}

fn diagonal(n: usize, value: f64) -> Matrix {
    (0..n).map(|i| (0..n).map(|j| if i == j { value } else { 0.0 }).collect()).collect()
}

fn transposed(a: &Matrix) -> Matrix {
    (0..a[0].len()).map(|j| a.iter().map(|row| row[j]).collect()).collect()
}

fn added(a: &Matrix, b: &Matrix) -> Matrix {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect()).collect()
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let columns = transposed(b);
    a.iter().map(|row| times(&columns, row)).collect()
}

/// The inverse of a positive definite matrix and the logarithm of its determinant, by elimination.
fn inverted(mut a: Matrix) -> (Matrix, f64) {
    let n = a.len();
    let mut inverse = diagonal(n, 1.0);
    let mut log_determinant = 0.0;
    for i in 0..n {
        let pivot = a[i][i];
        assert!(0.0 < pivot, "a pivot of {pivot}");
        log_determinant += pivot.ln();
        for matrix in [&mut a, &mut inverse] {
            matrix[i].iter_mut().for_each(|x| *x /= pivot);
        }
        for k in (0..n).filter(|&k| k != i) {
            let factor = a[k][i];
            for matrix in [&mut a, &mut inverse] {
                let row = matrix[i].clone();
                matrix[k].iter_mut().zip(row).for_each(|(x, y)| *x -= factor * y);
            }
        }
    }
    (inverse, log_determinant)
}
