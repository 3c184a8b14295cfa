//! Kernels on plain numbers.

use ebm_ops::Noise;

use super::point::{Point, Room, Step};
use crate::{Hmc, Langevin, Mala, Mass};

/// A kernel that moves one chain on a log density of plain numbers, with the same equations as on batches.
pub trait SliceKernel: Sync {
    /// Whether it has a Metropolis test, for which a uniform is drawn.
    const IS_TESTED: bool;

    /// The number of leapfrog steps that the next step of all chains takes.
    fn length(&self, _noise: &mut Noise) -> usize {
        1
    }

    /// Moves `point` by the standard normals `z`, `[dim]`, and `u`, uniform on [0, 1), in `length` leapfrog steps.
    ///
    /// `log_density(x, gradient)` gives log p(x) up to a constant and writes its gradient.
    ///
    /// # Panics
    /// If the mass is for another number of coordinates.
    fn step(
        &self,
        log_density: &impl Fn(&[f64], &mut [f64]) -> f64,
        point: &mut Point,
        room: &mut Room,
        length: usize,
        z: &[f64],
        u: f64,
    ) -> Step;
}

impl SliceKernel for Langevin {
    const IS_TESTED: bool = false;

    fn step(
        &self,
        log_density: &impl Fn(&[f64], &mut [f64]) -> f64,
        point: &mut Point,
        _: &mut Room,
        _: usize,
        z: &[f64],
        _: f64,
    ) -> Step {
        let eta = self.step_size();
        let (drift, diffusion) = (eta, (2.0 * eta).sqrt());
        for ((x, s), z) in point.position.iter_mut().zip(&point.score).zip(z) {
            *x += drift * s + diffusion * z;
        }
        point.log_density = log_density(&point.position, &mut point.score);
        Step { acceptance: 1.0, accepted: true, diverged: !point.is_finite(), energy_error: 0.0 }
    }
}

impl SliceKernel for Mala {
    const IS_TESTED: bool = true;

    fn step(
        &self,
        log_density: &impl Fn(&[f64], &mut [f64]) -> f64,
        point: &mut Point,
        room: &mut Room,
        _: usize,
        z: &[f64],
        u: f64,
    ) -> Step {
        // one leapfrog step of time √(2η) is the proposal, its energy error the log ratio
        let step_size = (2.0 * self.step_size()).sqrt();
        let kinetic = leapfrog(log_density, point, room, z, self.mass(), step_size, 1);
        point.decide(&mut room.proposal, kinetic, u)
    }
}

impl SliceKernel for Hmc {
    const IS_TESTED: bool = true;

    fn length(&self, noise: &mut Noise) -> usize {
        self.draw_length(noise)
    }

    fn step(
        &self,
        log_density: &impl Fn(&[f64], &mut [f64]) -> f64,
        point: &mut Point,
        room: &mut Room,
        length: usize,
        z: &[f64],
        u: f64,
    ) -> Step {
        let kinetic = leapfrog(log_density, point, room, z, self.mass(), self.step_size(), length);
        point.decide(&mut room.proposal, kinetic, u)
    }
}

/// Sets the proposal in `room` to the end of `n` leapfrog steps of size ε, and returns the change of the kinetic
/// energy; momenta are r = M^(−½)p, at first `z`.
fn leapfrog(
    log_density: &impl Fn(&[f64], &mut [f64]) -> f64,
    from: &Point,
    room: &mut Room,
    z: &[f64],
    mass: &Mass,
    epsilon: f64,
    n: usize,
) -> f64 {
    let Room { proposal: at, momentum } = room;
    let roots = mass.roots(z.len());
    let scale = |i: usize| roots.map_or(1.0, |roots| roots[i]);
    at.position.copy_from_slice(&from.position);
    at.score.copy_from_slice(&from.score);
    momentum.copy_from_slice(z);
    let mut kick = 0.5 * epsilon;
    for _ in 0..n {
        for (i, ((x, r), s)) in at.position.iter_mut().zip(&mut *momentum).zip(&at.score).enumerate() {
            *r += kick * scale(i) * s;
            *x += epsilon * scale(i) * *r;
        }
        at.log_density = log_density(&at.position, &mut at.score);
        kick = epsilon;
    }
    let mut kinetic = 0.0;
    for (i, ((r, s), z)) in momentum.iter().zip(&at.score).zip(z).enumerate() {
        let r = r + 0.5 * epsilon * scale(i) * s;
        kinetic += 0.5 * (r - z) * (r + z);
    }
    kinetic
}
