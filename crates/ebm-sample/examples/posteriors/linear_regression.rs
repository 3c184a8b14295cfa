//! Normal linear regression: its likelihood, and its posterior where nothing is known before.

use super::Posterior;

/// log p(y | X, β, σ) = −N log σ − ‖y − Xβ‖²/(2σ²), of which the data are known by X = QR, c = Qᵀy and the
/// square of what no β explains: ‖y − Xβ‖² = ‖c − Rβ‖² + ‖y − Qc‖².
///
/// So it costs as much as there are coefficients, not as there are data; Q is orthogonal, and no digits are lost
/// as they are with XᵀX.
pub struct LinearRegression {
    n: f64,
    /// R, upper triangular, `[columns][columns]`.
    triangle: Vec<Vec<f64>>,
    /// c, `[columns]`.
    projected: Vec<f64>,
    /// ‖y − Qc‖².
    unexplained: f64,
}

impl LinearRegression {
    /// Of `columns`, `[columns][N]`, and observations `[N]`, by modified Gram and Schmidt.
    ///
    /// # Reference
    /// Björck (1996), *Numerical methods for least squares problems*, §2.4.
    pub fn new(mut columns: Vec<Vec<f64>>, mut y: Vec<f64>) -> Self {
        let (n, k) = (y.len() as f64, columns.len());
        let mut triangle = vec![vec![0.0; k]; k];
        let mut projected = vec![0.0; k];
        for i in 0..k {
            let (done, later) = columns.split_at_mut(i + 1);
            let q = &mut done[i];
            triangle[i][i] = dot(q, q).sqrt();
            q.iter_mut().for_each(|q| *q /= triangle[i][i]);
            for (j, column) in (i + 1..).zip(later) {
                triangle[i][j] = remove(q, column);
            }
            projected[i] = remove(q, &mut y);
        }
        Self { n, triangle, projected, unexplained: dot(&y, &y) }
    }

    /// The log likelihood of β, `[columns]`, and u = log σ; adds its derivatives to `gradient`,
    /// `[columns + 1]`.
    pub fn add(&self, beta: &[f64], u: f64, gradient: &mut [f64]) -> f64 {
        let precision = (-2.0 * u).exp();
        let mut squares = self.unexplained;
        for (i, row) in self.triangle.iter().enumerate() {
            let residual = self.projected[i] - dot(&row[i..], &beta[i..]);
            squares += residual * residual;
            let pull = precision * residual;
            gradient[i..].iter_mut().zip(&row[i..]).for_each(|(g, r)| *g += pull * r);
        }
        let k = beta.len();
        gradient[k] += precision * squares - self.n;
        -self.n * u - 0.5 * precision * squares
    }
}

/// The posterior of a [`LinearRegression`] with β and σ flat; the coordinates are β and log σ.
pub struct Flat {
    /// As posteriordb has it.
    pub name: &'static str,
    pub regression: LinearRegression,
}

impl Posterior for Flat {
    fn name(&self) -> &'static str {
        self.name
    }

    fn dim(&self) -> usize {
        self.regression.projected.len() + 1
    }

    fn log_density(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let (u, beta) = x.split_last().expect("a scale");
        gradient.fill(0.0);
        gradient[beta.len()] = 1.0;
        u + self.regression.add(beta, *u, gradient)
    }

    fn parameters(&self, x: &[f64]) -> Vec<f64> {
        with_scale(x)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Takes the part along the unit vector `q` out of `v` and says how long it was.
fn remove(q: &[f64], v: &mut [f64]) -> f64 {
    let along = dot(q, v);
    v.iter_mut().zip(q).for_each(|(v, q)| *v -= along * q);
    along
}

/// The logarithm of the half-Cauchy density with this scale at σ = eᵘ, with the Jacobian of u, and its
/// derivative in u.
pub fn half_cauchy(u: f64, scale: f64) -> (f64, f64) {
    let ratio = (u.exp() / scale).powi(2);
    (u - ratio.ln_1p(), 1.0 - 2.0 * ratio / (1.0 + ratio))
}

/// The logarithm of the normal density at x, and its derivative.
pub fn normal(x: f64, mean: f64, sd: f64) -> (f64, f64) {
    let z = (x - mean) / sd;
    (-0.5 * z * z, -z / sd)
}

/// β and σ from β and log σ.
pub fn with_scale(x: &[f64]) -> Vec<f64> {
    let (u, beta) = x.split_last().expect("a scale");
    beta.iter().copied().chain([u.exp()]).collect()
}
