//! An eye on every step that costs no reading.

use burn::tensor::{Tensor, TensorData};

use crate::Divergence;

/// The step of what has not happened; every true step is smaller, and exact in 32 bits below 2²⁴.
const NEVER: f64 = 1e30;

/// Sees on the device, at every step, whether some numbers stay within their bounds.
///
/// What it saw is read only when somebody asks, and names the first step that was wrong, even if it has
/// come right since.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    alarm: Option<Alarm>,
    /// What is known on the host.
    known: Option<(u64, Divergence)>,
}

/// A number of a step that is watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Watched {
    /// The mean energy of the data less that of the negatives, and how far it may be from 0.
    Gap(f64),
    /// 1 less the mean acceptance of the chains, and how small that acceptance may be.
    Rejection(f64),
    /// The loss.
    Loss,
    /// The square of the gradient's length.
    SquareNorm,
}

/// For each number that is watched, `[n]`, the first step at which it was out of its bounds, and what it was.
#[derive(Clone, Debug)]
struct Alarm {
    watched: Vec<Watched>,
    bounds: Tensor<1>,
    step: Tensor<1>,
    value: Tensor<1>,
}

impl Watch {
    /// Looks at the numbers of `step`, `[1]` each: the cause before what it causes.
    pub fn look(&mut self, step: u64, numbers: Vec<(Watched, Tensor<1>)>) {
        let Some((_, first)) = numbers.first() else { return };
        let (device, dtype) = (first.device(), first.dtype());
        let (watched, values): (Vec<_>, Vec<_>) = numbers.into_iter().unzip();
        let values = Tensor::cat(values.into_iter().map(|value| value.cast(dtype)).collect(), 0);
        let before = self.alarm.take();
        let before = match before {
            Some(alarm) if alarm.watched == watched => alarm,
            other => {
                // Another objective: what was seen of the one before is kept.
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

    /// Takes to heart what was found on the host.
    pub fn tell(&mut self, step: u64, reason: Divergence) {
        self.known.get_or_insert((step, reason));
    }

    /// The first step that was wrong, and what was wrong with it; waits for the device.
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
            // any finite number of 32 bits
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
    /// The alarm after `values`, `[n]`, have been seen; what is no number is out of all bounds.
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
        // Of one step, the first is the cause.
        let (watched, (step, value)) =
            seen.filter(|(_, (step, _))| **step < NEVER / 2.0).min_by(|a, b| a.1.0.total_cmp(b.1.0))?;
        Some((*step as u64, watched.divergence(*value)))
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// What is seen of steps with these gaps, losses and squares, the gap within ±5.
    fn seen(steps: &[[f32; 3]]) -> Option<(u64, Divergence)> {
        let mut watch = Watch::default();
        for (step, numbers) in (1..).zip(steps) {
            let [gap, loss, square] = numbers.map(|number| Tensor::from_data([number], &Device::flex()));
            let numbers = [(Watched::Gap(5.0), gap), (Watched::Loss, loss), (Watched::SquareNorm, square)];
            watch.look(step, numbers.into());
        }
        watch.alarm()
    }

    #[test]
    fn the_first_step_that_was_wrong_is_named_with_its_first_cause() {
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
    fn what_was_seen_of_another_objective_and_what_the_host_found_is_kept() {
        let number = |number: f32| Tensor::from_data([number], &Device::flex());
        let mut watch = Watch::default();
        watch.look(1, vec![(Watched::Loss, number(f32::NAN))]);
        watch.look(2, vec![(Watched::Gap(1.0), number(2.0)), (Watched::Loss, number(0.0))]);
        assert_eq!(watch.alarm().unwrap().0, 1);

        let mut watch = Watch::default();
        watch.look(1, vec![(Watched::Loss, number(1.0))]);
        watch.tell(2, Divergence::LearningRate { rate: 1e39 });
        watch.tell(3, Divergence::LearningRate { rate: 1e40 });
        assert_eq!(watch.alarm(), Some((2, Divergence::LearningRate { rate: 1e39 })));
    }
}
