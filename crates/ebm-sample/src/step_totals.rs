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
        sum(&mut self.acceptance, report.acceptance().cloned());
        sum(&mut self.diverged, report.diverged().map(|diverged| diverged.clone().float()));
    }

    /// Adds the totals of more steps of the same chains.
    pub fn merge(&mut self, others: Self) {
        self.n_steps += others.n_steps;
        sum(&mut self.acceptance, others.acceptance);
        sum(&mut self.diverged, others.diverged);
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

/// Adds `new` to `total` where it is known.
fn sum(total: &mut Option<Tensor<1>>, new: Option<Tensor<1>>) {
    *total = match (total.take(), new) {
        (Some(before), Some(new)) => Some(before + new),
        (before, new) => before.or(new),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_near;
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
    fn merged_totals_are_those_of_all_steps() {
        let target = Gaussian::standard(2);
        let start = Tensor::ones([3, 2], &Device::flex());
        let chain = Chain::start(&target, Hmc::new(1.0, 3).unwrap(), start, Noise::seeded(4));
        let (mut all, mut first, mut last) =
            (StepTotals::default(), StepTotals::default(), StepTotals::default());
        for (i, draw) in chain.take(5).enumerate() {
            all.add(&draw.info);
            if i < 2 { first.add(&draw.info) } else { last.add(&draw.info) }
        }
        let mut merged = StepTotals::default();
        merged.merge(first);
        merged.merge(last);
        let (found, expected) = (merged.read(), all.read());
        assert_eq!((found.n_steps, found.diverged), (5, expected.diverged));
        assert_near(&found.acceptance.unwrap(), &expected.acceptance.unwrap(), 1e-6);
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
