//! A trajectory's length that climbs a criterion.

/// β₂ of Adam; β₁ is 0.
const DECAY: f64 = 0.95;

/// The power of the weights of the average.
const FORGETTING: f64 = 0.5;

/// The time T of the longest trajectory, moved by Adam along the slope of a criterion in log T, and the average of
/// log T with the weights t^(−½).
///
/// # Reference
/// Hoffman, Radul and Sountsov (2021), *An adaptive MCMC scheme for setting trajectory lengths in Hamiltonian Monte
/// Carlo*, §3; Kingma and Ba (2015), *Adam*.
#[derive(Clone, Copy, Debug)]
pub(super) struct TrajectoryLength {
    rate: f64,
    log_time: f64,
    log_average: f64,
    square: f64,
    n_updates: i32,
}

impl TrajectoryLength {
    /// Begins at a time, and moves its logarithm by about `rate` a step.
    pub(super) fn new(time: f64, rate: f64) -> Self {
        let log_time = time.ln();
        Self { rate, log_time, log_average: log_time, square: 0.0, n_updates: 0 }
    }

    /// The time to try next.
    pub(super) fn time(&self) -> f64 {
        self.log_time.exp()
    }

    /// The time to keep.
    pub(super) fn average(&self) -> f64 {
        self.log_average.exp()
    }

    /// Climbs along `slope`, within the range; a slope that is not finite, of trajectories that were all refused for
    /// instance, says nothing and is ignored.
    pub(super) fn update(&mut self, slope: f64, [least, most]: [f64; 2]) {
        if !slope.is_finite() {
            return;
        }
        self.n_updates += 1;
        self.square = DECAY * self.square + (1.0 - DECAY) * slope * slope;
        let norm = (self.square / (1.0 - DECAY.powi(self.n_updates))).sqrt();
        let step = if 0.0 < norm { self.rate * slope / norm } else { 0.0 };
        self.log_time = (self.log_time + step).clamp(least.ln(), most.ln());
        let weight = f64::from(self.n_updates).powf(-FORGETTING);
        self.log_average += weight * (self.log_time - self.log_average);
    }

    /// The same time in units that are `factor` times as long, where the criterion and its slopes are others.
    pub(super) fn in_units(self, factor: f64) -> Self {
        Self::new(self.time() / factor, self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_ops::Noise;

    #[test]
    fn it_finds_the_top_of_a_criterion_from_noisy_slopes_and_stays_in_its_range() {
        for first in [0.01, 50.0] {
            let (mut found, mut noise) = (TrajectoryLength::new(first, 0.05), Noise::seeded(351));
            for z in noise.normals_f64(1500) {
                // of −(log T − log 2)²/2, with as much noise as there is slope
                found.update(1e6 * ((2f64 / found.time()).ln() + z), [1e-3, 1e3]);
            }
            assert!((found.average() / 2.0).ln().abs() < 0.2, "{}", found.average());
        }
        let mut found = TrajectoryLength::new(1.0, 0.05);
        (0..500).for_each(|_| found.update(1.0, [0.1, 3.0]));
        assert!((found.time() - 3.0).abs() < 1e-12);
        let before = found.time();
        [f64::NAN, f64::INFINITY].into_iter().for_each(|slope| found.update(slope, [0.1, 3.0]));
        assert_eq!(found.time(), before);
        let mut flat = TrajectoryLength::new(1.0, 0.05);
        flat.update(0.0, [0.1, 3.0]);
        assert_eq!((flat.time(), flat.in_units(2.0).time()), (1.0, 0.5));
    }
}
