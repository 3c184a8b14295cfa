//! German credit: who pays back.

use super::reference::{Expected, numbers};
use super::two_normals::{sigmoid, softplus};
use super::{Posterior, Reference};

/// Logistic regression of bad credit on 24 standardised columns and a constant, the last, with w ~ N(0, I); the
/// coordinates are w, `[25]`.
pub struct Credit {
    /// Rows with the constant, `[N][25]`.
    rows: Vec<[f64; 25]>,
    /// Σ over the bad of their rows.
    of_bad: [f64; 25],
}

impl Credit {
    /// With its data.
    pub fn read(reference: &Reference) -> Self {
        let text = reference.text("extra/german_credit_numeric.csv");
        // a few cells of this copy are only parted by a space
        let cells = |line: &str| {
            line.split([',', ' ']).map(|cell| cell.parse().expect("a number")).collect::<Vec<f64>>()
        };
        let table: Vec<Vec<f64>> = text.lines().skip(1).filter(|line| !line.is_empty()).map(cells).collect();
        let (mut rows, n) = (vec![[1.0; 25]; table.len()], table.len() as f64);
        for i in 0..24 {
            let mean = table.iter().map(|row| row[i]).sum::<f64>() / n;
            let variance = table.iter().map(|row| (row[i] - mean).powi(2)).sum::<f64>() / n;
            rows.iter_mut().zip(&table).for_each(|(to, row)| to[i] = (row[i] - mean) / variance.sqrt());
        }
        let mut of_bad = [0.0; 25];
        for (row, _) in rows.iter().zip(&table).filter(|(_, line)| line[24] == 2.0) {
            of_bad.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        Self { rows, of_bad }
    }
}

impl Posterior for Credit {
    fn name(&self) -> &'static str {
        "german_credit"
    }

    fn dim(&self) -> usize {
        25
    }

    fn log_density(&self, w: &[f64], gradient: &mut [f64]) -> f64 {
        let mut value = 0.0;
        for ((g, w), bad) in gradient.iter_mut().zip(w).zip(&self.of_bad) {
            *g = bad - w;
            value += (bad - 0.5 * w) * w;
        }
        for row in &self.rows {
            let logit: f64 = row.iter().zip(w).map(|(x, w)| x * w).sum();
            value -= softplus(logit);
            let p = sigmoid(logit);
            gradient.iter_mut().zip(row).for_each(|(g, x)| *g -= p * x);
        }
        value
    }

    fn parameters(&self, w: &[f64]) -> Vec<f64> {
        w.to_vec()
    }

    fn expected(&self, reference: &Reference) -> Expected {
        let known = reference.json("extra/german_credit_ground_truth.json");
        let [means, errors, deviations] = ["is_mean", "is_se", "is_sd"].map(|name| numbers(&known[name]));
        Expected::estimated(means, errors, &deviations)
    }
}
