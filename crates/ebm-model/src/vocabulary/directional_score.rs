//! Scores and energies with derivatives along directions, as single traits.

use crate::{Detach, Directional, NoisyDirectional, NoisyScore, Potential, Score};

/// A score with derivatives along directions.
pub trait DirectionalScore: Score + Directional {}

impl<M: Score + Directional + ?Sized> DirectionalScore for M {}

/// An energy with derivatives along directions that can be sampled while it is trained.
pub trait DirectionalPotential: Potential + Directional + Detach {}

impl<M: Potential + Directional + Detach + ?Sized> DirectionalPotential for M {}

/// A score at every noise level with derivatives along directions.
pub trait NoisyDirectionalScore: NoisyScore + NoisyDirectional {}

impl<M: NoisyScore + NoisyDirectional + ?Sized> NoisyDirectionalScore for M {}
