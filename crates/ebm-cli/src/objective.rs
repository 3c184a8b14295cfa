//! The loss by name: what a configuration says about it, and the loss that this is.

use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::Tensor;
use ebm_model::{EnergyNetwork, Network};
use ebm_ops::Noise;
use ebm_sample::{Langevin, Mala};
use ebm_train::{
    BufferSettings, ContrastSettings, ContrastiveDivergence, DenoisingAt, DenoisingScoreMatching, Directions,
    FiniteDifferenceScoreMatching, Health, ImplicitScoreMatching, Memory, NegativeSampler,
    NoiseContrastiveEstimation, NoiseLaw, Objective, PersistentContrastiveDivergence, SlicedScoreMatching,
    VarianceReduced, Weighting,
};
use serde::{Deserialize, Serialize};
use toml::Table;

/// The loss by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ObjectiveConfig {
    /// Denoising score matching on many noise levels.
    Denoising {
        /// Which noise levels.
        noise: NoiseLaw,
        /// How they count.
        #[serde(flatten)]
        weighting: Weighting,
    },
    /// Denoising score matching on one noise level.
    DenoisingAt {
        /// The level.
        sigma: f64,
    },
    /// Hyvärinen's score matching, with the exact trace.
    Implicit,
    /// Sliced score matching.
    Sliced {
        /// The law of the directions.
        directions: Directions,
        /// Directions for each row.
        projections: usize,
        /// Whether the square of the whole score takes the place of that of its slices.
        variance_reduced: bool,
    },
    /// Sliced score matching of a black box, by differences of its energy.
    FiniteDifference {
        /// The distance of the differences.
        epsilon: f64,
        /// Directions for each row.
        projections: usize,
    },
    /// Contrastive divergence: chains begin at the data.
    ContrastiveDivergence {
        /// The kernel of the chains.
        #[serde(default)]
        sampler: ChainKernel,
        /// η of its steps.
        step_size: f64,
        /// Steps, regularisation, and when it has gone wrong.
        contrast: ContrastSettings,
    },
    /// Persistent contrastive divergence: chains go on.
    PersistentContrastiveDivergence {
        /// The kernel of the chains.
        #[serde(default)]
        sampler: ChainKernel,
        /// η of its steps.
        step_size: f64,
        /// Steps, regularisation, and when it has gone wrong.
        contrast: ContrastSettings,
        /// The buffer of chains.
        chains: BufferSettings,
    },
    /// Noise-contrastive estimation against a normal distribution fitted to the data.
    NoiseContrastive {
        /// Draws of noise for each row of data.
        ratio: usize,
    },
}

/// What leads the chains of contrastive divergence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainKernel {
    /// [`Langevin`], whose own error the energy learns to make up for: too large a step ends in a wrong energy.
    #[default]
    Langevin,
    /// [`Mala`], which has none: too large a step is seen in the acceptance, and costs time.
    Mala,
}

impl ChainKernel {
    /// Contrastive divergence with this kernel, persistent where there is a buffer of `chains`.
    fn contrast(
        self,
        step_size: f64,
        settings: ContrastSettings,
        chains: Option<BufferSettings>,
    ) -> Result<Loss> {
        fn of<K>(kernel: K, settings: ContrastSettings, chains: Option<BufferSettings>) -> Result<Loss>
        where
            K: NegativeSampler<EnergyNetwork> + 'static,
        {
            Ok(match chains {
                None => Loss::energy(ContrastiveDivergence::new(kernel, settings)?),
                Some(chains) => Loss::energy(PersistentContrastiveDivergence::new(kernel, settings, chains)?),
            })
        }
        match self {
            Self::Langevin => of(Langevin::new(step_size)?, settings, chains),
            Self::Mala => of(Mala::new(step_size)?, settings, chains),
        }
    }
}

/// What `--set objective=KIND` stands for, whole.
const KINDS: &[(&str, &str)] = &[
    (
        "denoising",
        "weighting = \"edm\"\nsigma_data = 1.0\nnoise = { law = \"log-uniform\", top = 10.0, bottom = 0.01 }",
    ),
    ("denoising-at", "sigma = 0.1"),
    ("implicit", ""),
    ("sliced", "directions = \"rademacher\"\nprojections = 1\nvariance_reduced = true"),
    ("finite-difference", "epsilon = 0.05\nprojections = 1"),
    (
        "contrastive-divergence",
        "sampler = \"mala\"\nstep_size = 0.01\ncontrast = { sampler_steps = 20, magnitude = 0.01, gap_bound = 1000.0, acceptance_bound = 0.5 }",
    ),
    (
        "persistent-contrastive-divergence",
        "sampler = \"mala\"\nstep_size = 0.01\ncontrast = { sampler_steps = 20, magnitude = 0.01, gap_bound = 1000.0, acceptance_bound = 0.5 }\n\
         chains = { capacity = 8192, restart_share = 0.05, restart = { from = \"data\" } }",
    ),
    ("noise-contrastive", "ratio = 4"),
];

impl ObjectiveConfig {
    /// The whole table that the name of a kind stands for.
    ///
    /// # Errors
    /// If there is no such kind; the message has those that there are.
    pub fn table(kind: &str) -> Result<Table> {
        let Some((_, text)) = KINDS.iter().find(|(name, _)| *name == kind) else {
            let known = KINDS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            bail!("there is no objective {kind}; known: {known}");
        };
        let mut table: Table = text.parse()?;
        table.insert("kind".into(), kind.into());
        Ok(table)
    }

    /// Whether the negatives come from a sampler, which may lose its way: a run that diverges then goes back and on
    /// with smaller steps, and its loss does not say how good the model is.
    pub fn is_contrastive(&self) -> bool {
        self.sampler_step_size().is_some()
    }

    /// η of the sampler that draws the negatives, if there is one.
    pub fn sampler_step_size(&self) -> Option<f64> {
        match self {
            Self::ContrastiveDivergence { step_size, .. }
            | Self::PersistentContrastiveDivergence { step_size, .. } => Some(*step_size),
            _ => None,
        }
    }

    /// Numbers that the loss remembers from step to step, in `dim` dimensions.
    pub fn remembers(&self, dim: usize) -> usize {
        match self {
            Self::PersistentContrastiveDivergence { chains, .. } => {
                chains.capacity.saturating_mul(dim.saturating_add(1))
            }
            _ => 0,
        }
    }

    /// Rows that one row of the data becomes within the loss, about.
    pub fn rows_of_a_row(&self) -> usize {
        match self {
            Self::Sliced { projections, .. } | Self::FiniteDifference { projections, .. } => *projections,
            Self::NoiseContrastive { ratio } => *ratio,
            _ => 1,
        }
    }

    /// The loss, if `network` is of the kind that it trains; `sampler_scale` shrinks the steps of its sampler, and
    /// `sample` gives rows of the data, for what is fitted to them.
    ///
    /// # Errors
    /// A number out of range, a network of another kind, data that cannot be read.
    pub fn build(
        &self,
        network: &Network,
        sampler_scale: f64,
        sample: impl FnOnce() -> Result<Tensor<2>>,
    ) -> Result<Loss> {
        let loss = match self {
            Self::Denoising { noise, weighting } => {
                Loss::Denoising(DenoisingScoreMatching::new(noise.clone(), *weighting)?)
            }
            Self::DenoisingAt { sigma } => Loss::DenoisingAt(DenoisingAt::new(*sigma)?),
            Self::Implicit => Loss::Implicit(ImplicitScoreMatching),
            Self::Sliced { directions, projections, variance_reduced } => {
                let sliced = SlicedScoreMatching::new(*directions, *projections)?;
                if *variance_reduced {
                    Loss::Reduced(sliced.variance_reduced())
                } else {
                    Loss::Sliced(sliced)
                }
            }
            Self::FiniteDifference { epsilon, projections } => {
                Loss::energy(FiniteDifferenceScoreMatching::new(*epsilon, *projections)?)
            }
            Self::ContrastiveDivergence { sampler, step_size, contrast } => {
                sampler.contrast(step_size * sampler_scale, *contrast, None)?
            }
            Self::PersistentContrastiveDivergence { sampler, step_size, contrast, chains } => {
                sampler.contrast(step_size * sampler_scale, *contrast, Some(*chains))?
            }
            Self::NoiseContrastive { ratio } => {
                Loss::energy(NoiseContrastiveEstimation::fitted(sample()?, *ratio)?)
            }
        };
        loss.check(network)?;
        Ok(loss)
    }
}

/// Any of the losses, on any of the networks that it trains.
#[allow(clippy::large_enum_variant, reason = "one loss lives at a time")]
pub enum Loss {
    /// Needs a score at every noise level.
    Denoising(DenoisingScoreMatching),
    /// Needs a score.
    DenoisingAt(DenoisingAt),
    /// Needs derivatives along directions.
    Implicit(ImplicitScoreMatching),
    /// Needs derivatives along directions.
    Sliced(SlicedScoreMatching),
    /// Needs a score and derivatives along directions.
    Reduced(VarianceReduced),
    /// Needs an energy.
    Energy(Box<dyn Objective<EnergyNetwork>>),
}

impl Loss {
    fn energy(loss: impl Objective<EnergyNetwork> + 'static) -> Self {
        Self::Energy(Box::new(loss))
    }

    /// The loss of an energy, if it is one: no other remembers anything, or has a sampler.
    fn of_energy(&self) -> Option<&dyn Objective<EnergyNetwork>> {
        match self {
            Self::Energy(loss) => Some(&**loss),
            _ => None,
        }
    }

    /// # Errors
    /// If the network is not of the kind that this loss trains, with what to set.
    fn check(&self, network: &Network) -> Result<()> {
        let (fits, wanted, model) = match self {
            Self::Denoising(_) => {
                (network.noisy_score().is_some(), "a network that is told the noise level", "mlp")
            }
            Self::DenoisingAt(_) | Self::Implicit(_) | Self::Sliced(_) | Self::Reduced(_) => {
                (network.unconditional().is_some(), "a score or an energy without noise levels", "mlp-energy")
            }
            Self::Energy(_) => (network.energy().is_some(), "an energy", "mlp-energy"),
        };
        ensure!(fits, anyhow!("this objective trains {wanted}; for points, `--set model={model}` is one"));
        Ok(())
    }
}

const FITS: &str = "a loss is built for its network";

impl Objective<Network> for Loss {
    fn loss(&mut self, model: &Network, data: Tensor<2>, noise: &mut Noise) -> Tensor<1> {
        match self {
            Self::Denoising(loss) => loss.loss(&model.noisy_score().expect(FITS), data, noise),
            Self::DenoisingAt(loss) => loss.loss(&model.unconditional().expect(FITS), data, noise),
            Self::Implicit(loss) => loss.loss(&model.unconditional().expect(FITS), data, noise),
            Self::Sliced(loss) => loss.loss(&model.unconditional().expect(FITS), data, noise),
            Self::Reduced(loss) => loss.loss(&model.unconditional().expect(FITS), data, noise),
            Self::Energy(loss) => loss.loss(&model.energy().expect(FITS), data, noise),
        }
    }

    fn memory(&self) -> Memory {
        self.of_energy().map(|loss| loss.memory()).unwrap_or_default()
    }

    fn recall(&mut self, memory: Memory) -> Result<(), String> {
        match self {
            Self::Energy(loss) => loss.recall(memory),
            _ if memory.is_empty() => Ok(()),
            _ => Err("this objective remembers nothing".into()),
        }
    }

    fn fits(&self, dim: usize) -> Result<(), String> {
        self.of_energy().map_or(Ok(()), |loss| loss.fits(dim))
    }

    fn forget(&mut self) {
        if let Self::Energy(loss) = self {
            loss.forget();
        }
    }

    fn health(&self) -> Option<&Health> {
        self.of_energy()?.health()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use ebm_model::{Architecture, Init, NetworkConfig};

    use super::*;

    fn network(kind: &str) -> Network {
        let architecture = Architecture::named(kind).unwrap();
        let device = Device::flex();
        let init = Init::new(Noise::seeded(1), &device);
        architecture.fitted(ebm_model::Input::Row { dim: 2 }).build(&init).unwrap()
    }

    fn rows() -> Tensor<2> {
        Noise::seeded(2).normal([64, 2], &Device::flex())
    }

    #[test]
    fn every_kind_of_loss_is_a_number_on_its_network_and_refuses_the_others() {
        for (kind, _) in KINDS {
            let config: ObjectiveConfig = ObjectiveConfig::table(kind).unwrap().try_into().unwrap();
            let (fits, unfit) =
                if *kind == "denoising" { ("mlp", "mlp-energy") } else { ("mlp-energy", "mlp") };
            let mut loss = config.build(&network(fits), 1.0, || Ok(rows())).unwrap();
            let found = loss.loss(&network(fits), rows(), &mut Noise::seeded(3)).into_scalar::<f32>();
            assert!(found.is_finite(), "{kind}: {found}");
            let error = config.build(&network(unfit), 1.0, || Ok(rows())).err().unwrap().to_string();
            assert!(error.contains("--set model="), "{kind}: {error}");
        }
        let unknown = ObjectiveConfig::table("likelihood").unwrap_err().to_string();
        assert!(unknown.contains("noise-contrastive"), "{unknown}");
    }
}
