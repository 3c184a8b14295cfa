//! Scores and energies of classes.

use burn::tensor::{Int, Tensor};

use crate::{NoisyDirectionalScore, NoisyPotential};

/// The score of p_σ( · | class) at every noise level, for each of a number of classes and for no class.
///
/// With the classes of a batch given it is a score like any other, so that samplers and objectives know nothing of
/// classes: see [`Given`](crate::Given) and [`Guided`](crate::Guided).
pub trait ClassConditional {
    /// Number of classes.
    fn n_classes(&self) -> usize;

    /// The score for a batch of rows of these classes, `[batch]`, numbered from 0; the number of classes stands for no
    /// class. It panics if a batch has another number of rows.
    fn score_of<'a>(&'a self, class: Tensor<1, Int>) -> Box<dyn NoisyDirectionalScore + 'a>;
}

/// The energy of p_σ( · | class), whose score is that of [`ClassConditional`].
///
/// Score matching leaves one constant to each class and level, so that energies of two classes may not be compared
/// without fitting it.
pub trait ClassConditionalPotential: ClassConditional {
    /// The energy for a batch of rows of these classes, as [`score_of`](ClassConditional::score_of).
    fn energy_of<'a>(&'a self, class: Tensor<1, Int>) -> Box<dyn NoisyPotential + 'a>;
}

impl<M: ClassConditional + ?Sized> ClassConditional for &M {
    fn n_classes(&self) -> usize {
        (**self).n_classes()
    }

    fn score_of<'a>(&'a self, class: Tensor<1, Int>) -> Box<dyn NoisyDirectionalScore + 'a> {
        (**self).score_of(class)
    }
}

impl<M: ClassConditionalPotential + ?Sized> ClassConditionalPotential for &M {
    fn energy_of<'a>(&'a self, class: Tensor<1, Int>) -> Box<dyn NoisyPotential + 'a> {
        (**self).energy_of(class)
    }
}
