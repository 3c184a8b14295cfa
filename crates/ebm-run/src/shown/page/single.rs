//! The page of one run.

use ebm_report::page::{Block, Cell, Page, Section, Table, compact};
use serde_json::Value;

use super::evaluated::cut;
use super::story::{State, Story};
use super::{charts, evaluated, shown};
use crate::hint::{quoted, quoted_text};
use crate::history::{Change, leaves};

/// Lines of a kind that are shown.
const LINES: usize = 12;

/// Settings that are shown.
const SETTINGS: usize = 400;

/// The page; `most` pictures over time.
pub fn page(story: &Story, most: usize) -> Page {
    let mut sections = Vec::new();
    let warnings = warnings(story);
    if !warnings.is_empty() {
        sections.push(Section::new("Warnings", "", vec![Block::Warnings(warnings)]));
    }
    sections.extend(shown::sections(story, most));
    let charts = charts::of(story);
    let training = if charts.is_empty() {
        vec![Block::Text("The journal tells of no progress yet.".into())]
    } else {
        vec![Block::Charts(charts)]
    };
    sections.push(Section::new("Training", "", training));
    sections.push(evaluated::section(&story.evaluations));
    sections.push(Section::new("Configuration", "", configuration(story)));
    sections.push(Section::new("To do it again", "", again(story)));
    Page {
        title: story.name.clone(),
        status: status(story),
        lead: lead(story),
        facts: facts(story),
        sections,
    }
}

/// How the run stands, in a word or two.
pub fn status(story: &Story) -> String {
    let (step, steps) = (compact(story.step() as f64), compact(story.config.train.steps as f64));
    match &story.state {
        State::Training => format!("training: {step} of {steps} steps"),
        State::Complete => "complete".into(),
        State::Stopped => format!("stopped after {step} of {steps} steps"),
        State::Interrupted => format!("interrupted after {step} of {steps} steps"),
        State::Failed(_) => format!("failed after {step} of {steps} steps"),
        State::NotBegun => "not begun".into(),
    }
}

/// What the run is, in a sentence or two.
fn lead(story: &Story) -> String {
    let config = &story.config;
    let size =
        story.parameters().map_or_else(String::new, |n| format!(", with {} parameters,", compact(n as f64)));
    let from = config.origin.as_ref().map_or_else(String::new, |origin| {
        format!(", from the weights of {} after {} steps", origin.path.display(), origin.step)
    });
    let kind = story.leaf("model.kind");
    let data = config.data.path.as_ref().map_or_else(
        || config.data.dataset.to_string(),
        |path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
    );
    let text = format!(
        "A network of the kind {kind}{size} learns {data} by {}{from}; samples are drawn by {}.",
        story.objective(),
        config.sample.sampler
    );
    cut(&text, 1000)
}

fn facts(story: &Story) -> Vec<[String; 2]> {
    let seconds = story.record.seconds();
    let rows = rows_per_second(story);
    let facts = [
        (
            "steps",
            Some(format!("{} of {}", compact(story.step() as f64), compact(story.config.train.steps as f64))),
        ),
        ("running loss", story.loss().map(compact)),
        ("parameters", story.parameters().map(|n| compact(n as f64))),
        ("time of training", (0.0 < seconds).then(|| time(seconds))),
        ("rows per second", rows.map(|rows| compact(rows.round()))),
        ("rows of data", rows_of_data(story)),
        ("seed", Some(story.config.seed.to_string())),
    ];
    facts.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).collect()
}

/// Rows per second over all that the journal tells.
pub fn rows_per_second(story: &Story) -> Option<f64> {
    let (seconds, steps) = (story.record.seconds(), story.record.progress.last()?.step);
    (0.0 < seconds).then(|| steps as f64 * story.config.batch_size as f64 / seconds)
}

fn rows_of_data(story: &Story) -> Option<String> {
    let rows = &story.record.data.as_ref()?["rows"];
    Some(rows.as_u64().map_or_else(|| "endless".to_owned(), |rows| compact(rows as f64)))
}

/// A time in words.
pub fn time(seconds: f64) -> String {
    match seconds {
        _ if seconds < 10.0 => format!("{seconds:.1} s"),
        _ if seconds < 120.0 => format!("{seconds:.0} s"),
        _ if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

/// What is wrong, or was, a sentence each.
pub fn warnings(story: &Story) -> Vec<String> {
    let record = &story.record;
    let mut lines = Vec::new();
    let resume = format!("ebm train --resume {}", quoted(story.folder.path()));
    let of_data = record.data.as_ref().and_then(|data| data["warnings"].as_array());
    lines.extend(of_data.into_iter().flatten().filter_map(|line| line.as_str().map(str::to_owned)));
    match &story.state {
        State::Failed(reason) => lines.push(format!("The run failed: {reason}")),
        State::Interrupted => {
            lines.push(format!("The run ended without saying so, as when it is killed: {resume} goes on."));
        }
        _ => {}
    }
    for (step, reason) in record.retreats.iter().take(LINES) {
        lines.push(format!("It diverged and went back to step {step}: {reason}"));
    }
    if 0 < record.n_skipped {
        let first = record
            .skipped
            .first()
            .map_or_else(String::new, |(step, reason)| format!(", the first of them step {step}: {reason}"));
        let n = record.n_skipped;
        lines.push(format!("{n} {} skipped{first}", if n == 1 { "step was" } else { "steps were" }));
    }
    if let Some(seconds) = record.left_out {
        lines.push(format!("Some pictures were left out, because one takes {seconds:.2} s or more."));
    }
    if let Some(last) = story.evaluations.last() {
        lines.extend(last.warnings.iter().take(LINES).map(|warning| format!("Evaluation: {warning}")));
    }
    lines.extend(story.faults.iter().take(LINES).cloned());
    lines.iter().map(|line| cut(line, 500)).collect()
}

fn configuration(story: &Story) -> Vec<Block> {
    let mut blocks = Vec::new();
    match &story.preset {
        Some((name, changes)) if changes.is_empty() => {
            blocks.push(Block::Text(format!("All settings are those of the preset {name}.")));
        }
        Some((name, changes)) => {
            let heads = ["setting", "preset", "this run"];
            blocks.push(changed(&format!("What differs from the preset {name}"), heads, changes.iter()));
        }
        None => blocks.push(Block::Text("The settings are of no preset by their name.".into())),
    }
    for entry in story.history.iter().rev().take(LINES) {
        let caption = format!("What a resume changed at step {}", compact(entry.step as f64));
        blocks.push(changed(&caption, ["setting", "before", "since"], entry.changes.iter()));
    }
    let all = leaves("", &story.config).unwrap_or_default();
    let rows = all.iter().take(SETTINGS).map(|(key, value)| vec![setting(key), setting(value)]);
    let heads = ["setting", "value"].map(String::from).to_vec();
    let table = Table { caption: String::new(), heads, rows: rows.collect() };
    blocks.push(Block::Folded("All settings".into(), vec![Block::Table(table)]));
    blocks
}

fn changed<'a>(caption: &str, heads: [&str; 3], changes: impl Iterator<Item = &'a Change>) -> Block {
    let row = |change: &Change| {
        vec![setting(&change.key), setting(change.old.as_deref().unwrap_or("not set")), setting(&change.new)]
    };
    let rows = changes.take(SETTINGS).map(row).collect();
    Block::Table(Table { caption: caption.to_owned(), heads: heads.map(String::from).to_vec(), rows })
}

fn setting(text: &str) -> Cell {
    Cell::code(cut(text, 160))
}

/// Seed, versions, machine, and commands.
fn again(story: &Story) -> Vec<Block> {
    let run = quoted(story.folder.path());
    let told = |name: &str| {
        story.record.told(name).map(|value| match value {
            Value::String(text) => cut(text, 200),
            other => cut(&other.to_string(), 200),
        })
    };
    let rows = [
        ("seed", Some(story.config.seed.to_string())),
        ("version of ebm", told("version")),
        ("backend", told("backend")),
        ("processor", told("processor")),
        ("threads", told("threads")),
        ("system", told("system")),
        ("sessions", Some(story.record.sessions.len().to_string())),
        ("SHA-256 of config.toml", Some(story.hash.clone())),
    ];
    let rows = rows.into_iter().filter_map(|(name, value)| Some(vec![Cell::text(name), Cell::code(value?)]));
    let table =
        Table { caption: String::new(), heads: vec!["what".into(), "value".into()], rows: rows.collect() };
    let config = quoted(story.folder.config());
    let backend = told("backend").map_or(String::new(), |name| format!(" --backend {}", quoted_text(&name)));
    let text = format!(
        "ebm train {config}{backend}   # the same run again\nebm train --resume {run}{backend}   # go on\n\
         ebm eval {run}{backend}   # measure it\nebm report {run}   # this page anew"
    );
    vec![Block::Table(table), Block::Code(text)]
}
