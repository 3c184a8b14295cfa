//! The class of a row as a vector.

use std::f64::consts::FRAC_1_SQRT_2;

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor};
use ebm_ops::dense::dense;

use crate::Init;
use crate::rows::one_hot;

/// A vector for each class and a last one for no class, which are trained: `[batch]` → `[batch, width]`.
///
/// They are added to the sines and cosines of the noise level, and begin as large as these.
///
/// # Reference
/// Karras, Aittala, Aila and Laine (2022), *Elucidating the design space of diffusion-based generative models*,
/// whose networks are given the class at this place; Ho and Salimans (2022), *Classifier-free diffusion guidance*, for
/// no class as one more.
#[derive(Module, Debug)]
pub struct ClassEmbedding {
    /// `[classes + 1, width]`.
    weight: Param<Tensor<2>>,
}

impl ClassEmbedding {
    /// The vectors of `n_classes` classes and of none; without classes there is no embedding.
    pub fn of(n_classes: usize, width: usize, init: &Init) -> Option<Self> {
        (0 < n_classes)
            .then(|| Self { weight: init.normal("weight", [n_classes + 1, width], 0.0, FRAC_1_SQRT_2) })
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.weight.lazy_shape()[0] - 1
    }

    /// The vector of each row's class, `[batch, width]`, or, without classes of rows, of no class, `[1, width]`.
    pub fn forward(&self, class: Option<Tensor<1, Int>>) -> Tensor<2> {
        let weight = self.weight.val();
        let n = weight.dims()[0];
        match class {
            // a product, whose gradient is a sum in a fixed order
            Some(class) => dense(one_hot(class, n, &weight), weight, None),
            None => weight.narrow(0, n - 1, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use burn::tensor::Device;

    #[test]
    fn each_row_has_the_vector_of_its_class_and_the_last_is_that_of_none() {
        let embedding = testing::in_double(|init| ClassEmbedding::of(3, 4, init).unwrap());
        assert_eq!(embedding.n_classes(), 3);
        let weight = embedding.weight.val();
        let class = Tensor::<1, Int>::from_data([2i64, 0, 3], &Device::flex());
        let found = embedding.forward(Some(class));
        for (row, class) in [2, 0, 3].into_iter().enumerate() {
            let vector = weight.clone().narrow(0, class, 1);
            testing::assert_close(found.clone().narrow(0, row, 1), vector, 1e-15, "a vector");
        }
        testing::assert_close(embedding.forward(None), weight.narrow(0, 3, 1), 1e-15, "no class");
    }
}
