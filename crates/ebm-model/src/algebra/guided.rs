//! Classes that are asked for with more weight than a model gives them.

use burn::tensor::Tensor;
use ebm_ops::OutOfRange;

use crate::{
    Along, ClassConditional, ClassConditionalPotential, Given, ModelError, NoisyDirectional, NoisyPotential,
    NoisyScore,
};

/// (1 + w) s(x, σ | class) − w s(x, σ), and (1 + w) E(x, σ | class) − w E(x, σ): guidance without a classifier.
///
/// At one noise level the density is ∝ p_σ(x) p_σ(class | x)^(1 + w), exactly; over the levels of a descent it is not the
/// blur of any density. A weight of 0 is [`Given`]; each other one costs two evaluations of the model.
///
/// # Reference
/// Ho and Salimans (2022), *Classifier-free diffusion guidance*, eq. 6.
#[derive(Debug)]
pub struct Guided<'a, M: ?Sized> {
    given: Given<'a, M>,
    weight: f64,
}

impl<'a, M: ClassConditional + ?Sized> Guided<'a, M> {
    /// The classes that are given with the weight w.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] unless `0 ≤ weight < ∞`.
    pub fn new(given: Given<'a, M>, weight: f64) -> Result<Self, ModelError> {
        if !(weight.is_finite() && 0.0 <= weight) {
            return Err(OutOfRange::new("guidance", weight, "a finite number, 0 or more").into());
        }
        Ok(Self { given, weight })
    }

    /// The weight w.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// (1 + w) `of_class` − w `of_none`.
    fn combined<const D: usize>(
        &self,
        of_class: Tensor<D>,
        of_none: impl FnOnce() -> Tensor<D>,
    ) -> Tensor<D> {
        if self.weight == 0.0 {
            return of_class;
        }
        of_class * (1.0 + self.weight) - of_none() * self.weight
    }
}

impl<M: ClassConditional + ?Sized> NoisyScore for Guided<'_, M> {
    fn score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let of_class = self.given.score_at(x.clone(), sigma.clone());
        self.combined(of_class, || self.given.model().score_of(self.given.of_none(&x)).score_at(x, sigma))
    }

    fn denoise_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<2> {
        let of_class = self.given.denoise_at(x.clone(), sigma.clone());
        self.combined(of_class, || self.given.model().score_of(self.given.of_none(&x)).denoise_at(x, sigma))
    }
}

impl<M: ClassConditional + ?Sized> NoisyDirectional for Guided<'_, M> {
    fn along_at(&self, x: Tensor<2>, v: Tensor<2>, sigma: Tensor<1>) -> Along {
        let of_class = self.given.along_at(x.clone(), v.clone(), sigma.clone());
        if self.weight == 0.0 {
            return of_class;
        }
        let of_none = self.given.model().score_of(self.given.of_none(&x)).along_at(x, v, sigma);
        Along {
            slope: self.combined(of_class.slope, || of_none.slope),
            curvature: self.combined(of_class.curvature, || of_none.curvature),
        }
    }
}

impl<M: ClassConditionalPotential + ?Sized> NoisyPotential for Guided<'_, M> {
    fn energy_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> Tensor<1> {
        let of_class = self.given.energy_at(x.clone(), sigma.clone());
        self.combined(of_class, || self.given.model().energy_of(self.given.of_none(&x)).energy_at(x, sigma))
    }

    fn energy_and_score_at(&self, x: Tensor<2>, sigma: Tensor<1>) -> (Tensor<1>, Tensor<2>) {
        let (energy, score) = self.given.energy_and_score_at(x.clone(), sigma.clone());
        if self.weight == 0.0 {
            return (energy, score);
        }
        let none = self.given.model().energy_of(self.given.of_none(&x));
        let (energy_of_none, score_of_none) = none.energy_and_score_at(x, sigma);
        (self.combined(energy, || energy_of_none), self.combined(score, || score_of_none))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Energy, Gaussian, GaussianMixture, Score, testing};

    fn gaussian(mean: [f64; 2], variance: f64) -> Gaussian {
        Gaussian::isotropic(mean.to_vec(), variance).unwrap()
    }

    /// Two normal distributions, and a mixture of three of which one is not round.
    fn models() -> Vec<GaussianMixture> {
        let two = vec![gaussian([-1.0, 0.5], 0.7), gaussian([2.0, 0.0], 0.7)];
        let skew = Gaussian::new(vec![0.0, 3.0], &[vec![1.0, 0.4], vec![0.4, 0.5]]).unwrap();
        let three = vec![gaussian([-2.0, 0.0], 0.3), gaussian([1.0, 1.0], 1.1), skew];
        [(vec![1.0, 1.0], two), (vec![1.0, 2.0, 0.5], three)]
            .map(|(weights, parts)| GaussianMixture::new(weights, parts).unwrap())
            .into()
    }

    #[test]
    fn the_guided_score_is_that_of_the_class_and_the_whole_by_their_weights() {
        for (i, model) in models().into_iter().enumerate() {
            let x = testing::points(50, 2, 320 + i as u64) * 2.0;
            for (class, weight, sigma) in [(0, 0.0, 0.3), (1, 2.0, 0.3), (1, 0.5, 2.0), (0, 7.5, 0.9)] {
                let guided = Guided::new(Given::class(&model, class).unwrap(), weight).unwrap();
                let (part, at) = (model.components()[class].smoothed(sigma), guided.at(sigma));
                let whole = model.smoothed(sigma);
                let exact = part.score(x.clone()) * (1.0 + weight) - whole.score(x.clone()) * weight;
                testing::assert_close(at.score(x.clone()), exact.clone(), 1e-10, "a guided score");
                let denoised = x.clone() + exact * (sigma * sigma);
                testing::assert_close(at.denoise(x.clone()), denoised, 1e-10, "a denoised position");
                let normalised = part.energy(x.clone()) + part.log_normalizer();
                let exact = normalised * (1.0 + weight) - whole.energy(x.clone()) * weight;
                testing::assert_close(at.energy(x.clone()), exact, 1e-10, "a guided energy");
            }
        }
    }

    #[test]
    fn a_guided_mixture_passes_the_tests_of_a_potential() {
        for (i, model) in models().into_iter().enumerate() {
            for (weight, sigma) in [(0.0, 0.4), (1.5, 1.0)] {
                let guided = Guided::new(Given::class(&model, 1).unwrap(), weight).unwrap();
                testing::assert_potential(&guided.at(sigma), 2, 330 + i as u64);
            }
        }
    }

    #[test]
    fn a_weight_below_zero_is_refused() {
        let model = &models()[0];
        for weight in [-0.1, f64::NAN, f64::INFINITY] {
            let error = Guided::new(Given::class(model, 0).unwrap(), weight).unwrap_err().to_string();
            assert!(error.starts_with("guidance: expected a finite number, 0 or more"), "{error}");
        }
    }
}
