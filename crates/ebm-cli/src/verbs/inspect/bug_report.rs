//! What a report of a bug should say of the program, the machine, and a run.
//!
//! Nothing private: of paths the ending only, and of the journal no line about the data.

use std::fmt::Write;

use anyhow::Result;
use ebm_model::weights;
use ebm_run::config::Config;
use ebm_run::folder::RunFolder;
use ebm_run::{history, journal};
use serde_json::Value;

use super::nulls::without_nulls;
use crate::terminal::backend::Backend;
use crate::terminal::instructions;

/// Lines of the journal that are shown: the last so many.
const LINES: usize = 20;

/// Keys whose text says where something is.
const PLACES: [&str; 5] = ["path", "run", "file", "folder", "cache"];

/// The report, as Markdown: of the program and the machine, and of a run if one is given.
///
/// # Errors
/// If the run cannot be read.
pub fn bug_report(run: Option<&RunFolder>) -> Result<String> {
    let mut text = String::from("```text\n");
    for (name, value) in machine() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:13} {value}");
    }
    text += "```\n";
    if let Some(run) = run {
        text += &of_run(run)?;
    }
    text += "\nThe command that was typed, and what it printed:\n";
    Ok(text)
}

fn machine() -> Vec<(&'static str, String)> {
    let features = ["flex", "ndarray", "wgpu", "cuda"];
    let compiled =
        [cfg!(feature = "flex"), cfg!(feature = "ndarray"), cfg!(feature = "wgpu"), cfg!(feature = "cuda")];
    let features: Vec<&str> =
        features.into_iter().zip(compiled).filter_map(|(name, is_in)| is_in.then_some(name)).collect();
    let cores = std::thread::available_parallelism().map_or_else(|_| "unknown".into(), |n| n.to_string());
    vec![
        ("ebm", env!("CARGO_PKG_VERSION").into()),
        (
            "backends",
            format!("{}; {} unless said otherwise", features.join(", "), Backend::default_of_build().name()),
        ),
        ("system", format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH)),
        ("processor", processor().unwrap_or_else(|| "unknown".into())),
        ("threads", cores),
        ("instructions", instructions()),
    ]
}

/// What the system calls the processor, where it says.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Vector instructions that the processor has, and the limit on them if one is set.
fn instructions() -> String {
    #[cfg(target_arch = "x86_64")]
    let found: Vec<&str> = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ]
    .into_iter()
    .filter_map(|(name, is_there)| is_there.then_some(name))
    .collect();
    #[cfg(not(target_arch = "x86_64"))]
    let found = ["those of the target"];
    let limit = match instructions::instructions() {
        Ok(limit) => format!("{limit:?}").to_lowercase(),
        Err(_) => "unknown".into(),
    };
    format!("{}; used: {limit}", found.join(", "))
}

/// The configuration, what was changed in it, and the end of the journal.
fn of_run(run: &RunFolder) -> Result<String> {
    let config = serde_json::to_value(Config::of(run)?)?;
    let config = toml::to_string(&without_nulls(without_places(config)))?;
    let mut text = format!("\nThe run's configuration:\n\n```toml\n{}\n```\n", config.trim_end());
    let changes = history::read(run)?;
    if !changes.is_empty() {
        text += &format!(
            "\nChanged in it {} times, the last time at step {}.\n",
            changes.len(),
            last_step(&changes)
        );
    }
    let bytes = weights::read_file(&run.journal(), journal::MAX_BYTES).unwrap_or_default();
    let lines = journal_lines(&String::from_utf8_lossy(&bytes));
    text += &format!("\nThe last lines of its journal:\n\n```json\n{}\n```\n", lines.join("\n"));
    Ok(text)
}

fn last_step(changes: &[history::Entry]) -> u64 {
    changes.last().map_or(0, |entry| entry.step)
}

/// The last lines, without those about the data, and without places.
fn journal_lines(text: &str) -> Vec<String> {
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let told: Vec<Value> =
        lines.into_iter().filter(|line| line["event"] != "data" && line["event"] != "changed").collect();
    let first = told.len().saturating_sub(LINES);
    told.into_iter().skip(first).map(|line| without_places(line).to_string()).collect()
}

/// The value with no more of each path than its ending, and of columns than how many there are.
fn without_places(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let one = |(key, value): (String, Value)| {
                let value = match value {
                    Value::String(text) if PLACES.contains(&key.as_str()) => ending(&text).into(),
                    Value::Array(items) if ["columns", "drop", "classes"].contains(&key.as_str()) => {
                        format!("{} names", items.len()).into()
                    }
                    other => without_places(other),
                };
                (key, value)
            };
            Value::Object(map.into_iter().map(one).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_places).collect()),
        other => other,
    }
}

/// `….csv` of `/home/someone/secret.csv`, `…` of a folder.
fn ending(path: &str) -> String {
    let extension = std::path::Path::new(path).extension().and_then(|extension| extension.to_str());
    extension.map_or_else(|| "…".into(), |extension| format!("….{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_and_no_name_of_a_column_is_in_a_report() {
        let journal = concat!(
            "{\"event\":\"began\",\"step\":0,\"run\":\"/home/someone/secret-1\",\"seed\":3}\n",
            "{\"event\":\"data\",\"step\":0,\"columns\":[\"salary\"],\"path\":\"/home/someone/staff.csv\"}\n",
            "{\"event\":\"progress\",\"step\":50,\"loss\":0.5}\n",
            "{\"event\":\"prog",
        );
        let lines = journal_lines(journal);
        let text = lines.join("\n");
        assert_eq!(lines.len(), 2, "{text}");
        assert!(text.contains("\"seed\":3") && text.contains("\"loss\":0.5"), "{text}");
        for secret in ["someone", "secret", "salary", "staff"] {
            assert!(!text.contains(secret), "{text}");
        }
        let config = serde_json::json!({
            "data": {"dataset": "table", "path": "/home/someone/staff.csv", "columns": ["salary", "age"]},
            "origin": {"path": "/home/someone/run"},
        });
        let expected = serde_json::json!({
            "data": {"dataset": "table", "path": "….csv", "columns": "2 names"}, "origin": {"path": "…"},
        });
        assert_eq!(without_places(config), expected);
    }

    #[test]
    fn the_last_lines_are_the_last() {
        let journal: String =
            (0..50).map(|step| format!("{{\"event\":\"progress\",\"step\":{step}}}\n")).collect();
        let lines = journal_lines(&journal);
        assert_eq!(lines.len(), LINES);
        assert!(lines[0].contains(":30") && lines[LINES - 1].contains(":49"), "{lines:?}");
    }

    #[test]
    fn a_report_without_a_run_names_version_and_processor() {
        let text = bug_report(None).unwrap();
        assert!(text.contains(env!("CARGO_PKG_VERSION")) && text.contains("processor"), "{text}");
    }
}
