//! Pages as files.

use std::path::Path;

use ebm_report::page::Page;

use super::story::Story;
use super::{compared, single};
use crate::error::Result;
use crate::folder::RunFolder;

/// Most bytes of a page.
pub const MAX_BYTES: usize = 3_000_000;

/// The page of a run.
///
/// # Errors
/// If its configuration cannot be read.
pub fn of_run(folder: &RunFolder) -> Result<String> {
    let story = Story::of(folder)?;
    Ok(bounded(|pictures| single::page(&story, pictures)))
}

/// The page of several runs side by side.
///
/// # Errors
/// As [`of_run`].
pub fn of_runs(folders: &[RunFolder]) -> Result<String> {
    let stories = folders.iter().map(Story::of).collect::<Result<Vec<_>>>()?;
    Ok(bounded(|pictures| compared::page(&stories, pictures)))
}

/// Writes the page of a run, whole or not at all: to `path`, or into its folder.
///
/// # Errors
/// As [`of_run`], or if the disk refuses.
pub fn write(folder: &RunFolder, path: Option<&Path>) -> Result<()> {
    let page = of_run(folder)?;
    let own = folder.page();
    Ok(ebm_files::write_bytes(path.unwrap_or(&own), page.as_bytes())?)
}

/// The page with as many pictures as there is room for.
fn bounded(page: impl Fn(usize) -> Page) -> String {
    let mut html = String::new();
    for pictures in [10, 3, 0] {
        html = page(pictures).html();
        if html.len() <= MAX_BYTES {
            break;
        }
    }
    html
}
