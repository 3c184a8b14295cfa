//! Objectives bound to the side of a network that they train.
//!
//! A network by name is a set of [`Capabilities`], each of which it may lack; an objective trains one of them.
//! Whether the network has it is decided once, by `build`. Afterwards the look-up cannot fail: the objective is used
//! with networks of the shape that it was built for, and what a network can do depends on its shape alone.
//! This file is the only place that relies on it.

use burn::tensor::Tensor;
use ebm_model::{
    Capabilities, DirectionalPotential, DirectionalScore, JointPotential, NoisyDirectionalScore,
};
use ebm_ops::Noise;

use crate::{Batch, Memory, Need, Objective, Outcome, Shard, TrainError};

const BUILT_FOR: &str = "an objective is used with the kind of network that it was built for";

macro_rules! bound {
    ($(#[$doc:meta])* $name:ident, $look_up:ident, $side:ident, $need:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<O>(O);

        impl<O> $name<O> {
            /// `objective`, called `name`, for networks like `network`.
            ///
            /// # Errors
            /// [`TrainError::Unfit`] if the network lacks what the objective trains, [`TrainError::Classes`] if it is
            /// conditioned on classes, of which the objective knows nothing.
            pub fn build<N>(
                objective: O,
                name: &'static str,
                network: &N,
            ) -> Result<Box<dyn Objective<N>>, TrainError>
            where
                N: Capabilities + ?Sized,
                O: for<'a> Objective<dyn $side + 'a> + 'static,
            {
                if network.as_class_conditional().is_some() {
                    return Err(TrainError::Classes { objective: name });
                }
                match network.$look_up() {
                    Some(_) => Ok(Box::new(Self(objective))),
                    None => Err(TrainError::Unfit { objective: name, need: $need }),
                }
            }
        }

        impl<N, O> Objective<N> for $name<O>
        where
            N: Capabilities + ?Sized,
            O: for<'a> Objective<dyn $side + 'a>,
        {
            fn start(&self, network: &N, data: &Tensor<2>, noise: &mut Noise) -> Memory {
                self.0.start(network.$look_up().expect(BUILT_FOR), data, noise)
            }

            fn check(&self, memory: &Memory, dim: Option<usize>) -> Result<(), String> {
                Objective::<dyn $side>::check(&self.0, memory, dim)
            }

            fn start_shard(&self, shard: Shard, network: &N, data: &Tensor<2>, noise: &mut Noise) -> Memory {
                self.0.start_shard(shard, network.$look_up().expect(BUILT_FOR), data, noise)
            }

            fn check_shard(&self, shard: Shard, memory: &Memory, dim: Option<usize>) -> Result<(), String> {
                Objective::<dyn $side>::check_shard(&self.0, shard, memory, dim)
            }

            fn loss(&self, network: &N, batch: &Batch, memory: Memory, noise: &mut Noise) -> Outcome {
                self.0.loss(network.$look_up().expect(BUILT_FOR), batch, memory, noise)
            }
        }
    };
}

bound!(
    /// An objective for the score at every noise level.
    OnNoisyScore, as_noisy_score, NoisyDirectionalScore, Need::NoisyScore
);
bound!(
    /// An objective for the energy at every noise level.
    OnJointEnergy, as_joint_energy, JointPotential, Need::JointEnergy
);
bound!(
    /// An objective for the score of the data themselves.
    OnScore, as_score, DirectionalScore, Need::Score
);
bound!(
    /// An objective for the energy of the data themselves.
    OnEnergy, as_energy, DirectionalPotential, Need::Energy
);
