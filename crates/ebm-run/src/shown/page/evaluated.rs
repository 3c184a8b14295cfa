//! What evaluations came to, as tables.

use ebm_report::page::{Block, Cell, Section, Table, Tone, compact};
use serde_json::Value;

use crate::evaluations::Evaluation;

/// Evaluations that are shown, and figures of each.
const SHOWN: usize = 4;
const FIGURES: usize = 80;

/// The last evaluation, and those before it behind their titles.
pub fn section(evaluations: &[Evaluation]) -> Section {
    let Some((last, before)) = evaluations.split_last() else { return Section::default() };
    let mut blocks = blocks(last);
    let before = before.iter().rev().take(SHOWN - 1);
    blocks.extend(before.map(|evaluation| Block::Folded(title(evaluation), self::blocks(evaluation))));
    Section::new("Evaluation", title(last), blocks)
}

/// What was asked for.
fn title(evaluation: &Evaluation) -> String {
    let asked: Vec<String> = evaluation.asked.iter().map(|(name, value)| format!("{name} {value}")).collect();
    format!("after {} steps; {}", compact(evaluation.step as f64), cut(&asked.join(", "), 600))
}

fn blocks(evaluation: &Evaluation) -> Vec<Block> {
    let Evaluation { units, summary, notes, warnings, .. } = evaluation;
    let figures = figures(evaluation);
    let sentences = |lines: &[String]| lines.iter().take(20).map(|line| cut(line, 600)).collect::<Vec<_>>();
    let heads = ["figure", "value", "± error", "floor", "± spread", "verdict"].map(String::from);
    let table = Table {
        caption: format!("Distances are in {}; a floor is the same of data against data.", cut(units, 100)),
        heads: heads.to_vec(),
        rows: figures.iter().take(FIGURES).map(|figure| row(figure)).collect(),
    };
    let mut blocks = vec![Block::Text(cut(summary, 1000))];
    if !warnings.is_empty() {
        blocks.push(Block::Warnings(sentences(warnings)));
    }
    if !figures.is_empty() {
        blocks.push(Block::Table(table));
    }
    if !notes.is_empty() {
        blocks.push(Block::Notes(sentences(notes)));
    }
    blocks
}

fn row(figure: &Value) -> Vec<Cell> {
    let number = |name: &str| figure[name].as_f64().map(compact).unwrap_or_default();
    let unit = figure["unit"].as_str().unwrap_or_default();
    let verdict = figure["verdict"].as_str().unwrap_or(unit);
    let value = figure["value"].as_f64().map_or_else(|| "not finite".to_owned(), compact);
    vec![
        Cell::code(name(figure)),
        Cell::number(value),
        Cell::number(number("standard_error")),
        Cell::number(number("floor")),
        Cell::number(number("floor_error")),
        match tone(figure) {
            Some(tone) => Cell::toned(cut(verdict, 300), tone),
            None => Cell::text(cut(verdict, 300)),
        },
    ]
}

/// The figures, but for those in the units of the data whose value is that in the model's units.
pub fn figures(evaluation: &Evaluation) -> Vec<&Value> {
    let all = &evaluation.figures;
    let is_repeated = |figure: &Value| {
        let name = figure["name"].as_str().unwrap_or_default();
        let other = name.replace("_data_units", "");
        other != name
            && all.iter().any(|one| one["name"] == other.as_str() && one["value"] == figure["value"])
    };
    all.iter().filter(|figure| !is_repeated(figure)).collect()
}

/// The name of a figure.
pub fn name(figure: &Value) -> String {
    cut(figure["name"].as_str().unwrap_or("without a name"), 100)
}

/// How a figure stands to its floor.
pub fn tone(figure: &Value) -> Option<Tone> {
    match figure["standing"].as_str()? {
        "at-floor" => Some(Tone::Good),
        "unclear" => Some(Tone::Unclear),
        _ => Some(Tone::Bad),
    }
}

/// The first characters of a text.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_likelihood_is_shown_twice_only_where_the_units_differ() {
        let shown = |values: [f64; 2]| {
            let figure = |name: &str, value: f64| json!({ "name": name, "value": value });
            let evaluation = Evaluation {
                figures: vec![
                    figure("log_likelihood_nats", values[0]),
                    figure("log_likelihood_nats_data_units", values[1]),
                    figure("mmd2_unbiased", values[1]),
                ],
                ..Evaluation::default()
            };
            figures(&evaluation).iter().map(|figure| name(figure)).collect::<Vec<_>>()
        };
        assert_eq!(shown([-1.5, -1.5]), ["log_likelihood_nats", "mmd2_unbiased"]);
        let all = ["log_likelihood_nats", "log_likelihood_nats_data_units", "mmd2_unbiased"];
        assert_eq!(shown([-1.5, -2.5]), all);
    }
}
