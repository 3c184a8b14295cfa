//! Symmetric matrices in double precision, in row-major order.

use rayon::prelude::*;

/// How far rounding may take a pivot from zero, relative to the size times the largest diagonal entry.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// The lower triangular L with L Lᵀ = A for a positive semidefinite A, `[n, n]`.
///
/// A pivot that is zero up to rounding leaves a column of zeros.
///
/// # Errors
/// Returns the first pivot that is negative beyond rounding.
pub(crate) fn cholesky(a: &[f64], n: usize) -> Result<Vec<f64>, f64> {
    let largest = (0..n).fold(0.0, |largest: f64, i| largest.max(a[i * n + i].abs()));
    let rounding = ROUNDING * n as f64 * largest;
    let mut l = vec![0.0; n * n];
    for j in 0..n {
        let (above, below) = l.split_at_mut((j + 1) * n);
        let row = &mut above[j * n..];
        let pivot = a[j * n + j] - row[..j].iter().map(|l| l * l).sum::<f64>();
        if pivot < -rounding {
            return Err(pivot);
        }
        if pivot <= rounding {
            continue;
        }
        row[j] = pivot.sqrt();
        let row = &row[..=j];
        below.par_chunks_mut(n).enumerate().with_min_len(64).for_each(|(i, other)| {
            let rest = a[(j + 1 + i) * n + j] - dot(&other[..j], &row[..j]);
            other[j] = rest / row[j];
        });
    }
    Ok(l)
}

/// Solves L Lᵀ x = b in place; L must have a positive diagonal.
pub(crate) fn solve(l: &[f64], b: &mut [f64]) {
    let n = b.len();
    for i in 0..n {
        b[i] = (b[i] - dot(&l[i * n..][..i], &b[..i])) / l[i * n + i];
    }
    for i in (0..n).rev() {
        b[i] /= l[i * n + i];
        let (before, x) = b.split_at_mut(i);
        before.iter_mut().zip(&l[i * n..][..i]).for_each(|(b, l)| *b -= l * x[0]);
    }
}

/// The congruence Lᵀ A L, `[n, n]`.
pub(crate) fn congruence(l: &[f64], a: &[f64], n: usize) -> Vec<f64> {
    product(&transpose(l, n), &product(a, l, n), n)
}

/// The product A B, `[n, n]`.
fn product(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![0.0; n * n];
    out.par_chunks_mut(n).zip(a.par_chunks(n)).for_each(|(out, row)| {
        for (a, b) in row.iter().zip(b.chunks_exact(n)) {
            out.iter_mut().zip(b).for_each(|(out, b)| *out += a * b);
        }
    });
    out
}

fn transpose(a: &[f64], n: usize) -> Vec<f64> {
    (0..n * n).map(|at| a[(at % n) * n + at / n]).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The eigenvalues of a symmetric matrix, `[n, n]`, in no order; accurate to rounding of the largest.
///
/// Householder reflections reduce the matrix to tridiagonal form, QR steps with Wilkinson's shift to diagonal
/// form.
/// Cost: (4/3) n³ multiplications.
///
/// # Reference
/// Golub and Van Loan (2013), *Matrix computations*, algorithms 8.3.1 to 8.3.3.
pub(crate) fn eigenvalues(mut a: Vec<f64>, n: usize) -> Vec<f64> {
    let off_diagonal = (0..n.saturating_sub(1)).map(|k| reflect(&mut a, n, k)).collect();
    let diagonal = (0..n).map(|i| a[i * n + i]).collect();
    tridiagonal(diagonal, off_diagonal)
}

/// Makes column `k` zero below its subdiagonal entry, which is returned.
fn reflect(a: &mut [f64], n: usize, k: usize) -> f64 {
    let first = k + 1;
    let mut v: Vec<f64> = (first..n).map(|i| a[i * n + k]).collect();
    let length = dot(&v, &v).sqrt();
    if length == 0.0 {
        return 0.0;
    }
    let entry = if 0.0 < v[0] { -length } else { length };
    v[0] -= entry;
    let beta = 2.0 / dot(&v, &v);
    let rest = &mut a[first * n..];
    // A ← A − v wᵀ − w vᵀ with p = β A v and w = p − (β/2)(pᵀv) v
    let mut w: Vec<f64> =
        rest.par_chunks(n).with_min_len(32).map(|row| beta * dot(&row[first..], &v)).collect();
    let half = 0.5 * beta * dot(&w, &v);
    w.iter_mut().zip(&v).for_each(|(w, v)| *w -= half * v);
    rest.par_chunks_mut(n).enumerate().with_min_len(32).for_each(|(i, row)| {
        let (vi, wi) = (v[i], w[i]);
        for ((entry, v), w) in row[first..].iter_mut().zip(&v).zip(&w) {
            *entry -= vi * w + wi * v;
        }
    });
    entry
}

/// The eigenvalues of a symmetric tridiagonal matrix with diagonal `d` and subdiagonal `e`.
fn tridiagonal(mut d: Vec<f64>, mut e: Vec<f64>) -> Vec<f64> {
    let negligible = |d: &[f64], e: &[f64], k: usize| {
        e[k].abs() <= f64::EPSILON * (d[k].abs() + d[k + 1].abs()) + f64::MIN_POSITIVE
    };
    let mut end = d.len().saturating_sub(1);
    while 0 < end {
        if negligible(&d, &e, end - 1) {
            end -= 1;
            continue;
        }
        let start = (0..end - 1).rev().find(|&k| negligible(&d, &e, k)).map_or(0, |k| k + 1);
        step(&mut d, &mut e, start, end);
    }
    d
}

/// One implicit QR step on the unreduced block of rows `start..=end`.
fn step(d: &mut [f64], e: &mut [f64], start: usize, end: usize) {
    let delta = (d[end - 1] - d[end]) / 2.0;
    let corner = e[end - 1];
    let shift = d[end] - corner * (corner / (delta + delta.hypot(corner).copysign(delta)));
    let (mut x, mut z) = (d[start] - shift, e[start]);
    for k in start..end {
        let length = x.hypot(z);
        let (c, s) = if length == 0.0 { (1.0, 0.0) } else { (x / length, z / length) };
        if start < k {
            e[k - 1] = length;
        }
        let (a, b, g) = (d[k], e[k], d[k + 1]);
        d[k] = c * c * a + 2.0 * c * s * b + s * s * g;
        d[k + 1] = s * s * a - 2.0 * c * s * b + c * c * g;
        e[k] = c * s * (g - a) + (c * c - s * s) * b;
        if k + 1 < end {
            (x, z) = (e[k], s * e[k + 1]);
            e[k + 1] *= c;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    fn random(n: usize, seed: u64) -> Vec<f64> {
        Noise::seeded(seed).normals_f64(n * n)
    }

    #[test]
    fn eigenvalues_of_a_path_graph_are_the_known_cosines() {
        // 2 on the diagonal, −1 next to it: 2 − 2 cos(kπ/(n + 1)); a reflection makes it a full matrix
        for n in [1, 2, 3, 10, 90] {
            let z = Noise::seeded(3).normals_f64(n);
            let square = dot(&z, &z);
            let reflection: Vec<f64> = (0..n * n)
                .map(|at| f64::from(u8::from(at / n == at % n)) - 2.0 * z[at / n] * z[at % n] / square)
                .collect();
            let path: Vec<f64> = (0..n * n)
                .map(|at| match (at / n).abs_diff(at % n) {
                    0 => 2.0,
                    1 => -1.0,
                    _ => 0.0,
                })
                .collect();
            for a in [path.clone(), congruence(&reflection, &path, n)] {
                let mut found = eigenvalues(a, n);
                found.sort_unstable_by(f64::total_cmp);
                for (k, value) in (1..).zip(found) {
                    let exact = 2.0 - 2.0 * (f64::from(k) * std::f64::consts::PI / (n as f64 + 1.0)).cos();
                    assert!((value - exact).abs() < 1e-13, "{k} of {n}: {value} against {exact}");
                }
            }
        }
    }

    #[test]
    fn eigenvalues_of_singular_matrices_with_repetitions() {
        assert_eq!(eigenvalues(vec![0.0; 16], 4), [0.0; 4]);
        let mut found = eigenvalues(vec![1.0; 25], 5);
        found.sort_unstable_by(f64::total_cmp);
        assert!((found[4] - 5.0).abs() < 1e-14 && found[..4].iter().all(|v| v.abs() < 1e-14), "{found:?}");
    }

    #[test]
    fn cholesky_factors_reproduce_the_matrix_and_solve() {
        let n = 70;
        let b = random(n, 5);
        let a = product(&b, &transpose(&b, n), n);
        let l = cholesky(&a, n).unwrap();
        let rebuilt = product(&l, &transpose(&l, n), n);
        // entries are sums of 70 squares of about one
        assert!(a.iter().zip(&rebuilt).all(|(a, r)| (a - r).abs() < 1e-12 * n as f64));
        let diagonal: Vec<f64> =
            a.iter().enumerate().map(|(at, a)| a + f64::from(u8::from(at % (n + 1) == 0))).collect();
        let x = Noise::seeded(6).normals_f64(n);
        let mut found: Vec<f64> = diagonal.chunks_exact(n).map(|row| dot(row, &x)).collect();
        solve(&cholesky(&diagonal, n).unwrap(), &mut found);
        assert!(found.iter().zip(&x).all(|(f, x)| (f - x).abs() < 1e-10), "{found:?}");
    }

    #[test]
    fn a_singular_matrix_has_a_factor_and_an_indefinite_one_is_refused() {
        let l = cholesky(&[4.0, 2.0, 2.0, 1.0], 2).unwrap();
        assert_eq!(l, [2.0, 0.0, 1.0, 0.0]);
        assert_eq!(cholesky(&[1.0, 2.0, 2.0, 1.0], 2), Err(-3.0));
    }
}
