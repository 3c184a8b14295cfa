//! Models of classes with the class of each row given.

use burn::tensor::{Int, Tensor, TensorData};
use ebm_ops::{Noise, OutOfRange};

use crate::{
    Along, ClassConditional, ClassConditionalPotential, ModelError, NoisyDirectional, NoisyDirectionalScore,
    NoisyPotential, NoisyScore,
};

/// s(x, σ | class): a model of classes as a score, and as an energy if it is one, of the classes that are given.
///
/// Samplers need not know of it: what they draw from it is of that class.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ebm_model::{Gaussian, GaussianMixture, Given, NoisyScore, Score};
///
/// let parts = [-2.0, 3.0].map(|mean| Gaussian::isotropic(vec![mean], 0.5).unwrap());
/// let mixture = GaussianMixture::new(vec![1.0, 1.0], parts.to_vec())?;
/// let second = Given::class(&mixture, 1)?;
/// let score = second.at(1.0).score(Tensor::from_data([[0.0]], &Device::flex()));
/// assert!((score.into_scalar::<f64>() - 2.0).abs() < 1e-6); // (3 − 0)/(0.5 + 1²)
/// # Ok::<(), ebm_model::ModelError>(())
/// ```
#[derive(Debug)]
pub struct Given<'a, M: ?Sized> {
    model: &'a M,
    /// One for all rows, or one for each.
    classes: Vec<usize>,
}

impl<'a, M: ClassConditional + ?Sized> Given<'a, M> {
    /// `model` for rows of one class, numbered from 0; the number of classes stands for no class.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn class(model: &'a M, class: usize) -> Result<Self, ModelError> {
        Self::rows(model, vec![class])
    }

    /// `model` for batches of as many rows as `classes`, each of its class, or of a multiple, in which the classes
    /// begin again.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] without classes, or with one that there is not.
    pub fn rows(model: &'a M, classes: Vec<usize>) -> Result<Self, ModelError> {
        let n = model.n_classes();
        if classes.is_empty() {
            return Err(OutOfRange::new("classes", "none", "one for each row").into());
        }
        if let Some(class) = classes.iter().find(|class| n < **class) {
            return Err(OutOfRange::new("class", class, format!("0 to {n}, which is no class")).into());
        }
        Ok(Self { model, classes })
    }

    /// The model.
    pub fn model(&self) -> &'a M {
        self.model
    }

    /// The class of each row of `x`.
    fn of(&self, x: &Tensor<2>) -> Tensor<1, Int> {
        self.each(x, |class| class)
    }

    /// No class for each row of `x`.
    pub(crate) fn of_none(&self, x: &Tensor<2>) -> Tensor<1, Int> {
        let none = self.model.n_classes();
        self.each(x, |_| none)
    }

    fn each(&self, x: &Tensor<2>, class: impl Fn(usize) -> usize) -> Tensor<1, Int> {
        let (n, k) = (x.dims()[0], self.classes.len());
        assert!(n.is_multiple_of(k), "the classes of {k} rows were given {:?}", x.dims());
        let classes: Vec<i64> = (0..n).map(|row| class(self.classes[row % k]) as i64).collect();
        Tensor::from_data(TensorData::new(classes, [n]), &x.device().inner())
    }

    pub(crate) fn score(&self, x: &Tensor<2>) -> Box<dyn NoisyDirectionalScore + 'a> {
        self.model.score_of(self.of(x))
    }
}

impl<'a, M: ClassConditionalPotential + ?Sized> Given<'a, M> {
    pub(crate) fn energy(&self, x: &Tensor<2>) -> Box<dyn NoisyPotential + 'a> {
        self.model.energy_of(self.of(x))
    }
}

impl<M: ClassConditional + ?Sized> NoisyScore for Given<'_, M> {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.score(&x).score_at(x, sigma)
    }

    fn denoise_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        self.score(&x).denoise_at(x, sigma)
    }

    fn score_in_training(&self, x: Tensor<2>, sigma: Tensor<1>, noise: &mut Noise) -> Tensor<2> {
        self.score(&x).score_in_training(x, sigma, noise)
    }
}

impl<M: ClassConditional + ?Sized> NoisyDirectional for Given<'_, M> {
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        self.score(&x).along_at(x, v, sigma)
    }
}

impl<M: ClassConditionalPotential + ?Sized> NoisyPotential for Given<'_, M> {
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        self.energy(&x).energy_at(x, sigma)
    }

    fn energy_and_score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<1>, Tensor<2>) {
        self.energy(&x).energy_and_score_at(x, sigma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gaussian, GaussianMixture, testing};

    use crate::Score;

    #[test]
    fn each_row_is_of_its_class_and_the_classes_begin_again() {
        let parts: Vec<Gaussian> = (0..3)
            .map(|k| Gaussian::isotropic(vec![f64::from(k), -1.0], 0.2 + f64::from(k)).unwrap())
            .collect();
        let mixture = GaussianMixture::new(vec![1.0, 2.0, 3.0], parts.clone()).unwrap();
        let x = testing::points(8, 2, 31);
        let given = Given::rows(&mixture, vec![2, 0, 3, 1]).unwrap();
        let score = given.at(0.6).score(x.clone());
        let row = |t: &Tensor<2>, i: usize| t.clone().narrow(0, i, 1);
        for (i, class) in [2, 0, 3, 1, 2, 0, 3, 1].into_iter().enumerate() {
            let alone = match parts.get(class) {
                Some(part) => part.at(0.6).score(row(&x, i)),
                None => mixture.at(0.6).score(row(&x, i)),
            };
            testing::assert_close(row(&score, i), alone, 1e-12, "the score of a row");
        }
    }

    #[test]
    fn a_class_that_there_is_not_is_refused() {
        let mixture = GaussianMixture::new(vec![1.0; 2], vec![Gaussian::standard(1); 2]).unwrap();
        let error = Given::class(&mixture, 3).unwrap_err().to_string();
        assert_eq!(error, "class: expected 0 to 2, which is no class, found 3");
        assert!(Given::class(&mixture, 2).is_ok() && Given::rows(&mixture, vec![]).is_err());
    }
}
