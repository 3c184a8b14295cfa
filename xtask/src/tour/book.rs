//! The pages in the order of the summary.

use std::fs;
use std::path::{Path, PathBuf};

use super::links::{is_elsewhere, is_picture, targets};
use super::page::Page;

/// The pages of a book.
pub struct Book {
    /// The folder of the pages.
    pub folder: PathBuf,
    /// The pages, in order.
    pub pages: Vec<Page>,
}

impl Book {
    /// Reads the pages that `SUMMARY.md` in `folder` links to.
    ///
    /// # Errors
    /// If a page cannot be read or understood.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|e| format!("could not read {}: {e}", path.display()))
        };
        let names = targets(&read("SUMMARY.md")?);
        let pages =
            names.iter().map(|name| Page::parse(name, &read(name)?)).collect::<Result<_, String>>()?;
        Ok(Self { folder: folder.to_owned(), pages })
    }

    /// What is missing on a page, links that lead nowhere, and pages and pictures that nothing leads to.
    pub fn problems(&self) -> Vec<String> {
        let mut wrong: Vec<String> = self.pages.iter().flat_map(Page::problems).collect();
        wrong.extend(self.pages.iter().flat_map(|page| self.broken_links(page)));
        for file in files(&self.folder) {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_linked = |page: &Page| page.links.iter().any(|link| link.ends_with(name));
            let is_page = name == "SUMMARY.md" || self.pages.iter().any(|page| page.name == name);
            if !is_page && !self.pages.iter().any(is_linked) {
                wrong.push(format!("{}: no page leads to it", file.display()));
            }
        }
        wrong
    }

    /// A line for each picture that no command has made yet.
    pub fn missing_pictures(&self) -> Vec<String> {
        let pictures = self.pages.iter().flat_map(|page| page.pictures().map(move |picture| (page, picture)));
        let missing = pictures.filter(|(_, picture)| !self.folder.join(picture).is_file());
        missing.map(|(page, picture)| format!("{}: there is no {picture} yet", page.name)).collect()
    }

    /// A line for each other link of a page that leads nowhere.
    fn broken_links(&self, page: &Page) -> Vec<String> {
        let mut wrong = Vec::new();
        for link in page.links.iter().filter(|link| !is_elsewhere(link) && !is_picture(link)) {
            let path = link.split('#').next().unwrap_or_default();
            if !path.is_empty() && !self.folder.join(path).exists() {
                wrong.push(format!("{}: the link {link} leads nowhere", page.name));
            }
            // mdBook turns the name of any page into that of a page of the book.
            if path.starts_with("..") && path.ends_with(".md") {
                wrong.push(format!(
                    "{}: the link {link} to a page outside of the book breaks in it",
                    page.name
                ));
            }
        }
        wrong
    }
}

/// The files in a folder and in those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    found.sort();
    found
}
