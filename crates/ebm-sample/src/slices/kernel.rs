//! The kernels on plain numbers.

use super::point::{Point, Step};
use crate::{Hmc, Langevin, Mala};

/// A kernel that moves one chain on a log density of plain numbers, by the mathematics that it has on
/// batches.
pub trait SliceKernel: Sync {
    /// Whether it has a Metropolis test, for which a uniform is drawn.
    const IS_TESTED: bool;

    /// From `point` with the standard normals `z`, `[dim]`, and `u`, uniform on [0, 1).
    ///
    /// `log_density(x, gradient)` gives log p(x) up to a constant and writes its gradient.
    ///
    /// # Panics
    /// If a mass has another number of coordinates than the point.
    fn step(
        &self,
        log_density: &impl Fn(&[f64], &mut [f64]) -> f64,
        point: Point,
        z: &[f64],
        u: f64,
    ) -> (Point, Step);
}

impl SliceKernel for Langevin {
    const IS_TESTED: bool = false;

    fn step(
        &self,
        log_density: &impl Fn(&[f64], &mut [f64]) -> f64,
        point: Point,
        z: &[f64],
        _: f64,
    ) -> (Point, Step) {
        let eta = self.step_size();
        let parts = point.position.iter().zip(&point.score).zip(z);
        let moved = parts.map(|((x, s), z)| x + eta * s + (2.0 * eta).sqrt() * z);
        let next = Point::at(log_density, moved.collect());
        let diverged = !next.is_finite();
        (next, Step { acceptance: 1.0, accepted: true, diverged, energy_error: 0.0 })
    }
}

impl SliceKernel for Mala {
    const IS_TESTED: bool = true;

    fn step(
        &self,
        log_density: &impl Fn(&[f64], &mut [f64]) -> f64,
        point: Point,
        z: &[f64],
        u: f64,
    ) -> (Point, Step) {
        // one leapfrog step of time √(2η) is the proposal, its energy error the log ratio
        let scale = self.mass().roots(z.len());
        let (end, kinetic) = leapfrog(log_density, &point, z, &scale, (2.0 * self.step_size()).sqrt(), 1);
        point.decide(end, kinetic, u)
    }
}

impl SliceKernel for Hmc {
    const IS_TESTED: bool = true;

    fn step(
        &self,
        log_density: &impl Fn(&[f64], &mut [f64]) -> f64,
        point: Point,
        z: &[f64],
        u: f64,
    ) -> (Point, Step) {
        let scale = self.mass().roots(z.len());
        let (end, kinetic) = leapfrog(log_density, &point, z, &scale, self.step_size(), self.n_leapfrog());
        point.decide(end, kinetic, u)
    }
}

/// Where `n` leapfrog steps of size ε lead, and the change of the kinetic energy; momenta are
/// r = M^(−½)p, first `z`, and `scale` is M^(−½).
fn leapfrog(
    log_density: &impl Fn(&[f64], &mut [f64]) -> f64,
    from: &Point,
    z: &[f64],
    scale: &[f64],
    epsilon: f64,
    n: usize,
) -> (Point, f64) {
    let kick = |r: &mut [f64], score: &[f64], time: f64| {
        r.iter_mut().zip(score).zip(scale).for_each(|((r, s), scale)| *r += time * scale * s);
    };
    let mut r = z.to_vec();
    let mut at = from.clone();
    kick(&mut r, &at.score, 0.5 * epsilon);
    for step in 1..=n {
        at.position.iter_mut().zip(&r).zip(scale).for_each(|((x, r), scale)| *x += epsilon * scale * r);
        at.log_density = log_density(&at.position, &mut at.score);
        kick(&mut r, &at.score, if step == n { 0.5 * epsilon } else { epsilon });
    }
    let kinetic = r.iter().zip(z).map(|(r, z)| 0.5 * (r - z) * (r + z)).sum();
    (at, kinetic)
}
