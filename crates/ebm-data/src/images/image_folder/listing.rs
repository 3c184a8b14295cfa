//! The images of a split with their classes.

use std::path::PathBuf;

use super::layout::name;

/// The images of a split, in order.
pub(super) struct Listing {
    pub(super) files: Vec<PathBuf>,
    pub(super) labels: Option<Vec<u32>>,
    pub(super) classes: Vec<String>,
    pub(super) notes: Vec<String>,
}

impl Listing {
    /// Images in a folder for each class; `known` are classes that come first, so that those of a held-out part have the
    /// labels of training.
    pub(super) fn of_classes(
        found: Vec<(PathBuf, Vec<PathBuf>)>,
        known: Vec<String>,
        notes: Vec<String>,
    ) -> Self {
        let (mut classes, mut files, mut labels) = (known, Vec::new(), Vec::new());
        for (class, images) in found {
            let class = name(&class);
            let label = classes.iter().position(|known| *known == class).unwrap_or_else(|| {
                classes.push(class);
                classes.len() - 1
            });
            labels.extend(vec![label as u32; images.len()]);
            files.extend(images);
        }
        Self { files, labels: Some(labels), classes, notes }
    }
}
