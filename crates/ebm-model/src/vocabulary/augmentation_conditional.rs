//! Scores of augmented data, given how they are augmented.

use crate::{NoisyDirectionalScore, RowLabels};

/// The score at every noise level of data that are augmented, given what was done to each row.
///
/// By itself, as [`NoisyScore`](crate::NoisyScore), it is that of data to which nothing was done. So a network learns from
/// data that are turned and stretched, and its samples are not: the augmentations do not leak.
///
/// # Reference
/// Karras, Aittala, Aila and Laine (2022), *Elucidating the design space of diffusion-based generative models*, §F.2.
pub trait AugmentationConditional {
    /// Parameters of what is done to a row.
    fn n_augmentations(&self) -> usize;

    /// The score for a batch of rows with these labels. It panics if a batch has another number of rows.
    fn score_given<'a>(&'a self, labels: RowLabels) -> Box<dyn NoisyDirectionalScore + 'a>;
}
