//! Keys that would do nothing for the data they are given for.

use super::DataSpec;
use crate::{DataError, DatasetName};

impl DataSpec {
    /// Refuses keys that are for data of another kind, and an empty path of a cache.
    ///
    /// # Errors
    /// [`DataError::Spec`], which names the key.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        self.check_keys_of_images()?;
        self.check_keys_of_tables()
    }

    /// Refuses the keys of image files for data of another kind, where they would do nothing.
    fn check_keys_of_images(&self) -> Result<(), DataError> {
        let (is_of_images, is_drawn) = (self.is_of_image_files(), self.dataset == DatasetName::Glyphs);
        let keys = [
            ("size", self.size.is_some() && !is_of_images),
            ("fit", self.fit.is_some() && !is_of_images),
            ("background", self.background.is_some() && !is_of_images),
            ("channels", self.channels.is_some() && !is_of_images),
            ("follow_links", self.follow_links == Some(true) && self.dataset != DatasetName::Folder),
            ("cache", self.cache.is_some() && !self.may_be_wanted()),
            ("memory", self.memory.is_some() && !self.may_be_wanted()),
            ("flip", self.flip.is_some() && !is_of_images && !is_drawn),
            ("shift", self.shift.is_some() && !is_of_images && !is_drawn),
            ("augment", self.augment.is_some() && !is_of_images && !is_drawn),
        ];
        match keys.into_iter().find(|(_, is_idle)| *is_idle) {
            Some((key, _)) => {
                let kind = match key {
                    "follow_links" => "folders of images",
                    "cache" | "memory" => "folders of images and tables",
                    "flip" | "shift" | "augment" => "images",
                    _ => "files of images",
                };
                Err(DataError::Spec(format!(
                    "data.{key} is for {kind}; the dataset is {:?}",
                    self.dataset.name()
                )))
            }
            None => Ok(()),
        }
    }

    /// # Errors
    /// [`DataError::Spec`] if something is asked for that only tables have, and the data are no table.
    fn check_keys_of_tables(&self) -> Result<(), DataError> {
        if self.cache.as_ref().is_some_and(|cache| cache.as_os_str().is_empty()) {
            return Err(DataError::Spec("data.cache is empty; expected a folder".into()));
        }
        let keys = [
            ("columns", self.columns.is_some()),
            ("drop", self.drop.is_some()),
            ("label", self.label.is_some()),
            ("header", self.header.is_some()),
            ("delimiter", self.delimiter.is_some()),
            ("decimal", self.decimal.is_some()),
            ("missing", self.missing.is_some()),
            ("holdout", self.holdout.is_some() && !self.is_of_image_files()),
            ("transform", self.transform.is_some()),
        ];
        match keys.into_iter().find(|(_, is_given)| *is_given && self.dataset != DatasetName::Table) {
            Some((key, _)) => {
                let dataset = self.dataset;
                Err(DataError::Spec(format!("data.{key} is for tables, the data are those of {dataset}")))
            }
            None => Ok(()),
        }
    }

    /// Whether its items may be read as they are wanted.
    fn may_be_wanted(&self) -> bool {
        matches!(self.dataset, DatasetName::Folder | DatasetName::Table)
    }
}
