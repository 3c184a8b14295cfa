//! Where a figure is, compared with that of a perfect sampler.

use serde::{Deserialize, Serialize};

/// Standard deviations of the floor up to which a figure is at its floor.
const AT_FLOOR: f64 = 2.5;

/// Standard deviations of the floor from which a figure is above it.
const ABOVE: f64 = 4.0;

/// p-values above this one are no evidence of a difference.
const NO_EVIDENCE: f64 = 0.05;

/// p-values up to this one are evidence of a difference.
const EVIDENCE: f64 = 0.01;

/// Where a figure is, compared with that of a perfect sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// A perfect sampler would give such a figure.
    AtFloor,
    /// A perfect sampler would seldom give such a figure; more samples decide.
    Unclear,
    /// A perfect sampler would not give such a figure.
    AboveFloor,
}

impl Standing {
    /// The standing of a distance, whose floor is `expected` with standard deviation `spread`, and its sentence.
    pub(crate) fn of_value(value: f64, expected: f64, spread: f64) -> (Self, String) {
        let errors = (value - expected) / spread;
        // Without a spread, as with constant data, only equality is at the floor.
        if value <= expected || errors <= AT_FLOOR {
            return (Self::AtFloor, INDISTINGUISHABLE.into());
        }
        // A ratio says nothing where the floor is zero up to its error.
        let ratio = if 3.0 * spread < expected { value / expected } else { f64::INFINITY };
        let size = match ratio.is_finite() {
            true => format!("{} × the floor", short(ratio, 1)),
            false if errors.is_finite() => format!("{} errors above the floor", short(errors, 0)),
            false => "above the floor".into(),
        };
        match () {
            () if errors < ABOVE => {
                (Self::Unclear, format!("{size}: perhaps different, more data would decide"))
            }
            () if ratio < 1.5 => (Self::AboveFloor, format!("{size}: different, by little")),
            () => (Self::AboveFloor, format!("{size}: visibly different")),
        }
    }

    /// The standing of a test with this p-value, and its sentence.
    pub(crate) fn of_p_value(p: f64) -> (Self, String) {
        match p {
            _ if NO_EVIDENCE < p => (Self::AtFloor, format!("p = {p:.3}: {INDISTINGUISHABLE}")),
            _ if EVIDENCE < p => {
                (Self::Unclear, format!("p = {p:.3}: perhaps different, more data would decide"))
            }
            _ => (Self::AboveFloor, format!("p = {p:.3}: different from the data")),
        }
    }
}

/// A positive number in a sentence: with so many decimals, or in scientific form from a million on.
fn short(number: f64, decimals: usize) -> String {
    if number < 1e6 { format!("{number:.decimals$}") } else { format!("{number:.1e}") }
}

const INDISTINGUISHABLE: &str = "indistinguishable from data at this sample size";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_says_how_far_above_the_floor_a_figure_is() {
        let of = |value, expected, spread| Standing::of_value(value, expected, spread);
        assert_eq!(of(0.10, 0.09, 0.01), (Standing::AtFloor, INDISTINGUISHABLE.into()));
        assert_eq!(of(0.01, 0.09, 0.01).0, Standing::AtFloor);
        let unclear = "1.3 × the floor: perhaps different, more data would decide".to_owned();
        assert_eq!(of(0.12, 0.09, 0.01), (Standing::Unclear, unclear));
        assert_eq!(
            of(0.288, 0.09, 0.01),
            (Standing::AboveFloor, "3.2 × the floor: visibly different".into())
        );
        assert_eq!(of(0.099, 0.09, 0.001).1, "1.1 × the floor: different, by little");
        // an unbiased distance has a floor of zero, of which nothing is a multiple
        assert_eq!(of(1.2e-3, 0.0, 1e-4).1, "12 errors above the floor: visibly different");
        // far beyond all data
        assert_eq!(of(1e300, 0.09, 0.01).1, "1.1e301 × the floor: visibly different");
        assert_eq!(of(1e12, 0.0, 0.5).1, "2.0e12 errors above the floor: visibly different");
        assert_eq!(of(0.0, 0.0, 0.0).0, Standing::AtFloor);
        assert_eq!(of(1.0, 0.0, 0.0), (Standing::AboveFloor, "above the floor: visibly different".into()));
    }

    #[test]
    fn a_test_is_judged_by_its_p_value() {
        assert_eq!(Standing::of_p_value(0.4).0, Standing::AtFloor);
        assert_eq!(Standing::of_p_value(0.03).0, Standing::Unclear);
        assert_eq!(
            Standing::of_p_value(0.003),
            (Standing::AboveFloor, "p = 0.003: different from the data".into())
        );
    }
}
