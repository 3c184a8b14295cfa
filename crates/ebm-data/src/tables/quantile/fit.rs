//! The curve of a column through its quantiles.

use super::curve::Curve;
use super::normal::normal_quantile;
use crate::tables::standardize::{constant_scale, is_constant};

/// Most knots of a curve.
const MOST: usize = 40;

/// Bends of a tail that are tried, from a line to one that grows by e²⁰ from one score to the next.
const BENDS: usize = 30;

/// The curve of a column.
pub(super) fn curve(mut values: Vec<f64>) -> Curve {
    if is_constant(values.iter().copied()) {
        let (x, slope) = (values[0], 1.0 / constant_scale(values[0]));
        return Curve { x: vec![x], z: vec![0.0], slope: vec![slope], bend: [0.0; 2] };
    }
    values.sort_by(f64::total_cmp);
    let scored = scores(&values);
    let (x, z) = knots(&scored, values.len());
    let secants: Vec<f64> =
        x.windows(2).zip(z.windows(2)).map(|(x, z)| (z[1] - z[0]) / (x[1] - x[0])).collect();
    let mut slope = vec![secants[0]; x.len()];
    for k in 1..secants.len() {
        // The nearer secant counts for more; a geometric mean, as the slopes of heavy tails differ by factors.
        let (before, after) = (z[k] - z[k - 1], z[k + 1] - z[k]);
        let weight = after / (before + after);
        slope[k] = (weight * secants[k - 1].ln() + (1.0 - weight) * secants[k].ln()).exp();
    }
    let last = x.len() - 1;
    let below =
        scored.iter().filter(|(value, _)| *value < x[0]).map(|(value, score)| (x[0] - value, z[0] - score));
    let above = scored
        .iter()
        .rev()
        .filter(|(value, _)| x[last] < *value)
        .map(|(value, score)| (value - x[last], score - z[last]));
    let (first, lower) = tail(&below.collect::<Vec<_>>(), secants[0]);
    let (end, upper) = tail(&above.collect::<Vec<_>>(), secants[last - 1]);
    (slope[0], slope[last]) = (first, end);
    Curve { x, z, slope, bend: [lower, upper] }
}

/// The distinct values of a sorted column with their normal scores: equal values share the middle of their ranks.
fn scores(sorted: &[f64]) -> Vec<(f64, f64)> {
    let n = sorted.len() as f64;
    let (mut scored, mut below) = (Vec::new(), 0);
    // Values that differ by rounding are equal.
    let is_equal = |a: &f64, b: &f64| b - a <= 64.0 * f64::EPSILON * a.abs().max(b.abs());
    for equal in sorted.chunk_by(is_equal) {
        let rank = below as f64 + 0.5 * equal.len() as f64;
        scored.push((equal[0], normal_quantile(rank / n)));
        below += equal.len();
    }
    scored
}

/// The knots: few enough that they do not follow the sample where the law is smooth, evenly spaced in scores, and
/// within the last values at either end, which say how the tails go on.
fn knots(scored: &[(f64, f64)], n: usize) -> (Vec<f64>, Vec<f64>) {
    let most = ((1.2 * (n as f64).cbrt()).round() as usize).clamp(4, MOST);
    if scored.len() <= most {
        return scored.iter().copied().unzip();
    }
    let beyond = (0.5 * (n as f64).sqrt()).round().max(1.0);
    let end = -normal_quantile(beyond / n as f64);
    let wanted = (0..most).map(|k| end * (2.0 * k as f64 / (most - 1) as f64 - 1.0));
    let mut places: Vec<usize> = wanted
        .map(|z| {
            let after = scored.partition_point(|(_, score)| *score < z).clamp(1, scored.len() - 1);
            let is_nearer = z - scored[after - 1].1 < scored[after].1 - z;
            if is_nearer { after - 1 } else { after }
        })
        .collect();
    places.dedup();
    if places.len() < 2 {
        places = vec![0, scored.len() - 1];
    }
    places.into_iter().map(|place| scored[place]).unzip()
}

/// Bend `k` of those that are tried, with few digits.
fn bend(k: usize) -> f64 {
    let bend = 0.02 * 1000f64.powf(k as f64 / (BENDS - 1) as f64);
    (1e4 * bend).round() / 1e4
}

/// Slope and bend of the tail z = log(1 + c s u)/c that is nearest to points (u, z), the outermost first, in the sense
/// of least squares; a line along `secant` if there are too few.
fn tail(points: &[(f64, f64)], secant: f64) -> (f64, f64) {
    const FEWEST: usize = 3;
    const SLOPES: i32 = 24;
    if points.len() < FEWEST {
        return (secant, 0.0);
    }
    // The outermost value is the least certain: the variance of the i-th log survival is 1/i.
    let error = |s: f64, c: f64| -> f64 {
        let each = (1..).zip(points).map(|(i, &(u, z))| {
            let found = if c == 0.0 { s * u } else { (c * s * u).ln_1p() / c };
            f64::from(i) * (found - z).powi(2)
        });
        each.sum()
    };
    let bends = std::iter::once(0.0).chain((0..BENDS).map(bend));
    let mut best = (f64::INFINITY, secant, 0.0);
    for c in bends {
        let (mut center, mut step) = (secant, 1.3f64);
        // A grid of slopes around the last secant, then a finer one around the best of them.
        for _ in 0..2 {
            let tried = (-SLOPES / 2..=SLOPES / 2).map(|k| center * step.powi(k)).map(|s| (error(s, c), s));
            let found = tried.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, center));
            (center, step) = (found.1, step.powf(1.0 / 12.0));
            if found.0 < best.0 {
                best = (found.0, found.1, c);
            }
        }
    }
    (best.1, best.2)
}
