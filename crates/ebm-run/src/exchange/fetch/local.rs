//! The files of a download from a folder on this computer.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::manifest::{Content, Download};
use super::unpack;
use crate::error::{Context, Result, bail};

/// Takes the files of `download` out of `from` and puts them, checked, into `to`.
///
/// A file may lie there as it is or as `.gz`; an archive whole, or its files beside each other or in its own folder.
///
/// # Errors
/// If a file is not there, cannot be read, or is not the one that the manifest describes.
pub fn take(download: &Download, from: &Path, to: &Path) -> Result<()> {
    let whole = [download.name.as_str(), download.name.strip_suffix(".gz").unwrap_or(&download.name)];
    if let Some(path) = first_file(whole.map(|name| from.join(name))) {
        return accept(&path, download, to);
    }
    for file in &download.files {
        let Some(path) = first_file(places(file, from)) else {
            bail!("neither {} nor {} is in {}", file.name, download.name, from.display());
        };
        let alone = Content { member: None, ..file.clone() };
        accept(&path, &Download { name: file.name.clone(), files: vec![alone], ..download.clone() }, to)?;
    }
    Ok(())
}

fn accept(path: &Path, download: &Download, to: &Path) -> Result<()> {
    let opened = File::open(path).with_context(|| format!("could not read {}", path.display()))?;
    unpack::accept(&opened, &path.display().to_string(), download, to)
}

fn places(file: &Content, from: &Path) -> Vec<PathBuf> {
    let names = [Some(&file.name), file.member.as_ref()].into_iter().flatten();
    names.flat_map(|name| [from.join(name), from.join(format!("{name}.gz"))]).collect()
}

fn first_file(places: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    places.into_iter().find(|path| path.is_file())
}
