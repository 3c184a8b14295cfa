//! Eigenvalues of small symmetric matrices.

use ebm_ops::OutOfRange;

/// The most sweeps; six are usual.
const SWEEPS: usize = 64;

/// Orthonormal eigenvectors and eigenvalues of a symmetric matrix: A = Q diag(λ) Qᵀ.
#[derive(Clone, Debug)]
pub(crate) struct Eigen {
    /// λ, unordered.
    pub values: Vec<f64>,
    /// Q by rows; column `k` belongs to `values[k]`.
    pub vectors: Vec<f64>,
}

/// Jacobi's method: rotate the largest off-diagonal entries away, pair by pair.
///
/// # Errors
/// If `a` is not square, not symmetric to 1e-9 of its largest entry, or not finite.
///
/// # Reference
/// Golub and Van Loan (2013), *Matrix computations*, §8.5.
pub(crate) fn eigen(rows: &[Vec<f64>]) -> Result<Eigen, OutOfRange> {
    let n = rows.len();
    check(rows)?;
    let mut a: Vec<f64> = rows.concat();
    let mut q: Vec<f64> = (0..n * n).map(|i| if i % (n + 1) == 0 { 1.0 } else { 0.0 }).collect();
    for _ in 0..SWEEPS {
        let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        let rest: f64 = pairs.clone().map(|(i, j)| a[i * n + j].powi(2)).sum();
        if rest == 0.0 {
            break;
        }
        for (i, j) in pairs {
            rotate(&mut a, &mut q, n, i, j);
        }
    }
    Ok(Eigen { values: (0..n).map(|i| a[i * n + i]).collect(), vectors: q })
}

/// Makes entry (i, j) zero by a rotation of columns and rows i and j, which is also applied to `q`.
fn rotate(a: &mut [f64], q: &mut [f64], n: usize, i: usize, j: usize) {
    let off = a[i * n + j];
    if off.abs() <= f64::EPSILON * 1e-3 * (a[i * n + i] * a[j * n + j]).abs().sqrt() {
        (a[i * n + j], a[j * n + i]) = (0.0, 0.0);
        return;
    }
    let theta = (a[j * n + j] - a[i * n + i]) / (2.0 * off);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turn = |x: f64, y: f64| (cosine * x - sine * y, sine * x + cosine * y);
    for k in 0..n {
        (a[k * n + i], a[k * n + j]) = turn(a[k * n + i], a[k * n + j]);
        (q[k * n + i], q[k * n + j]) = turn(q[k * n + i], q[k * n + j]);
    }
    for k in 0..n {
        (a[i * n + k], a[j * n + k]) = turn(a[i * n + k], a[j * n + k]);
    }
}

fn check(rows: &[Vec<f64>]) -> Result<(), OutOfRange> {
    let n = rows.len();
    let refuse = |expected: &str, found: String| Err(OutOfRange::new("covariance matrix", found, expected));
    if let Some(row) = rows.iter().find(|row| row.len() != n) {
        return refuse(&format!("{n} rows of {n}"), format!("a row of {}", row.len()));
    }
    let scale = rows.iter().flatten().fold(0.0, |largest: f64, entry| largest.max(entry.abs()));
    for (i, row) in rows.iter().enumerate() {
        for (j, entry) in row.iter().enumerate() {
            if !entry.is_finite() || 1e-9 * scale < (entry - rows[j][i]).abs() {
                return refuse(
                    "finite, symmetric entries",
                    format!("{entry} at ({i}, {j}), {} mirrored", rows[j][i]),
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_and_values_rebuild_the_matrix() {
        let a = vec![vec![4.0, 1.0, -2.0], vec![1.0, 3.0, 0.5], vec![-2.0, 0.5, 9.0]];
        let Eigen { values, vectors } = eigen(&a).unwrap();
        for i in 0..3 {
            for j in 0..3 {
                let entry: f64 = (0..3).map(|k| vectors[i * 3 + k] * values[k] * vectors[j * 3 + k]).sum();
                let product: f64 = (0..3).map(|k| vectors[k * 3 + i] * vectors[k * 3 + j]).sum();
                assert!((entry - a[i][j]).abs() < 1e-13, "({i}, {j}): {entry}");
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn what_is_not_symmetric_is_refused() {
        let error = eigen(&[vec![1.0, 0.5], vec![0.4, 1.0]]).unwrap_err().to_string();
        assert!(error.contains("0.5 at (0, 1), 0.4 mirrored"), "{error}");
        assert!(eigen(&[vec![1.0], vec![0.0]]).is_err());
        assert!(eigen(&[vec![f64::NAN]]).is_err());
    }
}
