//! Checks of every step that run on the device.

use burn::tensor::{Tensor, TensorData};

use crate::Divergence;

/// The step of an event that has not happened. Real steps are smaller, and exact in 32 bits below 2²⁴.
const NEVER: f64 = 1e30;

/// Checks on the device, at every step, whether some values stay within their bounds.
///
/// The result is read only by [`alarm`](Self::alarm), which names the first step that was out of bounds, even if later
/// steps were within.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    alarm: Option<Alarm>,
    /// The first failure found on the host.
    known: Option<(u64, Divergence)>,
}

/// A value of a step that is watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Watched {
    /// The mean energy of the data minus that of the negatives, with the bound of its absolute value.
    Gap(f64),
    /// 1 minus the mean acceptance of the chains, with the lower bound of the acceptance.
    Rejection(f64),
    /// The loss.
    Loss,
    /// The squared norm of the gradient.
    SquareNorm,
}

/// For each watched value, `[n]`: the first step at which it was out of bounds, and what it was then.
#[derive(Clone, Debug)]
struct Alarm {
    watched: Vec<Watched>,
    bounds: Tensor<1>,
    step: Tensor<1>,
    value: Tensor<1>,
}

impl Watch {
    /// Checks the values of `step`, `[1]` each; a cause comes before its effects.
    pub fn observe(&mut self, step: u64, numbers: Vec<(Watched, Tensor<1>)>) {
        let Some((_, first)) = numbers.first() else { return };
        let (device, dtype) = (first.device(), first.dtype());
        let (watched, values): (Vec<_>, Vec<_>) = numbers.into_iter().unzip();
        let values = Tensor::cat(values.into_iter().map(|value| value.cast(dtype)).collect(), 0);
        let before = self.alarm.take();
        let before = match before {
            Some(alarm) if alarm.watched == watched => alarm,
            other => {
                // Another objective: keep what was found for the previous one.
                self.known = self.known.take().or_else(|| other?.read());
                let n = [watched.len()];
                let bounds: Vec<f64> = watched.iter().map(Watched::bound).collect();
                let bounds = Tensor::from_data(TensorData::new(bounds, n), (&device, dtype));
                let full = |number: f64| Tensor::full(n, number, (&device, dtype));
                Alarm { watched, bounds, step: full(NEVER), value: full(0.0) }
            }
        };
        self.alarm = Some(before.after(step, values));
    }

    /// Records a failure found on the host; the first one is kept.
    pub fn record(&mut self, step: u64, reason: Divergence) {
        self.known.get_or_insert((step, reason));
    }

    /// The first step that was out of bounds, and how; waits for the device.
    pub fn alarm(&self) -> Option<(u64, Divergence)> {
        let seen = self.alarm.as_ref().and_then(Alarm::read);
        [seen, self.known.clone()].into_iter().flatten().min_by_key(|(step, _)| *step)
    }
}

impl Watched {
    fn bound(&self) -> f64 {
        match *self {
            Self::Gap(bound) => bound,
            Self::Rejection(bound) => 1.0 - bound,
            // any finite 32-bit number
            Self::Loss | Self::SquareNorm => f64::from(f32::MAX),
        }
    }

    fn divergence(&self, value: f64) -> Divergence {
        match *self {
            Self::Gap(bound) => Divergence::EnergyGap { gap: value, bound },
            Self::Rejection(bound) => Divergence::Acceptance { acceptance: 1.0 - value, bound },
            Self::Loss => Divergence::Loss { loss: value },
            Self::SquareNorm => Divergence::GradientLength { length: value.sqrt() },
        }
    }
}

impl Alarm {
    /// The alarm after `values`, `[n]`; NaN is out of any bounds.
    fn after(self, step: u64, values: Tensor<1>) -> Self {
        let number = values.clone().is_nan().bool_not();
        let sound = number.bool_and(values.clone().abs().lower_equal(self.bounds.clone()));
        let now = self.step.full_like(step as f64).mask_fill(sound, NEVER);
        let sooner = now.clone().lower(self.step.clone());
        Self { step: self.step.min_pair(now), value: self.value.mask_where(sooner, values), ..self }
    }

    fn read(&self) -> Option<(u64, Divergence)> {
        let data = Tensor::cat(vec![self.step.clone(), self.value.clone()], 0).into_data();
        let numbers: Vec<f64> = data.iter::<f64>().collect();
        let (steps, values) = numbers.split_at(self.watched.len());
        let seen = self.watched.iter().zip(steps.iter().zip(values));
        // Within one step, the first value is the cause.
        let (watched, (step, value)) =
            seen.filter(|(_, (step, _))| **step < NEVER / 2.0).min_by(|a, b| a.1.0.total_cmp(b.1.0))?;
        Some((*step as u64, watched.divergence(*value)))
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// The alarm after steps with these gaps, losses and squared norms, with gaps bounded by ±5.
    fn seen(steps: &[[f32; 3]]) -> Option<(u64, Divergence)> {
        let mut watch = Watch::default();
        for (step, numbers) in (1..).zip(steps) {
            let [gap, loss, square] = numbers.map(|number| Tensor::from_data([number], &Device::flex()));
            let numbers = [(Watched::Gap(5.0), gap), (Watched::Loss, loss), (Watched::SquareNorm, square)];
            watch.observe(step, numbers.into());
        }
        watch.alarm()
    }

    #[test]
    fn the_alarm_names_the_first_step_out_of_bounds_and_its_cause() {
        const SOUND: [f32; 3] = [-5.0, -3e38, 4.0];
        assert_eq!(seen(&[SOUND; 4]), None);
        let (step, reason) = seen(&[SOUND, [0.0, 1.0, f32::INFINITY], [9.0, 1.0, 1.0], SOUND]).unwrap();
        assert_eq!((step, reason), (2, Divergence::GradientLength { length: f64::INFINITY }));
        let (step, reason) = seen(&[SOUND, SOUND, [f32::NAN, f32::NAN, f32::NAN], [9.0; 3]]).unwrap();
        assert!(step == 3 && matches!(reason, Divergence::EnergyGap { gap, bound: 5.0 } if gap.is_nan()));
        assert_eq!(
            seen(&[[0.0, f32::NEG_INFINITY, 1.0]]).unwrap().1,
            Divergence::Loss { loss: f64::NEG_INFINITY }
        );
    }

    #[test]
    fn failures_of_a_previous_objective_and_of_the_host_are_kept() {
        let number = |number: f32| Tensor::from_data([number], &Device::flex());
        let mut watch = Watch::default();
        watch.observe(1, vec![(Watched::Loss, number(f32::NAN))]);
        watch.observe(2, vec![(Watched::Gap(1.0), number(2.0)), (Watched::Loss, number(0.0))]);
        assert_eq!(watch.alarm().unwrap().0, 1);

        let mut watch = Watch::default();
        watch.observe(1, vec![(Watched::Loss, number(1.0))]);
        watch.record(2, Divergence::LearningRate { rate: 1e39 });
        watch.record(3, Divergence::LearningRate { rate: 1e40 });
        assert_eq!(watch.alarm(), Some((2, Divergence::LearningRate { rate: 1e39 })));
    }
}
