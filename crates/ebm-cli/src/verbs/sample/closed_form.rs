//! Closed-form energies by name.

use anyhow::Result;
use clap::ValueEnum;
use ebm_model::{Banana, DoubleWell, Funnel, Gaussian, GaussianMixture, Potential, Ring, Rosenbrock, Skewed};

/// An energy in closed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClosedForm {
    /// N(0, I) in the plane.
    Gaussian,
    /// N(0, Σ) in the plane with variances 1 and a correlation of 0.9.
    Correlated,
    /// 0.3 N((−2, 0), 0.5 I) + 0.7 N((2, 0), 0.5 I).
    TwoModes,
    /// Eight normal distributions of deviation 0.5 on a circle of radius 2.
    EightModes,
    /// A normal distribution bent along a parabola.
    Banana,
    /// Neal's funnel in the plane: one coordinate sets the width of the other.
    Funnel,
    /// Two wells on a line, with a barrier of 2 nats between.
    DoubleWell,
    /// A circle of radius 2 with a width of 0.2.
    Ring,
    /// Rosenbrock's valley.
    Rosenbrock,
    /// E = Σ (exp x − x), steep on one side.
    Skewed,
}

impl ClosedForm {
    /// The energy.
    pub fn energy(self) -> Result<Box<dyn Potential>> {
        Ok(match self {
            Self::Gaussian => Box::new(Gaussian::standard(2)),
            Self::Correlated => Box::new(correlated()?),
            Self::TwoModes => Box::new(two_modes()?),
            Self::EightModes => Box::new(eight_modes()?),
            Self::Banana => Box::new(Banana::new(10.0, 0.03)?),
            Self::Funnel => Box::new(Funnel::new(2, 3.0)?),
            Self::DoubleWell => Box::new(DoubleWell::new(2.0, 1.0, 0.0)?),
            Self::Ring => Box::new(Ring::new(2.0, 0.2)?),
            Self::Rosenbrock => Box::new(Rosenbrock::new(1.0, 0.05, 5.0)?),
            Self::Skewed => Box::new(Skewed::new(2)?),
        })
    }

    /// The energy at every noise level, where that is in closed form too.
    pub fn at_noise(self) -> Result<Option<GaussianMixture>> {
        let alone = |law: Gaussian| GaussianMixture::new(vec![1.0], vec![law]);
        Ok(match self {
            Self::Gaussian => Some(alone(Gaussian::standard(2))?),
            Self::Correlated => Some(alone(correlated()?)?),
            Self::TwoModes => Some(two_modes()?),
            Self::EightModes => Some(eight_modes()?),
            _ => None,
        })
    }

    /// The name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
    }

    /// Coordinates of a point.
    pub fn dim(self) -> usize {
        match self {
            Self::DoubleWell => 1,
            _ => 2,
        }
    }
}

fn correlated() -> Result<Gaussian> {
    Ok(Gaussian::new(vec![0.0; 2], &[vec![1.0, 0.9], vec![0.9, 1.0]])?)
}

fn two_modes() -> Result<GaussianMixture> {
    let mode = |x: f64| Gaussian::isotropic(vec![x, 0.0], 0.5);
    Ok(GaussianMixture::new(vec![0.3, 0.7], vec![mode(-2.0)?, mode(2.0)?])?)
}

fn eight_modes() -> Result<GaussianMixture> {
    let angle = |k: usize| std::f64::consts::TAU * k as f64 / 8.0;
    let mode = |k| Gaussian::isotropic(vec![2.0 * angle(k).cos(), 2.0 * angle(k).sin()], 0.25);
    Ok(GaussianMixture::new(vec![1.0; 8], (0..8).map(mode).collect::<Result<_, _>>()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tensor};
    use ebm_model::{NoisyScore, Score};

    #[test]
    fn every_closed_form_has_a_finite_score() {
        for target in ClosedForm::value_variants() {
            let law = target.energy().unwrap();
            let score = law.score(Tensor::ones([1, target.dim()], &Device::flex()));
            assert!(score.abs().sum().into_scalar::<f32>().is_finite(), "{target:?}");
        }
    }

    #[test]
    fn at_little_noise_a_closed_form_is_itself() {
        let mut n = 0;
        for target in ClosedForm::value_variants() {
            let Some(blurred) = target.at_noise().unwrap() else { continue };
            let x = Tensor::<2>::from_data([[0.7, -0.2], [1.5, 1.0]], &Device::flex());
            let gap = blurred.at(1e-4).score(x.clone()) - target.energy().unwrap().score(x);
            assert!(gap.abs().max().into_scalar::<f32>() < 1e-4, "{target:?}");
            n += 1;
        }
        assert_eq!(n, 4);
    }
}
