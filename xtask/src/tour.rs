//! The tour (`docs/tour`): its commands are run, its pictures made anew, and its numbers checked.
//!
//! A page says in comments what must hold:
//!
//! - Every line `ebm …` of a block `console` is a command. It is run in a scratch folder that the pages share, in the
//!   order of the summary; a line that ends with `\` goes on in the next.
//! - `<!-- skip: REASON -->` before a block `console`: its commands are shown and not run.
//! - `<!-- run: ebm … -->` is a command that is run and not shown.
//! - `<!-- expect: KEY = VALUE ± TOLERANCE -->`, or `KEY < VALUE`, or `KEY > VALUE`, is about the last line of JSON that
//!   the command before it prints with `--json`. A key has dots between names; an entry of a list is named by its index,
//!   or by its `name`. The page must show the value, written in the same way.
//!
//! The pictures of a page are those that its commands write to `pictures/`.

mod book;
mod bound;
mod expectation;
mod links;
mod page;
mod run;
mod words;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::program::{built, workspace};
use book::Book;

/// What of the tour is looked at.
#[derive(clap::Args)]
pub struct Tour {
    /// Run only the commands of this page, by its file's name without .md; what earlier pages left is still there.
    #[arg(long)]
    page: Option<String>,
    /// Check form and links only, and run nothing.
    #[arg(long, conflicts_with = "page")]
    check: bool,
    /// Program to run; by default `ebm` is built from this workspace.
    #[arg(long)]
    ebm: Option<PathBuf>,
}

/// Checks the tour and makes its pictures; the exit code is a failure if anything on a page does not hold.
///
/// # Errors
/// A one-line message for the user.
pub fn tour(asked: &Tour) -> Result<ExitCode, String> {
    let folder = workspace().join("docs").join("tour");
    let book = Book::read(&folder.join("src"))?;
    let mut wrong = book.problems();
    if asked.check {
        wrong.extend(book.missing_pictures());
    }
    if !wrong.is_empty() || asked.check {
        let code = told(&wrong, &format!("{} pages: form and links are right", book.pages.len()));
        return if wrong.is_empty() { bind(&folder) } else { Ok(code) };
    }
    let ebm = match &asked.ebm {
        Some(ebm) => ebm.canonicalize().map_err(|e| format!("{}: {e}", ebm.display()))?,
        None => built()?,
    };
    let began = Instant::now();
    let scratch = workspace().join("target").join("tour");
    let wrong = run::run(&book, asked.page.as_deref(), &ebm, &scratch)?;
    let seconds = began.elapsed().as_secs();
    let code = told(&wrong, &format!("every command and every number holds, {seconds} s"));
    if wrong.is_empty() { bind(&folder) } else { Ok(code) }
}

fn told(wrong: &[String], right: &str) -> ExitCode {
    wrong.iter().for_each(|line| eprintln!("{line}"));
    if wrong.is_empty() {
        println!("{right}");
        return ExitCode::SUCCESS;
    }
    eprintln!("{} things on the tour do not hold", wrong.len());
    ExitCode::FAILURE
}

/// Binds the book and follows its links, if `mdbook` is installed.
fn bind(folder: &Path) -> Result<ExitCode, String> {
    let version =
        Command::new("mdbook").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if version.is_err() {
        println!("mdbook is not installed (`cargo install mdbook`): the pages were checked and not bound");
        return Ok(ExitCode::SUCCESS);
    }
    let status = Command::new("mdbook").arg("build").arg(folder).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("mdbook build: {status}")),
        Err(error) => return Err(format!("could not start mdbook: {error}")),
    }
    let book = folder.join("book");
    let right = format!("{}: every link leads somewhere", book.join("index.html").display());
    Ok(told(&bound::problems(&book)?, &right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_have_the_form_that_they_should_and_their_links_lead_somewhere() {
        let book = Book::read(&workspace().join("docs").join("tour").join("src")).unwrap();
        assert!(10 < book.pages.len());
        let wrong = [book.problems(), book.missing_pictures()].concat();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
