//! What was done to a row as a vector.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use ebm_ops::dense::dense;

use crate::Init;

/// aW of the parameters a of augmentations: `[batch, parameters]` → `[batch, width]`, zero for rows to which nothing was
/// done.
///
/// It is added to the sines and cosines of the noise level.
///
/// # Reference
/// Karras, Aittala, Aila and Laine (2022), *Elucidating the design space of diffusion-based generative models*, §F.2,
/// whose networks have it at this place.
#[derive(Module, Debug)]
pub struct AugmentationEmbedding {
    /// `[parameters, width]`.
    weight: Param<Tensor<2>>,
}

impl AugmentationEmbedding {
    /// A weight by the law of Glorot and Bengio; without parameters there is no embedding.
    pub fn of(parameters: usize, width: usize, init: &Init) -> Option<Self> {
        (0 < parameters)
            .then(|| Self { weight: init.glorot("weight", [parameters, width], parameters + width, 1.0) })
    }

    /// The vector of each row, `[batch, width]`.
    pub fn forward(&self, augmentations: Tensor<2>) -> Tensor<2> {
        dense(augmentations, self.weight.val(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_row_to_which_nothing_was_done_has_the_vector_zero() {
        let embedding = testing::in_double(|init| AugmentationEmbedding::of(3, 4, init).unwrap());
        let rows = testing::doubles(&[[0.0, 0.0, 0.0], [0.0, 2.0, 0.0]]);
        let found = embedding.forward(rows);
        assert_eq!(found.clone().narrow(0, 0, 1).abs().max().into_scalar::<f64>(), 0.0);
        let second = embedding.weight.val().narrow(0, 1, 1) * 2.0;
        testing::assert_close(found.narrow(0, 1, 1), second, 1e-15, "a vector");
    }
}
