//! Brings the files of a dataset, checked byte for byte.

mod download;
mod local;
pub mod manifest;
pub mod unpack;

use std::fmt;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use self::download::Downloader;
use self::manifest::{Dataset, Download, Manifest};

use crate::error::{Context, Result, bail};

/// The names that `ebm fetch` knows.
pub const DATASETS: [&str; 3] = ["mnist", "fashion-mnist", "cifar10"];

/// Bring the files of a dataset, by download or from a folder, and check size and SHA-256 of each.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Which dataset.
    pub name: String,
    /// Take the files from this folder, unpacked or as .gz, instead of downloading them.
    pub from: Option<PathBuf>,
    /// Where to put them [default: data/NAME].
    pub to: Option<PathBuf>,
}

/// What a fetch did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The folder that holds the dataset now.
    pub folder: PathBuf,
    /// Files that were brought.
    pub new: usize,
    /// Files that were there already and are right.
    pub kept: usize,
    /// What the dataset is, whose, and under which terms.
    pub about: String,
}

impl fmt::Display for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} files brought, {} already there", self.folder.display(), self.new, self.kept)?;
        f.write_str(&self.about)
    }
}

impl Fetch {
    /// Brings what is missing or wrong; a file appears under its name only after it was checked.
    ///
    /// # Errors
    /// If a file cannot be found, read, downloaded or written, or is not the one that the manifest describes.
    pub fn run(&self) -> Result<Fetched> {
        let manifest = Manifest::embedded()?;
        let dataset = manifest.dataset(&self.name)?;
        let folder = self.to.clone().unwrap_or_else(|| default_folder(&self.name));
        let source = match &self.from {
            Some(folder) => Source::Folder(folder.clone()),
            None => Source::Network(Downloader::from_environment()?),
        };
        fetch(dataset, &source, &folder)
    }
}

/// Where a dataset lies unless said otherwise: `data/NAME` under the current folder.
pub fn default_folder(name: &str) -> PathBuf {
    Path::new("data").join(name)
}

enum Source {
    Folder(PathBuf),
    Network(Downloader),
}

fn fetch(dataset: &Dataset, source: &Source, folder: &Path) -> Result<Fetched> {
    let about = format!("{}\n{}\nlicence: {}", dataset.title, dataset.source, dataset.licence);
    let mut fetched = Fetched { folder: folder.to_owned(), new: 0, kept: 0, about };
    for download in &dataset.downloads {
        if download.files.iter().all(|file| unpack::is_right(&folder.join(&file.name), file)) {
            fetched.kept += download.files.len();
            continue;
        }
        match source {
            Source::Folder(from) => local::take(download, from, folder)?,
            Source::Network(downloader) => bring(dataset, download, downloader, folder)?,
        }
        fetched.new += download.files.len();
    }
    Ok(fetched)
}

/// Tries one address after another until one gives the right files.
fn bring(dataset: &Dataset, download: &Download, downloader: &Downloader, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("could not make the folder {}", folder.display()))?;
    let mut failures = Vec::new();
    for url in &download.urls {
        let bar = bar(&download.name);
        let result = downloader
            .get(url, download.most_bytes(), folder, &bar)
            .and_then(|packed| unpack::accept(&packed, url, download, folder));
        bar.finish_and_clear();
        match result {
            Ok(()) => return Ok(()),
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    bail!(
        "could not download {} of {}: {}; with --from FOLDER it is taken from a folder",
        download.name,
        dataset.name,
        failures.join("; ")
    )
}

fn bar(name: &str) -> ProgressBar {
    let style = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style.progress_chars("=> ")).with_message(name.to_owned())
}

#[cfg(test)]
mod tests;
