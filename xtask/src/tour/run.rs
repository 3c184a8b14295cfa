//! The commands of the pages, one after the other.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use super::book::Book;
use super::page::Asked;
use crate::features::COMPUTING;

/// Runs the commands of all pages, or of one, in `scratch`, and brings their pictures into the book; a line for each
/// thing that does not hold.
///
/// # Errors
/// If the scratch folder cannot be made, a picture cannot be copied, or there is no such page.
pub fn run(book: &Book, only: Option<&str>, ebm: &Path, scratch: &Path) -> Result<Vec<String>, String> {
    let is_asked =
        |name: &str| only.is_none_or(|only| name.trim_end_matches(".md") == only.trim_end_matches(".md"));
    let pages: Vec<_> = book.pages.iter().filter(|page| is_asked(&page.name)).collect();
    if pages.is_empty() {
        return Err(format!("there is no page {}", only.unwrap_or_default()));
    }
    let failed = |error: std::io::Error| format!("{}: {error}", scratch.display());
    if only.is_none() && scratch.exists() {
        fs::remove_dir_all(scratch).map_err(failed)?;
    }
    fs::create_dir_all(scratch.join("pictures")).map_err(failed)?;
    let mut wrong = Vec::new();
    for page in pages {
        for asked in &page.commands {
            let began = Instant::now();
            let found = command(asked, ebm, scratch);
            let seconds = began.elapsed().as_secs_f64();
            println!("{}: ebm {} ({seconds:.0} s)", page.name, asked.arguments.join(" "));
            wrong.extend(found.into_iter().map(|problem| format!("{}: {problem}", page.name)));
        }
        for picture in page.pictures() {
            let made = scratch.join(picture);
            if made.is_file() {
                copy(&made, &book.folder.join(picture))?;
            } else {
                wrong.push(format!("{}: no command makes {picture}", page.name));
            }
        }
    }
    Ok(wrong)
}

/// Runs a command, and says what about it does not hold.
fn command(asked: &Asked, ebm: &Path, scratch: &Path) -> Vec<String> {
    let mut command = Command::new(ebm);
    command.args(&asked.arguments).current_dir(scratch).stdin(Stdio::null());
    // The numbers are those of this backend, whatever else is compiled in.
    if asked.arguments.first().is_some_and(|verb| COMPUTING.contains(&verb.as_str())) {
        command.args(["--backend", "flex"]);
    }
    if !asked.expectations.is_empty() && !asked.arguments.iter().any(|argument| argument == "--json") {
        command.arg("--json");
    }
    let line = asked.arguments.join(" ");
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return vec![format!("could not start {}: {error}", ebm.display())],
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return vec![format!("ebm {line}: {}: {}", output.status, said.trim_end())];
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let last =
        said.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok()).unwrap_or_default();
    let mut wrong = Vec::new();
    for expectation in &asked.expectations {
        match expectation.check(&last) {
            Ok(found) => println!("  {} is {found}", expectation.key()),
            Err(problem) => wrong.push(format!("ebm {line}: {problem}")),
        }
    }
    wrong
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", to.display());
    fs::create_dir_all(to.parent().unwrap_or(to)).map_err(failed)?;
    fs::copy(from, to).map(|_| ()).map_err(failed)
}
