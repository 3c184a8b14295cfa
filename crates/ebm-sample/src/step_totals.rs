//! What the reports of many steps add up to.

use burn::tensor::Tensor;

use crate::StepReport;
use crate::diagnostics::Steps;

/// Adds up what steps report, on the device until [`read`](Self::read).
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ebm_model::Gaussian;
/// use ebm_ops::Noise;
/// use ebm_sample::{Chain, Mala, StepTotals, diagnostics::Verdict};
///
/// let target = Gaussian::standard(2);
/// let start = Tensor::ones([4, 2], &Device::flex());
/// let mut totals = StepTotals::default();
/// for draw in Chain::start(&target, Mala::new(100.0).unwrap(), start, Noise::seeded(1)).take(50) {
///     totals.add(&draw.info);
/// }
/// let verdict = Verdict::of_steps(&totals.read());
/// assert!(verdict.to_string().starts_with("acceptance is 0.000"), "{verdict}");
/// ```
#[derive(Clone, Debug, Default)]
pub struct StepTotals {
    n_steps: usize,
    acceptance: Option<Tensor<1>>,
    diverged: Option<Tensor<1>>,
}

impl StepTotals {
    /// Adds the report of a step.
    pub fn add(&mut self, report: &(impl StepReport + ?Sized)) {
        self.n_steps += 1;
        let sum = |total: &mut Option<Tensor<1>>, new: Tensor<1>| {
            *total = Some(match total.take() {
                Some(before) => before + new,
                None => new,
            });
        };
        if let Some(acceptance) = report.acceptance() {
            sum(&mut self.acceptance, acceptance.clone());
        }
        if let Some(diverged) = report.diverged() {
            sum(&mut self.diverged, diverged.clone().float());
        }
    }

    /// The totals as numbers; waits for the device.
    pub fn read(&self) -> Steps {
        let numbers = |x: &Option<Tensor<1>>| -> Option<Vec<f64>> {
            x.clone().map(|x| x.into_data().iter::<f64>().collect())
        };
        let n = self.n_steps as f64;
        Steps {
            n_steps: self.n_steps,
            acceptance: numbers(&self.acceptance).map(|sums| sums.into_iter().map(|sum| sum / n).collect()),
            diverged: numbers(&self.diverged)
                .map(|counts| counts.into_iter().map(|count| count as usize).collect()),
            energies: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chain, Hmc, Langevin};
    use burn::tensor::Device;
    use ebm_model::Gaussian;
    use ebm_ops::Noise;

    #[test]
    fn acceptance_is_averaged_and_divergences_are_counted_chain_by_chain() {
        let target = Gaussian::isotropic(vec![0.0], 0.01).unwrap();
        let start = Tensor::from_floats([[0.1], [0.2]], &Device::flex());
        let mut totals = StepTotals::default();
        let kernel = Hmc::new(1.0, 10).unwrap().with_fixed_length();
        for draw in Chain::start(&target, kernel, start, Noise::seeded(3)).take(5) {
            totals.add(&draw.info);
        }
        let steps = totals.read();
        assert_eq!((steps.n_steps, steps.acceptance), (5, Some(vec![0.0; 2])));
        assert_eq!(steps.diverged, Some(vec![5; 2]));
    }

    #[test]
    fn steps_without_a_test_count_where_they_are_not_finite() {
        let target = Gaussian::standard(1);
        let start = Tensor::from_floats([[0.1], [f32::NAN]], &Device::flex());
        let mut totals = StepTotals::default();
        for draw in Chain::start(&target, Langevin::new(0.1).unwrap(), start, Noise::seeded(3)).take(4) {
            totals.add(&draw.info);
        }
        let steps = totals.read();
        assert_eq!((steps.acceptance, steps.diverged), (None, Some(vec![0, 4])));
    }
}
