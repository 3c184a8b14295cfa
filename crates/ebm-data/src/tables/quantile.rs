//! Columns mapped to normal scores by their quantiles.

mod curve;
mod fit;
mod normal;

use serde::{Deserialize, Serialize};

use self::curve::Curve;
use crate::DataError;

/// A strictly increasing smooth map of each column to normal scores, and its inverse.
///
/// Each column has a curve through a few of its quantiles, so that its values are about N(0, 1); the curve and its
/// slope are continuous, and the log density in the table's units follows from that in the units of training. Beyond
/// the outermost quantiles a curve is a line or a logarithm, whichever fits the values there.
///
/// A column that is constant comes back exactly, whatever is mapped back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Curves", into = "Curves")]
pub struct Quantile {
    curves: Vec<Curve>,
}

/// [`Quantile`] as it is stored, not yet checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Curves {
    curves: Vec<Curve>,
}

impl Quantile {
    /// The map for `values`, which holds rows of `dim` columns one after the other. Values must be finite.
    ///
    /// # Panics
    /// Unless there is at least one row and every row is complete.
    pub fn fit(values: &[f64], dim: usize) -> Self {
        assert!(
            0 < dim && !values.is_empty() && values.len().is_multiple_of(dim),
            "{} values in {dim} columns",
            values.len()
        );
        let column = |column: usize| values[column..].iter().step_by(dim).copied().collect();
        Self { curves: (0..dim).map(|i| fit::curve(column(i))).collect() }
    }

    /// Number of columns.
    pub fn dim(&self) -> usize {
        self.curves.len()
    }

    /// The middle and the width of each column's values.
    pub(crate) fn places(&self) -> impl Iterator<Item = (f64, f64)> {
        self.curves.iter().map(|curve| {
            let (first, last) = (curve.x[0], curve.x[curve.x.len() - 1]);
            (curve.x[curve.x.len() / 2], if first < last { last - first } else { 1.0 })
        })
    }

    /// From the table's units to normal scores; `values` holds rows one after the other.
    ///
    /// # Panics
    /// Unless every row is complete.
    pub fn forward(&self, values: &[f64]) -> Vec<f32> {
        self.check(values.len());
        values.iter().zip(self.curves.iter().cycle()).map(|(&x, curve)| curve.score(x) as f32).collect()
    }

    /// From normal scores to the table's units; `values` holds rows one after the other.
    ///
    /// # Panics
    /// Unless every row is complete.
    pub fn inverse(&self, values: &[f32]) -> Vec<f64> {
        self.check(values.len());
        values.iter().zip(self.curves.iter().cycle()).map(|(&z, curve)| curve.value(z.into())).collect()
    }

    /// log |∂forward/∂x| at a row in the table's units.
    ///
    /// # Panics
    /// Unless the row is complete.
    pub fn log_jacobian(&self, row: &[f64]) -> f64 {
        assert_eq!(row.len(), self.dim(), "values in a row");
        row.iter().zip(&self.curves).map(|(&x, curve)| curve.log_slope(x)).sum()
    }

    fn check(&self, n: usize) {
        assert!(n.is_multiple_of(self.dim()), "{n} values in {} columns", self.dim());
    }
}

impl TryFrom<Curves> for Quantile {
    type Error = DataError;

    fn try_from(Curves { curves }: Curves) -> Result<Self, DataError> {
        if curves.is_empty() {
            return Err(ebm_ops::OutOfRange::new("number of curves", 0, "at least 1").into());
        }
        curves.iter().try_for_each(Curve::check)?;
        Ok(Self { curves })
    }
}

impl From<Quantile> for Curves {
    fn from(Quantile { curves }: Quantile) -> Self {
        Self { curves }
    }
}

#[cfg(test)]
mod tests {
    use ebm_ops::Noise;

    use super::*;

    type LogDensity = fn(f64) -> f64;

    /// Columns of `n` values of known laws, and the log density of each: log-normal, normal, uniform on (0, 1), two
    /// normals, Cauchy.
    fn laws(n: usize, seed: u64) -> Vec<(Vec<f64>, LogDensity)> {
        const ROOT: f64 = 2.506_628_274_631_000_7;
        fn normal(x: f64) -> f64 {
            -0.5 * x * x - ROOT.ln()
        }
        let mut noise = Noise::seeded(seed);
        let z = noise.normals_f64(2 * n);
        let u: Vec<f64> = noise.uniforms(n).iter().map(|&u| (f64::from(u) + 1e-8).min(1.0)).collect();
        let pairs = || z.chunks_exact(2);
        vec![
            (z[..n].iter().map(|z| (10.0 + 2.5 * z).exp()).collect(), |x| {
                normal((x.ln() - 10.0) / 2.5) - 2.5f64.ln() - x.ln()
            }),
            (z[..n].iter().map(|z| 5e6 + 1e-2 * z).collect(), |x| normal((x - 5e6) / 1e-2) - 1e-2f64.ln()),
            (u, |_| 0.0),
            (pairs().map(|z| z[0] + 4.0 * z[1].signum()).collect(), |x| {
                (0.5 * normal(x - 4.0).exp() + 0.5 * normal(x + 4.0).exp()).ln()
            }),
            (pairs().map(|z| z[0] / z[1]).collect(), |x| -(std::f64::consts::PI * (1.0 + x * x)).ln()),
        ]
    }

    #[test]
    fn the_log_density_of_new_values_is_that_of_their_law() {
        for (law, (training, _)) in laws(3000, 1).into_iter().enumerate() {
            let quantile = Quantile::fit(&training, 1);
            let (fresh, density) = laws(20_000, 2).swap_remove(law);
            let mut error = 0.0;
            for &x in &fresh {
                let z = f64::from(quantile.forward(&[x])[0]);
                let found = -0.5 * z * z - 0.5 * std::f64::consts::TAU.ln() + quantile.log_jacobian(&[x]);
                error += (density(x) - found) / fresh.len() as f64;
            }
            // The divergence of the law from the one that the curve makes of N(0, 1), never below 0; the gap between
            // two modes is narrower than a few knots can show, and is left to the model.
            let most = if law == 3 { 0.1 } else { 0.03 };
            assert!(-0.02 < error && error < most, "law {law}: {error}");
        }
    }

    #[test]
    fn normal_scores_are_normal_and_come_back() {
        for (law, (values, _)) in laws(1000, 3).into_iter().enumerate() {
            let quantile = Quantile::fit(&values, 1);
            let scores = quantile.forward(&values);
            let n = scores.len() as f64;
            let mean = scores.iter().map(|&z| f64::from(z)).sum::<f64>() / n;
            let variance = scores.iter().map(|&z| f64::from(z).powi(2)).sum::<f64>() / n - mean * mean;
            assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.05, "law {law}: {mean}, {variance}");
            let mut sorted: Vec<(f64, f32)> = values.iter().copied().zip(scores.iter().copied()).collect();
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(sorted.windows(2).all(|pair| pair[0].1 <= pair[1].1), "law {law} is not monotone");
            for ((back, &x), &z) in quantile.inverse(&scores).iter().zip(&values).zip(&scores) {
                // The score is rounded to single precision.
                let slope = quantile.log_jacobian(&[x]).exp();
                let tolerance = 2f64.powi(-23) * f64::from(z.abs()).max(1e-2) / slope + 1e-13 * x.abs();
                assert!((back - x).abs() <= 2.0 * tolerance, "law {law}: {back} against {x}");
            }
        }
    }

    #[test]
    fn ties_whole_numbers_and_constants_are_mapped() {
        let mut noise = Noise::seeded(5);
        let z = noise.normals_f64(3000);
        let rows = |i: usize| {
            let zero_or_more = z[i].max(0.0) * 100.0;
            [zero_or_more, (3.0 * z[i]).round(), f64::from(u8::from(0.5 < z[i])), 3e-7]
        };
        let table: Vec<f64> = (0..3000).flat_map(rows).collect();
        let quantile = Quantile::fit(&table, 4);
        let scores = quantile.forward(&table);
        assert!(scores.iter().all(|z| z.is_finite() && z.abs() < 6.0));
        assert!(scores.iter().skip(3).step_by(4).all(|&z| z == 0.0));
        let back = quantile.inverse(&scores);
        for (i, (back, x)) in back.iter().zip(&table).enumerate() {
            assert!((back - x).abs() < 1e-4 * (1.0 + x.abs()), "{i}: {back} against {x}");
        }
        assert_eq!(quantile.inverse(&[0.1, 0.2, 0.3, 0.4])[3], 3e-7);
        assert!(quantile.inverse(&[9.0, -9.0, 30.0, -30.0]).iter().all(|x| x.is_finite()));
        for few in [&[1.0, 2.0][..], &[1.0, 2.0, 9.0], &[5.0]] {
            let quantile = Quantile::fit(few, 1);
            let back = quantile.inverse(&quantile.forward(few));
            assert!(back.iter().zip(few).all(|(back, x)| (back - x).abs() < 1e-5), "{few:?}: {back:?}");
        }
    }

    #[test]
    fn what_is_stored_comes_back_bit_for_bit_and_is_checked() {
        let quantile = Quantile::fit(&Noise::seeded(6).normals_f64(500), 1);
        let stored = serde_json::to_string(&quantile).unwrap();
        assert_eq!(serde_json::from_str::<Quantile>(&stored).unwrap(), quantile);
        let curve = r#"{"x":[0.0,1.0],"z":[0.0,1.0],"slope":[1.0,1.0],"bend":[0.0,0.0]}"#;
        let read = |curve: &str| serde_json::from_str::<Quantile>(&format!(r#"{{"curves":[{curve}]}}"#));
        assert!(read(curve).is_ok());
        for (good, bad) in [
            ("[0.0,1.0],\"z", "[0.0,0.0],\"z"),
            ("\"slope\":[1.0,1.0]", "\"slope\":[1.0,0.0]"),
            ("\"slope\":[1.0,1.0]", "\"slope\":[1.0]"),
            ("\"bend\":[0.0", "\"bend\":[-1.0"),
        ] {
            assert!(curve.contains(good) && read(&curve.replace(good, bad)).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Quantile>(r#"{"curves":[]}"#).is_err());
    }
}
