//! Figures, and how each was measured.

mod estimate;
mod figure;
mod floor;
mod protocol;
mod standing;

use serde::{Deserialize, Serialize};

pub use estimate::Estimate;
pub(crate) use estimate::variance;
pub use figure::Figure;
pub use floor::{WithFloor, halves, with_floor};
pub use protocol::Protocol;
pub use standing::Standing;

/// All figures of an evaluation.
///
/// A non-finite number is written as `null` in JSON and cannot be read back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The figures in the order in which they were measured.
    pub figures: Vec<Figure>,
}

impl Report {
    /// Appends a figure.
    pub fn push(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// The first figure with this name.
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_a_round_trip_through_json() {
        let protocol =
            Protocol { n_reference: Some(500), seed: Some(7), bandwidths: vec![1.5], ..Protocol::of(1000) };
        let protocol = Protocol { denoised: Some(true), ..protocol }.with("sampler", "heun");
        let estimate = |value| Estimate { value, standard_error: 0.25 };
        let found = WithFloor { value: estimate(0.5), floor: estimate(-0.125) };
        let mut report = Report::default();
        report.push(Figure::estimate_with_floor("mmd2_unbiased", found, protocol));
        report.push(Figure::exact("frechet", 2.0, Protocol::of(3)));
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(
            text,
            "{\"figures\":[{\"name\":\"mmd2_unbiased\",\"value\":0.5,\"standard_error\":0.25,\"floor\":-0.125,\
             \"protocol\":{\"n\":1000,\"n_reference\":500,\"seed\":7,\"bandwidths\":[1.5],\"denoised\":true,\
             \"settings\":{\"sampler\":\"heun\"}}},{\"name\":\"frechet\",\"value\":2.0,\"protocol\":{\"n\":3}}]}"
        );
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
        assert_eq!(report.get("frechet").unwrap().value, 2.0);
    }
}
