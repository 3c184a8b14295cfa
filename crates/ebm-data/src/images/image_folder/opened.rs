//! A folder of images in memory, or of ones that are decoded as they are wanted.

use super::wanted::WantedImages;
use super::{ImageFolder, packed};
use crate::data::Data;
use crate::images::held_out::Divided;
use crate::images::image_set::ImageSet;
use crate::{DataError, Split};

/// The images of a folder, by how many there are.
pub(super) enum Opened {
    Whole(ImageSet),
    Wanted(WantedImages),
}

impl ImageFolder {
    /// One split: in memory if its bytes are at most `most`, or if it is in an archive, whose members cannot be read one by
    /// one.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn opened(&self, split: Split, most: u64) -> Result<Opened, DataError> {
        let listing = self.list(split)?;
        if packed::archive_at(&self.root).is_some() {
            return self.whole(listing).map(Opened::Whole);
        }
        let one = self.picture(&listing.files[0], None, None)?.shape;
        if (listing.files.len() as u64).saturating_mul(one.dim() as u64) <= most {
            return self.whole(listing).map(Opened::Whole);
        }
        self.wanted(listing, one).map(Opened::Wanted)
    }
}

impl Divided for Opened {
    fn n_images(&self) -> usize {
        match self {
            Self::Whole(images) => images.n_images(),
            Self::Wanted(images) => images.n_images(),
        }
    }

    fn noted(self, note: String) -> Self {
        match self {
            Self::Whole(images) => Self::Whole(images.noted(note)),
            Self::Wanted(images) => Self::Wanted(images.noted(note)),
        }
    }

    fn chosen(self, is_kept: &[bool], note: String) -> Self {
        match self {
            Self::Whole(images) => Self::Whole(images.chosen(is_kept, note)),
            Self::Wanted(images) => Self::Wanted(images.chosen(is_kept, note)),
        }
    }
}

impl From<Opened> for Data {
    fn from(images: Opened) -> Self {
        match images {
            Opened::Whole(images) => images.into(),
            Opened::Wanted(images) => images.into(),
        }
    }
}
