//! What an evaluation says in words.

use ebm_eval::{Figure, Report, Standing};
use ebm_run::evaluations::Evaluation;
use serde_json::json;

use super::neighbours::Nearest;
use crate::terminal::columns::{Flush, lines};

/// Samples whose neighbours are printed at most.
const NEIGHBOURS: usize = 24;

/// What is to be said of an evaluation besides its figures.
#[derive(Debug, Default)]
pub struct Judgement {
    /// What an item of the data is called.
    pub item: &'static str,
    /// The unit of the distances.
    pub units: String,
    /// How many rows of data there are, in words, if more samples would be compared with no more of them.
    pub exhausted: Option<String>,
    /// What was left out or is different from what was asked for, a sentence each.
    pub notes: Vec<String>,
    /// What is wrong, a sentence each.
    pub warnings: Vec<String>,
    /// The nearest rows of samples, if they were asked for.
    pub neighbours: Vec<Nearest>,
}

impl Judgement {
    /// Adds a note.
    pub fn note(&mut self, sentence: String) {
        self.notes.push(sentence);
    }

    /// Adds a warning.
    pub fn warn(&mut self, sentence: String) {
        self.warnings.push(sentence);
    }

    /// What is kept of it.
    pub fn evaluation(&self, report: &Report) -> Evaluation {
        let Self { units, notes, warnings, .. } = self;
        // A number that is not finite becomes null.
        let figures = report.figures.iter().filter_map(|figure| serde_json::to_value(figure).ok());
        Evaluation {
            units: units.clone(),
            summary: summary(report, self.exhausted.as_deref()),
            notes: notes.clone(),
            warnings: warnings.clone(),
            figures: figures.collect(),
            ..Evaluation::default()
        }
    }

    /// Prints the figures with their verdicts, or one JSON object.
    pub fn print(&self, report: &Report, json: bool) {
        let (figures, summary) = (&report.figures, summary(report, self.exhausted.as_deref()));
        let neighbours = &self.neighbours[..self.neighbours.len().min(NEIGHBOURS)];
        if json {
            let Self { units, notes, warnings, .. } = self;
            let mut report = json!({
                "event": "done",
                "figures": figures,
                "distances_in": units,
                "notes": notes,
                "warnings": warnings,
                "summary": summary,
            });
            if !neighbours.is_empty() {
                report["neighbours"] = json!(neighbours);
            }
            tell!("{report}");
            return;
        }
        tell!("distances are in {}; a floor is the same of data against data", self.units);
        let rows = figures.iter().filter(|figure| !is_repeated(figure, report)).map(row);
        let heads = ["figure", "value ± error", "floor", ""].map(String::from);
        let rows: Vec<[String; 4]> = std::iter::once(heads).chain(rows).collect();
        let columns = [Flush::Left, Flush::Right, Flush::Right, Flush::Left];
        lines(&rows, columns).iter().for_each(|line| tell!("{line}"));
        neighbours.iter().for_each(|nearest| tell!("{}", nearest.line(self.item)));
        self.notes.iter().for_each(|note| tell!("note: {note}"));
        self.warnings.iter().for_each(|warning| tell!("warning: {warning}"));
        tell!("{summary}");
    }
}

/// Whether a figure in the units of the data is that in the model's units, which a person has just read.
fn is_repeated(figure: &Figure, report: &Report) -> bool {
    let other = figure.name.replace("_data_units", "");
    other != figure.name && report.get(&other).is_some_and(|other| other.value == figure.value)
}

/// Name, value with its error, floor, and verdict or unit.
fn row(figure: &Figure) -> [String; 4] {
    let Figure { name, value, unit, standard_error, floor, floor_error, verdict, protocol, .. } = figure;
    let error = standard_error.map(|error| format!(" ± {error:.1e}")).unwrap_or_default();
    let spread = floor_error.map(|error| format!(" ± {error:.1e}")).unwrap_or_default();
    let floor = floor.map(|floor| format!("{}{spread}", short(floor))).unwrap_or_default();
    let unit = unit.as_deref().map(|unit| format!("{unit}, n = {}", protocol.n));
    let text = verdict.clone().or(unit).unwrap_or_default();
    [name.clone(), format!("{}{error}", short(*value)), floor, text]
}

/// A number of about five digits.
fn short(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size == 0.0 => "0".into(),
        _ if !(1e-3..1e6).contains(&size) => format!("{value:.3e}"),
        _ if size < 10.0 => format!("{value:.4}"),
        _ => format!("{value:.2}"),
    }
}

/// Which figures are at their floor, which are not, and what to look at; `exhausted` is the number of rows, in words, where
/// all are compared.
fn summary(report: &Report, exhausted: Option<&str>) -> String {
    let of = |standing: Standing| -> Vec<&str> {
        let figures = report.figures.iter().filter(|figure| figure.standing == Some(standing));
        figures.map(|figure| figure.name.as_str()).collect()
    };
    let [at_floor, unclear, above] = [Standing::AtFloor, Standing::Unclear, Standing::AboveFloor].map(of);
    let judged = at_floor.len() + unclear.len() + above.len();
    if judged == 0 {
        return "summary: nothing can be judged with so few samples".into();
    }
    let mut text = format!("summary: {} of {judged} figures are at their floor", at_floor.len());
    if !unclear.is_empty() {
        text += &format!("; unclear: {}", unclear.join(", "));
    }
    if !above.is_empty() {
        text += &format!("; not at it: {}", above.join(", "));
    }
    text + ". " + &advice(&above, &unclear, exhausted)
}

/// What to look at, or how to see more.
fn advice(above: &[&str], unclear: &[&str], exhausted: Option<&str>) -> String {
    match (above.is_empty(), unclear.is_empty(), exhausted) {
        (true, true, None) => {
            "Samples cannot be told from data with this many; a larger --n sees smaller differences.".into()
        }
        (true, true, Some(rows)) => format!(
            "Samples cannot be told from data with all {rows} that there are; more data (--data PATH) would show \
             smaller differences."
        ),
        (true, false, None) => "A larger --n decides.".into(),
        (true, false, Some(rows)) => {
            format!("All {rows} that there are are compared; only more data (--data PATH) would decide.")
        }
        (false, ..) => looked_at(above).into(),
    }
}

/// What to look at where figures are not at their floor.
fn looked_at(above: &[&str]) -> &'static str {
    let is = |name: &str| above.contains(&name);
    let some = |prefix: &str| above.iter().any(|name| name.starts_with(prefix));
    match () {
        () if is("nearer_to_training_share") => {
            "The samples repeat training data: no other figure says whether the model has learned more than these."
        }
        () if is("class_entropy_nats") || is("classifier_confident_share") => {
            "Look at samples beside the data: which classes are rare or not recognised."
        }
        () if is("two_sample_test") && !some("frechet_distance") && !is("mmd2_unbiased") => {
            "The difference is local: look where samples are and data are not, as in a gap or a tail."
        }
        () if some("frechet_distance") => {
            "Mean or covariance differ: look at the spread of the samples, and at the sampler's steps and temperature."
        }
        () => "Look at samples beside the data, and at the sampler's steps.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_eval::Protocol;

    fn figure(name: &str, value: f64) -> Figure {
        Figure::exact(name, value, Protocol::of(100)).judged(0.1, 0.01)
    }

    #[test]
    fn the_summary_names_what_is_not_at_its_floor_and_what_to_look_at() {
        let report = |values: [f64; 3]| {
            let names = ["mmd2_unbiased", "frechet_distance_coordinates", "two_sample_test"];
            Report { figures: names.iter().zip(values).map(|(name, value)| figure(name, value)).collect() }
        };
        let summary = |report: &Report| summary(report, None);
        let found = summary(&report([0.1, 0.1, 0.1]));
        assert!(found.starts_with("summary: 3 of 3 figures are at their floor. Samples cannot"), "{found}");
        let found = summary(&report([0.1, 0.1, 0.9]));
        assert!(found.contains("2 of 3") && found.contains("not at it: two_sample_test. The"), "{found}");
        let found = summary(&report([0.13, 0.9, 0.1]));
        assert!(found.contains("unclear: mmd2_unbiased; not at it: frechet_distance_coordinates"), "{found}");
        assert!(summary(&Report::default()).contains("nothing can be judged"));
    }

    #[test]
    fn a_larger_number_of_samples_is_advised_only_where_there_are_more_rows() {
        let found = |value: f64, exhausted| {
            summary(&Report { figures: vec![figure("mmd2_unbiased", value)] }, exhausted)
        };
        assert!(found(0.13, None).ends_with("A larger --n decides."), "{}", found(0.13, None));
        for value in [0.1, 0.13, 0.9] {
            let found = found(value, Some("60 rows"));
            assert!(!found.contains("--n "), "{found}");
            assert_eq!(
                found.contains("all 60 rows") || found.contains("All 60 rows"),
                value < 0.5,
                "{found}"
            );
        }
    }

    #[test]
    fn a_figure_is_a_row_with_its_verdict() {
        let [name, value, floor, verdict] = row(&figure("mmd2_unbiased", 0.3));
        assert_eq!([name.as_str(), value.as_str()], ["mmd2_unbiased", "0.3000"]);
        assert_eq!(floor, "0.1000 ± 1.0e-2");
        assert_eq!(verdict, "3.0 × the floor: visibly different");
        assert_eq!([short(0.0), short(1.5e-7), short(-1234.567)], ["0", "1.500e-7", "-1234.57"]);
    }
}
