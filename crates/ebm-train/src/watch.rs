//! An eye on every step that costs no reading.

use burn::tensor::Tensor;

use crate::{Divergence, Health};

/// The greatest size of a loss: any finite number of 32 bits.
const FINITE: f64 = f32::MAX as f64;
/// The step of what has not happened; every true step is smaller, and exact in 32 bits below 2²⁴.
const NEVER: f64 = 1e30;

/// Sees on the device, at every step, whether the loss is a number and the energies stay together.
///
/// What it saw is read only when somebody asks, and names the first step that was wrong, even if it has
/// come right since.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    loss: Option<Alarm>,
    gap: Option<(Alarm, f64)>,
}

/// The first step at which a number was out of its bounds, and that number, `[1]` each.
#[derive(Clone, Debug)]
struct Alarm {
    step: Tensor<1>,
    value: Tensor<1>,
}

impl Watch {
    /// Looks at the loss, `[1]`, and at the sampler of `step`.
    pub fn look(&mut self, step: u64, loss: Tensor<1>, health: Option<&Health>) {
        self.loss = Some(Alarm::after(self.loss.take(), step, loss, FINITE));
        if let Some(health) = health {
            let before = self.gap.take().map(|(alarm, _)| alarm);
            let alarm = Alarm::after(before, step, health.gap(), health.gap_bound);
            self.gap = Some((alarm, health.gap_bound));
        }
    }

    /// The first step that was wrong, and what was wrong with it; waits for the device.
    pub fn alarm(&self) -> Option<(u64, Divergence)> {
        let loss = self.loss.as_ref().and_then(Alarm::read);
        let loss = loss.map(|(step, loss)| (step, Divergence::Loss { loss }));
        let gap = self.gap.as_ref().and_then(|(alarm, bound)| {
            let (step, gap) = alarm.read()?;
            Some((step, Divergence::EnergyGap { gap, bound: *bound }))
        });
        // The gap is the cause where both are of one step.
        [gap, loss].into_iter().flatten().min_by_key(|(step, _)| *step)
    }
}

impl Alarm {
    /// The alarm after `value` has been seen; what is no number is out of all bounds.
    fn after(before: Option<Self>, step: u64, value: Tensor<1>, bound: f64) -> Self {
        let full = |number: f64| Tensor::full([1], number, (&value.device(), value.dtype()));
        let Self { step: first, value: wrong } =
            before.unwrap_or_else(|| Self { step: full(NEVER), value: full(0.0) });
        let sound = value.clone().is_nan().bool_not().bool_and(value.clone().abs().lower_equal_elem(bound));
        let now = full(step as f64).mask_fill(sound, NEVER);
        let sooner = now.clone().lower(first.clone());
        Self { step: first.min_pair(now), value: wrong.mask_where(sooner, value) }
    }

    fn read(&self) -> Option<(u64, f64)> {
        let data = Tensor::cat(vec![self.step.clone(), self.value.clone()], 0).into_data();
        let mut numbers = data.iter::<f64>();
        let (step, value) = (numbers.next()?, numbers.next()?);
        (step < NEVER / 2.0).then_some((step as u64, value))
    }
}
