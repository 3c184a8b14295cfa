//! Ridge regression of many columns at once, in double precision.

use rayon::prelude::*;

use super::matrix::{cholesky, solve};

/// The weights W that minimise ‖ΦW − L‖²/n + λ‖W‖², for every column of L.
#[derive(Clone, Debug)]
pub(crate) struct Ridge {
    /// A row for each column of the labels.
    weights: Vec<f64>,
    width: usize,
}

impl Ridge {
    /// Fits `labels`, one row for each of `features`, rows of `width` numbers; `penalty` is λ, positive.
    ///
    /// Cost: rows · width · (width/2 + columns) multiplications on all threads.
    pub fn fit(features: &[f64], width: usize, labels: &[f64], penalty: f64) -> Self {
        let n = features.len() / width;
        let columns = labels.len() / n;
        let mut gram = vec![0.0; width * width];
        gram.par_chunks_mut(width).enumerate().for_each(|(i, out)| {
            for row in features.chunks_exact(width) {
                let scale = row[i] / n as f64;
                out[..=i].iter_mut().zip(row).for_each(|(out, f)| *out += scale * f);
            }
            out[i] += penalty;
        });
        // `cholesky` reads only the lower triangle
        let root = cholesky(&gram, width).expect("a positive penalty makes the matrix positive definite");
        let mut weights = vec![0.0; columns * width];
        weights.par_chunks_mut(width).enumerate().for_each(|(column, out)| {
            for (row, labels) in features.chunks_exact(width).zip(labels.chunks_exact(columns)) {
                let scale = labels[column] / n as f64;
                out.iter_mut().zip(row).for_each(|(out, f)| *out += scale * f);
            }
            solve(&root, out);
        });
        Self { weights, width }
    }

    /// ΦW, one row for each of `features`.
    pub fn predict(&self, features: &[f64]) -> Vec<f64> {
        let columns = self.weights.len() / self.width;
        let mut out = vec![0.0; features.len() / self.width * columns];
        out.par_chunks_mut(columns).zip(features.par_chunks(self.width)).for_each(|(out, row)| {
            for (out, weights) in out.iter_mut().zip(self.weights.chunks_exact(self.width)) {
                *out = row.iter().zip(weights).map(|(f, w)| f * w).sum();
            }
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    #[test]
    fn the_gradient_at_the_minimum_is_zero_in_every_column() {
        let (n, width, columns, penalty) = (50, 3, 2, 0.05);
        let mut noise = Noise::seeded(97);
        let (features, labels) = (noise.normals_f64(n * width), noise.normals_f64(n * columns));
        let ridge = Ridge::fit(&features, width, &labels, penalty);
        let residuals: Vec<f64> =
            ridge.predict(&features).iter().zip(&labels).map(|(found, label)| found - label).collect();
        for column in 0..columns {
            for k in 0..width {
                let data: f64 =
                    (0..n).map(|i| residuals[i * columns + column] * features[i * width + k]).sum();
                let gradient = data / n as f64 + penalty * ridge.weights[column * width + k];
                assert!(gradient.abs() < 1e-12, "{column}, {k}: {gradient}");
            }
        }
    }
}
