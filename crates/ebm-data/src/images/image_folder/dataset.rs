//! The dataset `folder`.

use std::path::Path;

use super::ImageFolder;
use crate::DataError;
use crate::data::Data;
use crate::files::archive::is_archive;
use crate::images::held_out::part;
use crate::named::{NamedDataset, OpenOptions};

/// The dataset `folder`.
pub(crate) struct ByName;

impl NamedDataset for ByName {
    fn about(&self) -> &'static str {
        "a folder or .tar, .tar.gz, .tar.xz of images (PNG, JPEG, WebP, BMP, TIFF, GIF), or one folder for each class"
    }

    fn open(&self, options: &OpenOptions) -> Result<Data, DataError> {
        options.path()?;
        let folder = ImageFolder::of(options.spec)?;
        let has_held_out = options.spec.holdout.is_some() && folder.has_held_out()?;
        let most = options.spec.most_bytes();
        match &options.spec.cache {
            Some(cache) => Ok(part(options, has_held_out, |split| folder.cached(split, cache, most))?.into()),
            None => Ok(part(options, has_held_out, |split| folder.opened(split, most))?.into()),
        }
    }

    fn is_at(&self, path: &Path) -> bool {
        path.is_dir() || is_archive(path)
    }
}
