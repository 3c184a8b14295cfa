//! The page of several runs side by side.

use std::collections::BTreeSet;

use ebm_report::page::{Block, Cell, LineChart, Page, Section, Slide, Slides, Table, compact};
use serde_json::Value;

use super::evaluated::{self, cut};
use super::single::{rows_per_second, status, time, warnings};
use super::story::Story;
use super::{charts, shown};
use crate::history::leaves;

/// Most bytes of all pictures.
const PICTURES: usize = 1_800_000;

/// Settings and figures that are shown.
const ROWS: usize = 200;

/// The page; pictures unless `most` is 0.
pub fn page(stories: &[Story], most: usize) -> Page {
    let names: Vec<String> = stories.iter().map(|story| story.name.clone()).collect();
    let mut charts = charts::of_all(stories);
    charts.retain(LineChart::has_curves);
    let charts = if charts.is_empty() { Vec::new() } else { vec![Block::Charts(charts)] };
    let said = stories.iter().flat_map(|story| {
        warnings(story).into_iter().take(4).map(|warning| format!("{}: {warning}", story.name))
    });
    let said: Vec<String> = said.collect();
    let sections = vec![
        Section::new("Results", "", vec![Block::Table(results(stories))]),
        Section::new("Warnings", "", if said.is_empty() { vec![] } else { vec![Block::Warnings(said)] }),
        Section::new("Training", "", charts),
        Section::new("Samples", "the last picture of each", pictures(stories, most)),
        Section::new("What differs", "", differing(stories)),
    ];
    let shown = cut(&names.join(", "), 300);
    Page {
        title: format!("{} runs", stories.len()),
        status: String::new(),
        lead: format!("Side by side: {shown}."),
        facts: Vec::new(),
        sections,
    }
}

fn heads(first: &str, stories: &[Story]) -> Vec<String> {
    std::iter::once(first.to_owned()).chain(stories.iter().map(|story| story.name.clone())).collect()
}

/// How the runs stand, and every figure of their last evaluations.
fn results(stories: &[Story]) -> Table {
    let row = |name: &str, of: &dyn Fn(&Story) -> Option<String>| {
        let cells = stories.iter().map(|story| Cell::number(of(story).unwrap_or_else(|| "–".into())));
        std::iter::once(Cell::text(name)).chain(cells).collect::<Vec<_>>()
    };
    let mut rows = vec![
        row("state", &|story| Some(status(story))),
        row("running loss", &|story| story.loss().map(compact)),
        row("parameters", &|story| story.parameters().map(|n| compact(n as f64))),
        row("time of training", &|story| Some(time(story.record.seconds()))),
        row("rows per second", &|story| rows_per_second(story).map(|rows| compact(rows.round()))),
        row("evaluated after", &|story| {
            Some(format!("{} steps", compact(story.evaluations.last()?.step as f64)))
        }),
    ];
    let mut named: Vec<String> = Vec::new();
    let last = stories.iter().filter_map(|story| story.evaluations.last());
    for figure in last.flat_map(evaluated::figures) {
        let name = evaluated::name(figure);
        if !named.contains(&name) && named.len() < ROWS {
            named.push(name);
        }
    }
    for name in named {
        let cells = stories.iter().map(|story| match figure(story, &name) {
            None => Cell::number("–"),
            Some(figure) => {
                let value = figure["value"].as_f64().map_or_else(|| "not finite".to_owned(), compact);
                let error = figure["standard_error"].as_f64().map(|error| format!(" ± {}", compact(error)));
                let text = value + &error.unwrap_or_default();
                match evaluated::tone(figure) {
                    Some(tone) => Cell::toned(text, tone),
                    None => Cell::number(text),
                }
            }
        });
        rows.push(std::iter::once(Cell::code(&name)).chain(cells).collect());
    }
    Table {
        caption: "✓ at the floor, ? unclear, ✗ above it".into(), heads: heads("figure", stories), rows
    }
}

fn figure<'a>(story: &'a Story, name: &str) -> Option<&'a Value> {
    let figures = &story.evaluations.last()?.figures;
    figures.iter().find(|figure| evaluated::name(figure) == name)
}

/// Every setting in which the runs differ.
fn differing(stories: &[Story]) -> Vec<Block> {
    let all: Vec<_> = stories.iter().map(|story| leaves("", &story.config).unwrap_or_default()).collect();
    let keys: BTreeSet<&String> = all.iter().flat_map(|leaves| leaves.keys()).collect();
    let differs = |key: &&&String| all.iter().any(|leaves| leaves.get(**key) != all[0].get(**key));
    let rows = keys.iter().filter(differs).take(ROWS).map(|key| {
        let value = |leaves: &std::collections::BTreeMap<String, String>| {
            Cell::code(leaves.get(*key).map_or_else(|| "not set".to_owned(), |value| cut(value, 120)))
        };
        std::iter::once(Cell::code(cut(key, 120))).chain(all.iter().map(value)).collect::<Vec<_>>()
    });
    let rows: Vec<Vec<Cell>> = rows.collect();
    if rows.is_empty() {
        return vec![Block::Text("No setting.".into())];
    }
    vec![Block::Table(Table { caption: String::new(), heads: heads("setting", stories), rows })]
}

fn pictures(stories: &[Story], most: usize) -> Vec<Block> {
    if most == 0 {
        return Vec::new();
    }
    let each = PICTURES / stories.len().max(1);
    let slide = |story: &Story| {
        let (step, _) = story.pictures.last()?;
        let label = format!("{}, {} steps", story.name, compact(*step as f64));
        Some(Slide { label, picture: shown::last_picture(story, each)?, is_drawing: story.is_of_rows() })
    };
    let slides: Vec<Slide> = stories.iter().filter_map(slide).collect();
    if slides.is_empty() {
        return Vec::new();
    }
    vec![Block::Slides(Slides { title: "Samples".into(), slides, is_gallery: true })]
}
