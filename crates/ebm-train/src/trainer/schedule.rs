//! The learning rate over time.

/// A linear rise to the peak, times a cosine from one to `floor`.
///
/// lr(i) = peak · min(1, (i + 1)/warm_up) · (floor + (1 − floor) · ½ (1 + cos(π i/steps))),  i = 0 … steps − 1.
///
/// # Reference
/// Loshchilov and Hutter (2017), *SGDR: stochastic gradient descent with warm restarts*, eq. 5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The peak learning rate.
    pub peak: f64,
    /// Steps of the linear rise.
    pub warm_up: u64,
    /// The learning rate at the end, as a share of the peak.
    pub floor: f64,
    /// Steps of the whole run.
    pub steps: u64,
}

impl Schedule {
    /// The learning rate of step `index`, counted from 0.
    pub fn at(&self, index: u64) -> f64 {
        let rise = if self.warm_up == 0 { 1.0 } else { ((index + 1) as f64 / self.warm_up as f64).min(1.0) };
        let done = index.min(self.steps) as f64 / self.steps.max(1) as f64;
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        self.peak * rise * (self.floor + (1.0 - self.floor) * cosine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_to_the_peak_and_falls_to_the_floor() {
        let schedule = Schedule { peak: 1e-3, warm_up: 200, floor: 0.01, steps: 3000 };
        assert!((schedule.at(0) - 1e-3 / 200.0).abs() < 1e-12);
        let half = 0.5 * (1.0 + (std::f64::consts::PI * 1500.0 / 3000.0).cos());
        assert!((schedule.at(1500) - 1e-3 * (0.01 + 0.99 * half)).abs() < 1e-15);
        assert!((schedule.at(3000) - 1e-5).abs() < 1e-12);
        let highest = (0..3000).map(|i| schedule.at(i)).fold(0.0, f64::max);
        assert!(highest < 1e-3 && 0.98e-3 < highest, "{highest}");
    }
}
