//! What the program says when it is asked for nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ebm_run::hint::quoted;

use crate::terminal::program;

/// Most runs that are named.
const MOST: usize = 3;

/// Where runs are, unless said otherwise.
const RUNS: &str = "runs";

/// Prints a few commands to begin with, and those for the runs that are here.
pub fn print() {
    tell!("{}", text(program::name(), &newest(Path::new(RUNS))));
}

fn text(ebm: &str, runs: &[PathBuf]) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text =
        format!("ebm {version}: energy-based models, to train and to draw from\n\nTo begin with:\n");
    let first = [
        ("train", "digits that look handwritten: two minutes on two cores, no download"),
        ("train two-moons-ssm", "an energy in the plane, and a picture of it, in seconds"),
        ("train table --data FILE.csv", "your own numbers; images --data FOLDER for pictures"),
        ("sample banana --sampler hmc", "chains on a density in closed form, with their diagnostics"),
    ];
    text += &lines(ebm, first.map(|(command, what)| (command.to_owned(), what)));
    if let [newest, ..] = runs {
        let names: Vec<String> = runs.iter().map(|run| run.display().to_string()).collect();
        text += &format!("\nRuns here, the newest first: {}\n", names.join(", "));
        let run = quoted(newest);
        let next = [
            (
                format!("sample {run} --n 100 --out more.npy"),
                "new samples of it, also while it trains; .png, .csv",
            ),
            (format!("report {run}"), "its page, report.html"),
            (format!("train --resume {run}"), "on from its last checkpoint"),
        ];
        text += &lines(ebm, next);
    }
    let more = format!("\n{ebm} --help lists the commands, {ebm} train --list the presets.");
    text + &more
}

fn lines<const N: usize>(ebm: &str, commands: [(String, &str); N]) -> String {
    let width = commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    commands.iter().map(|(command, what)| format!("  {ebm} {command:width$}  {what}\n")).collect()
}

/// The runs in a folder that were written to last, the newest first.
fn newest(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut runs: Vec<(SystemTime, PathBuf)> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join("config.toml").is_file())
        .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
        .collect();
    // Of the same moment, the later name.
    runs.sort();
    runs.into_iter().rev().map(|(_, path)| path).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_begin_as_the_program_was_started_and_stand_in_columns() {
        let text = text("cargo xtask", &[]);
        assert!(text.contains("\n  cargo xtask train                        digits"), "{text}");
        assert!(text.contains("\ncargo xtask --help lists") && !text.contains("Runs here"), "{text}");
    }

    #[test]
    fn only_folders_with_a_configuration_are_runs_and_a_name_with_a_space_is_quoted() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("nothing")).unwrap();
        let run = folder.path().join("my run-1");
        fs::create_dir(&run).unwrap();
        fs::write(run.join("config.toml"), "").unwrap();
        assert_eq!(newest(folder.path()), [run]);
        assert!(newest(&folder.path().join("absent")).is_empty());
        let text = text("ebm", &["runs/my run-1".into()]);
        assert!(text.contains("ebm sample 'runs/my run-1' --n 100"), "{text}");
    }
}
