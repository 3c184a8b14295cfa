//! What is known of the rows of a batch.

use burn::tensor::{Int, Tensor};

/// What a network is given of each row besides its noise level; by default nothing.
#[derive(Clone, Debug, Default)]
pub struct RowLabels {
    /// The class of each row, `[batch]`, numbered from 0; the number of classes stands for no class. Without classes, all
    /// rows are of no class.
    pub class: Option<Tensor<1, Int>>,
    /// What was done to each row, `[batch, parameters]`, zero for what was not done. Without parameters, nothing was done
    /// to any.
    pub augmentations: Option<Tensor<2>>,
}

/// Classes alone.
impl From<Tensor<1, Int>> for RowLabels {
    fn from(class: Tensor<1, Int>) -> Self {
        Self { class: Some(class), augmentations: None }
    }
}

/// The parameters of augmentations alone.
impl From<Tensor<2>> for RowLabels {
    fn from(augmentations: Tensor<2>) -> Self {
        Self { class: None, augmentations: Some(augmentations) }
    }
}
