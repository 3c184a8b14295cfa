//! Which folder holds which part of the data.

use std::path::{Path, PathBuf};

use super::walk::{Entries, Found, LeftOut, Walk, examples};
use crate::{DataError, Split};

/// Names of a folder with the images for training, in lower case.
const TRAINING: [&str; 2] = ["train", "training"];

/// Names of folders with images that are held out, those for testing before those for validation.
const TESTING: [&str; 2] = ["test", "testing"];
const VALIDATION: [&str; 4] = ["val", "valid", "validation", "dev"];

/// What is expected where nothing is held out.
pub(super) const NO_HELD_OUT: &str = "a folder test, val, valid, validation or dev beside those for training; trained with \
                                      `--set data.holdout=0.1`, a tenth of the images is held out";

/// What a folder's name says of its images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Training,
    Testing,
    Validation,
}

impl Part {
    /// The part that a folder of this name has, if it is the name of one.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let is_in = |names: &[&str]| names.contains(&&*name);
        match () {
            () if is_in(&TRAINING) => Some(Self::Training),
            () if is_in(&TESTING) => Some(Self::Testing),
            () if is_in(&VALIDATION) => Some(Self::Validation),
            () => None,
        }
    }
}

/// The parts of a data folder.
pub(super) struct Layout {
    /// The folder that has the parts: the data folder, or the only folder in it.
    root: PathBuf,
    training: Option<PathBuf>,
    testing: Option<PathBuf>,
    validation: Option<PathBuf>,
    /// What else there is beside the parts.
    others: Vec<PathBuf>,
}

impl Layout {
    /// Finds the parts of the data in `root`, whose path has no links.
    ///
    /// # Errors
    /// If a folder cannot be read, two of them have the name of one part, or a link leads out.
    pub(super) fn of(root: &Path, within: Option<&Path>) -> Result<Self, DataError> {
        let mut folder = root.to_path_buf();
        loop {
            let mut walk = Walk { within, left_out: LeftOut::default() };
            let Entries { images, folders } = walk.entries(&folder)?;
            let layout = Self::among(&folder, &images, &folders)?;
            // An archive that was unpacked leaves its content in a folder of its own.
            match &folders[..] {
                [only] if images.is_empty() && !layout.has_parts() => {
                    let inner = walk.entries(only)?;
                    if Self::among(only, &inner.images, &inner.folders)?.has_parts() {
                        folder = only.clone();
                        continue;
                    }
                    return Ok(layout);
                }
                _ => return Ok(layout),
            }
        }
    }

    fn among(root: &Path, images: &[PathBuf], folders: &[PathBuf]) -> Result<Self, DataError> {
        let named = |part: Part| {
            let matching = folders.iter().filter(|folder| Part::named(&name(folder)) == Some(part));
            match matching.collect::<Vec<_>>()[..] {
                [] => Ok(None),
                [one] => Ok(Some(one.clone())),
                [one, other, ..] => {
                    let problem = format!("both {}/ and {}/: expected one of them", name(one), name(other));
                    Err(DataError::malformed(root, problem))
                }
            }
        };
        let [training, testing, validation] =
            [named(Part::Training)?, named(Part::Testing)?, named(Part::Validation)?];
        let is_part =
            |path: &&PathBuf| [&training, &testing, &validation].into_iter().flatten().any(|p| p == *path);
        let others = folders.iter().filter(|path| !is_part(path)).chain(images).cloned().collect();
        Ok(Self { root: root.into(), training, testing, validation, others })
    }

    fn has_parts(&self) -> bool {
        self.training.is_some() || self.held_out().is_some()
    }

    /// The folder of the held-out images: those for testing, or else those for validation.
    pub(super) fn held_out(&self) -> Option<&Path> {
        self.testing.as_deref().or(self.validation.as_deref())
    }

    /// The images of a part, and its folder.
    ///
    /// Without a folder for training, everything beside the held-out folders is for training.
    ///
    /// # Errors
    /// [`DataError::NoHeldOut`] if none are held out; [`DataError::NotFound`] if none are for training.
    pub(super) fn part(&self, split: Split, within: Option<&Path>) -> Result<(PathBuf, Found), DataError> {
        let walk = Walk { within, left_out: LeftOut::default() };
        let folder = match (split, &self.training) {
            (Split::Test, _) => self
                .held_out()
                .ok_or_else(|| DataError::NoHeldOut { path: self.root.clone(), expected: NO_HELD_OUT })?,
            (Split::Train, Some(training)) => training,
            (Split::Train, None) if self.others.is_empty() && self.held_out().is_some() => {
                return Err(DataError::NotFound { path: self.root.join("train") });
            }
            (Split::Train, None) => &self.root,
        };
        let held_out = [&self.testing, &self.validation];
        let skip =
            |path: &Path| self.training.is_none() && held_out.into_iter().flatten().any(|part| part == path);
        Ok((folder.into(), walk.folder(folder, skip)?))
    }

    /// The names of the classes for training, in their order; none if they cannot be listed.
    pub(super) fn training_classes(&self, within: Option<&Path>) -> Vec<String> {
        let found = self.part(Split::Train, within).map(|(_, found)| found.folders).unwrap_or_default();
        found.iter().map(|(class, _)| name(class)).collect()
    }

    /// A sentence about the part that was read, and one about what is in no part.
    pub(super) fn notes(&self, split: Split) -> Vec<String> {
        let mut notes = Vec::new();
        let Some(held_out) = self.held_out() else { return notes };
        notes.push(match split {
            Split::Train => format!("{}/ is held out", name(held_out)),
            Split::Test => format!("the held-out part, {}/", name(held_out)),
        });
        if let (Some(_), Some(validation)) = (&self.testing, &self.validation) {
            notes.push(format!("{}/ is not used", name(validation)));
        }
        notes
    }

    /// A sentence about what is in no part.
    pub(super) fn beside(&self) -> Option<String> {
        if self.training.is_none() || self.others.is_empty() {
            return None;
        }
        let others = examples(&self.others, &self.root);
        Some(format!("beside the parts and left out: {others}"))
    }
}

/// The name of a file or folder.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
