//! A smooth increasing curve from values to scores.

use ebm_ops::OutOfRange;
use serde::{Deserialize, Serialize};

use crate::tables::exact;

/// A strictly increasing curve through knots (x, z): rational quadratics between them, with the same slope on both
/// sides of a knot, and a line or a logarithm beyond the outermost.
///
/// A curve of one knot is of a constant.
///
/// # Reference
/// Gregory and Delbourgo (1982), *Piecewise rational quadratic interpolation to monotonic data*.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Curve {
    /// Values, increasing.
    #[serde(with = "exact")]
    pub(super) x: Vec<f64>,
    /// Their scores, increasing.
    #[serde(with = "exact")]
    pub(super) z: Vec<f64>,
    /// dz/dx at each knot, positive.
    #[serde(with = "exact")]
    pub(super) slope: Vec<f64>,
    /// c of the tails z = z₀ ± log(1 + c s u)/c at a distance u from the lowest and from the highest knot, where the
    /// slope is s; a line if c = 0.
    pub(super) bend: [f64; 2],
}

/// Where a value or a score lies.
enum Part {
    Below,
    Between(usize),
    Above,
}

impl Curve {
    /// # Errors
    /// Unless it is strictly increasing, with finite numbers.
    pub(super) fn check(&self) -> Result<(), OutOfRange> {
        let Self { x, z, slope, bend } = self;
        let n = x.len();
        let increases = |values: &[f64]| {
            values.iter().all(|value| value.is_finite()) && values.windows(2).all(|pair| pair[0] < pair[1])
        };
        if n == 0 || z.len() != n || slope.len() != n || !increases(x) || !increases(z) {
            return Err(OutOfRange::new(
                "knots of a curve",
                n,
                "increasing numbers, equally many values, scores and slopes",
            ));
        }
        for &slope in slope {
            OutOfRange::positive("slope of a curve", slope)?;
        }
        match bend.iter().find(|bend| !(bend.is_finite() && 0.0 <= **bend)) {
            Some(bend) => Err(OutOfRange::new("bend of a curve", bend, "a finite number, not negative")),
            None => Ok(()),
        }
    }

    fn part(knots: &[f64], value: f64) -> Part {
        match knots.partition_point(|knot| *knot <= value) {
            0 => Part::Below,
            after if after == knots.len() => Part::Above,
            after => Part::Between(after - 1),
        }
    }

    fn last(&self) -> usize {
        self.x.len() - 1
    }

    /// The score of a value.
    pub(super) fn score(&self, x: f64) -> f64 {
        let Self { x: knots, z, slope, bend } = self;
        let tail = |u: f64, s: f64, c: f64| if c == 0.0 { s * u } else { (c * s * u).ln_1p() / c };
        match Self::part(knots, x) {
            Part::Below => z[0] - tail(knots[0] - x, slope[0], bend[0]),
            Part::Above => z[self.last()] + tail(x - knots[self.last()], slope[self.last()], bend[1]),
            Part::Between(k) => {
                let ([width, height, s], [low, high]) = self.piece(k);
                let t = (x - knots[k]) / width;
                let mixed = t * (1.0 - t);
                z[k] + height * (s * t * t + low * mixed) / (s + (high + low - 2.0 * s) * mixed)
            }
        }
    }

    /// The value of a score.
    pub(super) fn value(&self, z: f64) -> f64 {
        /// What keeps the exponential of an absurd score finite.
        const LARGEST: f64 = 300.0;
        let Self { x, z: knots, slope, bend } = self;
        if self.last() == 0 {
            return x[0];
        }
        let tail =
            |u: f64, s: f64, c: f64| if c == 0.0 { u / s } else { (c * u).min(LARGEST).exp_m1() / (c * s) };
        match Self::part(knots, z) {
            Part::Below => x[0] - tail(knots[0] - z, slope[0], bend[0]),
            Part::Above => x[self.last()] + tail(z - knots[self.last()], slope[self.last()], bend[1]),
            Part::Between(k) => {
                let ([width, height, s], [low, high]) = self.piece(k);
                let (y, curvature) = (z - knots[k], high + low - 2.0 * s);
                let a = height * (s - low) + y * curvature;
                let b = height * low - y * curvature;
                let c = -s * y;
                let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
                x[k] + (width * 2.0 * c / (-b - root)).clamp(0.0, width)
            }
        }
    }

    /// log dz/dx at a value; 0 for a constant, which has no density.
    pub(super) fn log_slope(&self, x: f64) -> f64 {
        let Self { x: knots, slope, bend, .. } = self;
        if self.last() == 0 {
            return 0.0;
        }
        let tail = |u: f64, s: f64, c: f64| s.ln() - (c * s * u).ln_1p();
        match Self::part(knots, x) {
            Part::Below => tail(knots[0] - x, slope[0], bend[0]),
            Part::Above => tail(x - knots[self.last()], slope[self.last()], bend[1]),
            Part::Between(k) => {
                let ([width, _, s], [low, high]) = self.piece(k);
                let t = (x - knots[k]) / width;
                let mixed = t * (1.0 - t);
                let above = high * t * t + 2.0 * s * mixed + low * (1.0 - t) * (1.0 - t);
                2.0 * s.ln() + above.ln() - 2.0 * (s + (high + low - 2.0 * s) * mixed).ln()
            }
        }
    }

    /// Width, height and secant of the piece after knot `k`, and its slopes at both ends.
    fn piece(&self, k: usize) -> ([f64; 3], [f64; 2]) {
        let (width, height) = (self.x[k + 1] - self.x[k], self.z[k + 1] - self.z[k]);
        ([width, height, height / width], [self.slope[k], self.slope[k + 1]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_and_the_slope_are_those_of_the_curve() {
        let curve = Curve {
            x: vec![-1.0, 0.5, 40.0, 1e5],
            z: vec![-2.0, -0.5, 0.7, 2.5],
            slope: vec![2.0, 0.1, 1e-3, 1e-6],
            bend: [0.0, 1.5],
        };
        curve.check().unwrap();
        for i in -300..300 {
            let z = f64::from(i) / 60.0 + 1e-3;
            let x = curve.value(z);
            assert!((curve.score(x) - z).abs() < 1e-12, "{z}: {}", curve.score(x));
            let h = 1e-5 * x.abs().max(1e-3);
            let slope = (curve.score(x + h) - curve.score(x - h)) / (2.0 * h);
            let found = curve.log_slope(x).exp();
            assert!((slope / found - 1.0).abs() < 1e-4, "{z}: {slope} against {found}");
        }
    }
}
