//! Which array of an archive holds the images, and which their classes.

use std::path::{Path, PathBuf};

use super::shape::{StackShape, shown};
use crate::files::npz::Archive;
use crate::images::held_out::Divided;
use crate::images::image_set::ImageSet;
use crate::images::preparation::Preparation;
use crate::{DataError, Split};

/// Names of images and of their labels, in lower case; the first that is there is meant.
const TRAINING: [(&[&str], &[&str]); 3] = [
    (&["images", "x", "data", "imgs", "samples"], &["labels", "y", "label", "targets", "classes"]),
    (&["x_train", "train_x", "xtrain"], &["y_train", "train_y", "ytrain"]),
    (&["train_images", "images_train", "train", "train_data"], &["train_labels", "labels_train"]),
];
const HELD_OUT: [(&[&str], &[&str]); 4] = [
    (&["x_test", "test_x", "xtest"], &["y_test", "test_y", "ytest"]),
    (&["test_images", "images_test", "test", "test_data"], &["test_labels", "labels_test"]),
    (&["x_val", "x_valid", "val_x"], &["y_val", "y_valid", "val_y"]),
    (&["val_images", "images_val", "val", "valid"], &["val_labels", "labels_val"]),
];

/// What data with a held-out part have, for an error.
pub(super) const NONE_HELD_OUT: &str = "x_test or test_images in an .npz archive, or a folder with train.npy and test.npy; trained with `--set \
     data.holdout=0.1`, a tenth of the images is held out";

/// Most classes.
const MAX_CLASSES: usize = 65_536;

/// The arrays of an archive by their roles.
pub(super) struct Members {
    archive: Archive,
    file: PathBuf,
}

/// The classes of images.
struct Classes {
    labels: Vec<u32>,
    names: Vec<String>,
}

impl Members {
    pub(super) fn of(archive: Archive, file: &Path) -> Self {
        Self { archive, file: file.into() }
    }

    pub(super) fn has_held_out(&self) -> bool {
        self.images(Split::Test).is_ok()
    }

    /// The images of a split, with their classes if they have any.
    pub(super) fn read(&self, split: Split, wanted: &Preparation) -> Result<ImageSet, DataError> {
        let (name, labels) = self.images(split)?;
        let path = self.file.join(&name);
        let array = self.archive.array(&name)?;
        let shape: Vec<u64> = array.shape.iter().map(|&n| n as u64).collect();
        let set = StackShape::of(&shape, &path)?.images(array, &path, wanted)?;
        let mut notes = vec![format!("the array {name}")];
        let known = match split {
            Split::Test => self.training_labels(),
            Split::Train => Vec::new(),
        };
        let classes = match &labels {
            Some(labels) => match self.classes(labels, set.n_images(), &known) {
                Ok(classes) => Some(classes),
                Err(DataError::Labels { images, labels: found, .. }) => {
                    let file = self.file.join(labels);
                    return Err(DataError::Labels { file, images, labels: found });
                }
                Err(error) => {
                    notes.push(format!("{labels} left out: {error}"));
                    None
                }
            },
            None => None,
        };
        let used = |other: &str| other == name || Some(other) == labels.as_deref();
        let is_part = |other: &str| {
            let lists =
                TRAINING.iter().chain(&HELD_OUT).flat_map(|(images, labels)| images.iter().chain(*labels));
            lists.into_iter().any(|known| known.eq_ignore_ascii_case(other))
        };
        let others: Vec<&str> = self.archive.names().filter(|name| !used(name) && !is_part(name)).collect();
        if !others.is_empty() {
            notes.push(format!("arrays left out: {}", listed(&others)));
        }
        let set = set.with_notes(notes);
        Ok(match classes {
            Some(Classes { labels, names }) => set.with_labels(labels, names),
            None => set,
        })
    }

    /// The names of the images of a split and of their labels.
    fn images(&self, split: Split) -> Result<(String, Option<String>), DataError> {
        let roles: &[_] = if split == Split::Train { &TRAINING } else { &HELD_OUT };
        for (images, labels) in roles {
            if let Some(name) =
                images.iter().find_map(|name| self.named(name)).filter(|name| self.may_be(name))
            {
                return Ok((name, labels.iter().find_map(|name| self.named(name))));
            }
        }
        if split == Split::Test {
            return Err(DataError::NoHeldOut { path: self.file.clone(), expected: NONE_HELD_OUT });
        }
        let is_held_out = |name: &str| {
            HELD_OUT.iter().flat_map(|(images, _)| *images).any(|known| known.eq_ignore_ascii_case(name))
        };
        let possible: Vec<&str> =
            self.archive.names().filter(|name| !is_held_out(name) && self.may_be(name)).collect();
        match possible[..] {
            [only] => {
                let labels = TRAINING.iter().flat_map(|(_, labels)| *labels);
                Ok((only.into(), labels.into_iter().find_map(|name| self.named(name))))
            }
            _ => Err(self.none_or_many(&possible)),
        }
    }

    fn none_or_many(&self, possible: &[&str]) -> DataError {
        if self.archive.names().next().is_none() {
            return DataError::Empty { path: self.file.clone(), expected: "arrays" };
        }
        // An array that is damaged, or unpacks to too much, may be the images.
        let is_damaged =
            |error: &DataError| matches!(error, DataError::Malformed { .. } | DataError::Truncated { .. });
        let errors = || self.archive.names().filter_map(|name| self.archive.header(name).err());
        if possible.is_empty()
            && let Some(error) = errors().find(is_damaged)
        {
            return error;
        }
        let shape = |name: &str| match self.archive.header(name) {
            Ok(header) => format!("{name} {}", shown(&header.shape)),
            Err(_) => format!("{name} (no array of numbers)"),
        };
        const SHOWN: usize = 8;
        let found: Vec<String> = match possible {
            [] => self.archive.names().take(SHOWN).map(shape).collect(),
            many => many.iter().take(SHOWN).map(|name| shape(name)).collect(),
        };
        let problem = if possible.is_empty() {
            format!(
                "no array of images among {}: expected [n, height, width], with channels before or after; a table is \
                 read from a .npy file",
                found.join(", ")
            )
        } else {
            format!("several arrays may be the images, {}: name one of them `images`", found.join(", "))
        };
        DataError::malformed(&self.file, problem)
    }

    /// The array of this name, whatever the case of its letters.
    fn named(&self, name: &str) -> Option<String> {
        self.archive.names().find(|found| found.eq_ignore_ascii_case(name)).map(String::from)
    }

    fn may_be(&self, name: &str) -> bool {
        self.archive.header(name).is_ok_and(|header| StackShape::is_possible(&header.shape))
    }

    /// The labels of the images for training, if they have any.
    fn training_labels(&self) -> Vec<i64> {
        let labels = self.images(Split::Train).ok().and_then(|(_, labels)| labels);
        labels.and_then(|labels| self.whole_numbers(&labels).ok()).unwrap_or_default()
    }

    /// The classes of `images` images: those of `known` labels first, in order, then others.
    fn classes(&self, name: &str, images: usize, known: &[i64]) -> Result<Classes, DataError> {
        let numbers = self.whole_numbers(name)?;
        if numbers.len() != images {
            return Err(DataError::Labels { file: self.file.join(name), images, labels: numbers.len() });
        }
        let ordered = |numbers: &[i64]| {
            let mut numbers = numbers.to_vec();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        };
        let mut classes = ordered(known);
        let more: Vec<i64> =
            ordered(&numbers).into_iter().filter(|n| classes.binary_search(n).is_err()).collect();
        classes.extend(more);
        if MAX_CLASSES < classes.len() {
            let problem = format!("{} classes, expected at most {MAX_CLASSES}", classes.len());
            return Err(DataError::Spec(problem));
        }
        let place: std::collections::HashMap<i64, u32> = classes.iter().copied().zip(0..).collect();
        let labels = numbers.iter().map(|number| place[number]).collect();
        Ok(Classes { labels, names: classes.iter().map(i64::to_string).collect() })
    }

    /// The numbers of an array of one dimension, or of one column, all of them whole.
    fn whole_numbers(&self, name: &str) -> Result<Vec<i64>, DataError> {
        let shape = self.archive.header(name)?.shape;
        if !matches!(shape[..], [_] | [_, 1]) {
            return Err(DataError::Spec(format!("{}, expected one label an image", shown(&shape))));
        }
        let numbers = self.archive.array(name)?.map(|value| value);
        let whole = |value: &f64| value.fract() == 0.0 && value.abs() < 9e15;
        match numbers.iter().find(|value| !whole(value)) {
            Some(value) => Err(DataError::Spec(format!("{value} is no whole number"))),
            None => Ok(numbers.into_iter().map(|value| value as i64).collect()),
        }
    }
}

fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let more = if SHOWN < names.len() { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}
