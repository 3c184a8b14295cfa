//! What is added to the sines and cosines of the noise level.

use burn::tensor::Tensor;

use crate::RowLabels;
use crate::layers::{AugmentationEmbedding, ClassEmbedding};

/// The sum of the embeddings of the class of each row, or of no class, and of what was done to it: `[batch, width]`, or one
/// row for all. `None` if there is nothing to add.
pub(crate) fn beside(
    classes: Option<&ClassEmbedding>,
    augmentations: Option<&AugmentationEmbedding>,
    labels: RowLabels,
) -> Option<Tensor<2>> {
    let class = classes.map(|embedding| embedding.forward(labels.class));
    let augmentation = augmentations.zip(labels.augmentations);
    let augmentation = augmentation.map(|(embedding, augmentations)| embedding.forward(augmentations));
    match (class, augmentation) {
        (Some(class), Some(augmentation)) => Some(augmentation + class),
        (class, augmentation) => class.or(augmentation),
    }
}
