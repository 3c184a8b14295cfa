//! What is wrong with chains.

/// One thing that is wrong with chains, or that cannot be judged.
///
/// Its [`Display`](std::fmt::Display) is the finding with its number, in one line without a full stop.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// Draws are not finite.
    NonFinite {
        /// The coordinate.
        coordinate: usize,
        /// How many of its draws are not finite.
        n: usize,
        /// Of how many.
        of: usize,
    },
    /// Steps of a kernel without a test were not finite, in chains whose draws are not known or did not follow them.
    NonFiniteSteps {
        /// How many steps, over all chains.
        n: usize,
        /// Of how many.
        of: usize,
    },
    /// A chain stays at one point.
    Stuck {
        /// The chain.
        chain: usize,
        /// The longest stay, in draws.
        n: usize,
        /// Draws of the chain.
        of: usize,
    },
    /// Nearly no proposal is accepted.
    LowAcceptance {
        /// The mean acceptance.
        value: f64,
    },
    /// Nearly every proposal is accepted, and the chains move slowly for it.
    HighAcceptance {
        /// The mean acceptance.
        value: f64,
    },
    /// Proposals diverged.
    Divergences {
        /// How many, over all chains.
        n: usize,
        /// Of how many.
        of: usize,
    },
    /// R̂ is too large: the chains, or the halves of one, differ.
    RHat {
        /// The coordinate.
        coordinate: usize,
        /// R̂.
        value: f64,
    },
    /// The effective sample size of the bulk is too small.
    EssBulk {
        /// The coordinate.
        coordinate: usize,
        /// The effective sample size, per chain.
        value: f64,
    },
    /// The effective sample size of the tails is too small.
    EssTail {
        /// The coordinate.
        coordinate: usize,
        /// The effective sample size, per chain.
        value: f64,
    },
    /// The energy moves slowly: momenta do not carry a chain across the energies of the target.
    EnergyFraction {
        /// The chain.
        chain: usize,
        /// The estimated Bayesian fraction of missing information.
        value: f64,
    },
    /// There is only one chain.
    OneChain,
    /// There are too few draws for R̂ and effective sample sizes.
    FewDraws {
        /// Draws of a chain.
        n: usize,
    },
}

impl Warning {
    /// What it is, in kebab case, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NonFinite { .. } => "non-finite",
            Self::NonFiniteSteps { .. } => "non-finite-steps",
            Self::Stuck { .. } => "stuck",
            Self::LowAcceptance { .. } => "low-acceptance",
            Self::HighAcceptance { .. } => "high-acceptance",
            Self::Divergences { .. } => "divergences",
            Self::RHat { .. } => "r-hat",
            Self::EssBulk { .. } => "ess-bulk",
            Self::EssTail { .. } => "ess-tail",
            Self::EnergyFraction { .. } => "e-bfmi",
            Self::OneChain => "one-chain",
            Self::FewDraws { .. } => "few-draws",
        }
    }

    /// The coordinate that it is about, if it is about one.
    pub fn coordinate(&self) -> Option<usize> {
        match *self {
            Self::NonFinite { coordinate, .. }
            | Self::RHat { coordinate, .. }
            | Self::EssBulk { coordinate, .. }
            | Self::EssTail { coordinate, .. } => Some(coordinate),
            _ => None,
        }
    }

    /// The chain that it is about, if it is about one.
    pub fn chain(&self) -> Option<usize> {
        match *self {
            Self::Stuck { chain, .. } | Self::EnergyFraction { chain, .. } => Some(chain),
            _ => None,
        }
    }

    /// Its number: a diagnostic, an effective sample size per chain, or a share.
    pub fn value(&self) -> f64 {
        match *self {
            Self::NonFinite { n, of, .. }
            | Self::NonFiniteSteps { n, of }
            | Self::Stuck { n, of, .. }
            | Self::Divergences { n, of } => n as f64 / of as f64,
            Self::LowAcceptance { value }
            | Self::HighAcceptance { value }
            | Self::RHat { value, .. }
            | Self::EssBulk { value, .. }
            | Self::EssTail { value, .. }
            | Self::EnergyFraction { value, .. } => value,
            Self::OneChain => 1.0,
            Self::FewDraws { n } => n as f64,
        }
    }

    /// What may help.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NonFinite { .. } | Self::NonFiniteSteps { .. } => {
                "shorter steps, or a kernel with a Metropolis test"
            }
            Self::Stuck { .. } => "shorter steps, a step size from a warm-up, or another start",
            Self::LowAcceptance { .. } => "shorter steps, or a step size from a warm-up",
            Self::HighAcceptance { .. } => "longer steps, or a step size from a warm-up",
            Self::Divergences { .. } => {
                "shorter steps, a warm-up to a higher acceptance, or other coordinates where the density is narrow"
            }
            Self::RHat { .. } => "a longer warm-up, more draws, or a kernel that crosses between modes",
            Self::EssBulk { .. } | Self::EssTail { .. } => "more draws, or steps that move farther",
            Self::EnergyFraction { .. } => {
                "other coordinates for heavy tails and funnels, or a longer warm-up"
            }
            Self::OneChain => "four chains or more, from different starts",
            Self::FewDraws { .. } => "100 draws a chain or more",
        }
    }
}
