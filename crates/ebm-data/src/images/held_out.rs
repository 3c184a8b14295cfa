//! Images that are held out of those for training.

use crate::named::OpenOptions;
use crate::tables::holdout::Holdout;
use crate::{DataError, Split};

/// Images of which some are held out.
pub(crate) trait Divided: Sized {
    /// The number of images.
    fn n_images(&self) -> usize;

    /// The images with a note.
    fn noted(self, note: String) -> Self;

    /// The images for which `is_kept` is true, at least one, with a note of how they were chosen.
    fn chosen(self, is_kept: &[bool], note: String) -> Self;
}

/// The wanted split of data that `read` reads: without a held-out part of their own, the share `data.holdout` of the
/// images for training is one, chosen by the seed and the place of each image.
///
/// # Errors
/// As `read`, if the share is none, or if it leaves no image on either side.
pub(crate) fn part<S: Divided>(
    options: &OpenOptions,
    has_held_out: bool,
    read: impl Fn(Split) -> Result<S, DataError>,
) -> Result<S, DataError> {
    let split = options.spec.split;
    let Some(share) = options.spec.holdout else { return read(split) };
    if has_held_out {
        return Ok(read(split)?.noted("data.holdout is not used: there is a held-out part".into()));
    }
    let holdout = Holdout::new(share, options.noise)?;
    let set = read(Split::Train)?;
    let n = set.n_images();
    let is_kept: Vec<bool> =
        holdout.flags(n).into_iter().map(|is_out| is_out == (split == Split::Test)).collect();
    let kept = is_kept.iter().filter(|is_kept| **is_kept).count();
    if kept == 0 || kept == n {
        let problem = format!("data.holdout = {share} of {n} images leaves none for one of the two parts");
        return Err(DataError::Spec(problem));
    }
    let note = match split {
        Split::Train => format!("{} of {n} are held out (data.holdout = {share})", n - kept),
        Split::Test => format!("held out of {n} (data.holdout = {share})"),
    };
    Ok(set.chosen(&is_kept, note))
}
