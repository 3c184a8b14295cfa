//! How much noise annealed Langevin dynamics adds.

use serde::{Deserialize, Serialize};

/// How much noise a step of [`AnnealedLangevin`](crate::AnnealedLangevin) adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LevelNoise {
    /// √(2η) z, as of any Langevin step.
    ///
    /// Samples then have more noise than the network is told. Where the data are a point and the level falls by
    /// δ = ln γ / T a step, their variance is about 1/(1 − r/2 − δ/r) in units of the level's after a few levels. That
    /// is at least 1/(1 − √(2δ)): 1.16 for a hundred steps to a factor of e.
    #[default]
    Full,
    /// What makes the noise on the samples that which the network is told: it falls by the same factor at each step, from
    /// a level to the next, and a step from σ to σ′ adds σ′² − (1 − r)² σ².
    ///
    /// A step moves samples by r of the way to the mean of the clean point, which leaves (1 − r) σ of their noise, and
    /// the rest is added. So samples have the noise of their level for any step, where the data are a point or vary by
    /// much more than σ. In between their variance is too small by about r/2 at most.
    ///
    /// # Reference
    /// Jolicoeur-Martineau et al. (2021), *Adversarial score matching and improved sampling for image generation*,
    /// §3, where each step has a level of its own.
    Consistent,
}
