//! The files of an image folder, in order, and what was left out.

use std::collections::HashSet;
use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

use crate::DataError;
use crate::files::picture::ENDINGS;

/// Most folders within each other.
const MAX_DEPTH: usize = 64;

/// The images below a folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Images directly in the folder, by name.
    pub(super) files: Vec<PathBuf>,
    /// Folders with images at any depth, by name: (path, images).
    pub(super) folders: Vec<(PathBuf, Vec<PathBuf>)>,
    pub(super) left_out: LeftOut,
}

/// What is no image, or was not followed.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    others: Vec<PathBuf>,
    hidden: usize,
    dangling: Vec<PathBuf>,
    circular: Vec<PathBuf>,
    empty: Vec<PathBuf>,
}

/// The content of one folder.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) images: Vec<PathBuf>,
    pub(super) folders: Vec<PathBuf>,
}

/// A walk through the folders of a data folder.
pub(super) struct Walk<'a> {
    /// The data folder without links in its path; links that lead out of it are refused, if there is one.
    pub(super) within: Option<&'a Path>,
    pub(super) left_out: LeftOut,
}

impl Walk<'_> {
    /// The images directly in `folder` and in the folders of it, except in those that `skip` says.
    pub(super) fn folder(mut self, folder: &Path, skip: impl Fn(&Path) -> bool) -> Result<Found, DataError> {
        let Entries { images, folders } = self.entries(folder)?;
        // A link back to a folder above would bring everything again.
        let above: HashSet<PathBuf> =
            folder.canonicalize().iter().flat_map(|folder| folder.ancestors()).map(PathBuf::from).collect();
        let mut found = Vec::new();
        for class in folders.into_iter().filter(|folder| !skip(folder)) {
            let mut files = Vec::new();
            self.collect(&class, &mut files, &mut above.clone(), 1)?;
            if files.is_empty() {
                self.left_out.empty.push(class);
                continue;
            }
            files.sort_unstable();
            found.push((class, files));
        }
        Ok(Found { files: images, folders: found, left_out: self.left_out })
    }

    /// Every image below `folder`; a folder to which two paths lead is read once.
    fn collect(
        &mut self,
        folder: &Path,
        files: &mut Vec<PathBuf>,
        seen: &mut HashSet<PathBuf>,
        depth: usize,
    ) -> Result<(), DataError> {
        let place = folder.canonicalize().map_err(|source| DataError::io(folder, source))?;
        if !seen.insert(place) {
            self.left_out.circular.push(folder.into());
            return Ok(());
        }
        if MAX_DEPTH < depth {
            let problem = format!("more than {MAX_DEPTH} folders within each other");
            return Err(DataError::malformed(folder, problem));
        }
        let Entries { images, folders } = self.entries(folder)?;
        files.extend(images);
        folders.iter().try_for_each(|folder| self.collect(folder, files, seen, depth + 1))
    }

    /// The images and folders directly in `folder`, by name.
    pub(super) fn entries(&mut self, folder: &Path) -> Result<Entries, DataError> {
        let failed = |source| DataError::io(folder, source);
        let mut found = Entries::default();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            if is_hidden(&entry.file_name().to_string_lossy()) {
                self.left_out.hidden += 1;
                continue;
            }
            let Some(kind) = self.kind(&path, entry.file_type().map_err(failed)?)? else { continue };
            if kind.is_dir() {
                found.folders.push(path);
            } else if kind.is_file() && is_image(&path) {
                found.images.push(path);
            } else {
                self.left_out.others.push(path);
            }
        }
        found.images.sort_unstable();
        found.folders.sort_unstable();
        Ok(found)
    }

    /// What is at `path`, at the end of a link if it is one; nothing if the link leads nowhere.
    fn kind(&mut self, path: &Path, kind: FileType) -> Result<Option<FileType>, DataError> {
        if !kind.is_symlink() {
            return Ok(Some(kind));
        }
        let Ok(target) = path.canonicalize() else {
            self.left_out.dangling.push(path.into());
            return Ok(None);
        };
        let kind = fs::metadata(&target).map_err(|source| DataError::io(path, source))?.file_type();
        let leads_out = self.within.is_some_and(|root| !target.starts_with(root));
        if leads_out && (kind.is_dir() || is_image(path)) {
            return Err(DataError::LinkOut { link: path.into(), target });
        }
        Ok(Some(kind))
    }
}

impl LeftOut {
    /// A sentence for each kind.
    pub(super) fn notes(&self, root: &Path) -> Vec<String> {
        let sentence = |paths: &[PathBuf], one: &str, many: &str| {
            (!paths.is_empty()).then(|| {
                let what = if paths.len() == 1 { one } else { many };
                format!("{} {what} left out: {}", paths.len(), examples(paths, root))
            })
        };
        let hidden = (0 < self.hidden).then(|| match self.hidden {
            1 => "1 hidden file left out".to_string(),
            n => format!("{n} hidden files left out"),
        });
        [
            sentence(&self.others, "file of another kind", "files of other kinds"),
            sentence(&self.empty, "folder without images", "folders without images"),
            sentence(&self.dangling, "link to nothing", "links to nothing"),
            sentence(&self.circular, "link to a folder that was read", "links to folders that were read"),
            hidden,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The first few paths, below `root`.
pub(super) fn examples(paths: &[PathBuf], root: &Path) -> String {
    const SHOWN: usize = 3;
    let mut paths: Vec<&PathBuf> = paths.iter().collect();
    paths.sort_unstable();
    let shown = paths.iter().take(SHOWN).map(|path| path.strip_prefix(root).unwrap_or(path).display());
    let text = shown.map(|path| path.to_string()).collect::<Vec<_>>().join(", ");
    if SHOWN < paths.len() { format!("{text}, …") } else { text }
}

/// Whether a file or folder is one that systems leave behind, for themselves.
pub(super) fn is_hidden(name: &str) -> bool {
    const SYSTEMS: [&str; 5] = ["__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "lost+found"];
    name.starts_with('.') || SYSTEMS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

pub(super) fn is_image(file: &Path) -> bool {
    let known = |ending| ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending));
    file.extension().and_then(|ending| ending.to_str()).is_some_and(known)
}
