//! When a diagnostic is a warning.

/// R̂ above which chains count as not mixed: Vehtari et al. (2021), §5.
pub(super) const R_HAT: f64 = 1.01;

/// The least effective sample size per chain from which R̂ and quantiles can be relied upon: Vehtari et al. (2021), §5,
/// and the Stan reference manual.
pub(super) const ESS: f64 = 100.0;

/// Fewer draws of a chain have no effective sample size.
pub(super) const DRAWS: usize = 12;

/// The least and the largest acceptance. The best of MALA and HMC are 0.574 and 0.651 to 0.8.
pub(super) const ACCEPTANCE: [f64; 2] = [0.1, 0.99];

/// The largest acceptance where nothing else is known of how the chains mix.
pub(super) const ACCEPTANCE_ALONE: f64 = 0.999;

/// The longest stay at one point, in draws: of a chain that accepts one proposal in five it is longer in one of
/// 10⁵ runs of 1,000 draws. A chain of fewer draws is stuck if it never moves.
pub(super) const STAY: usize = 80;

/// Fewer draws that are all the same are no sign yet.
pub(super) const STAY_AT_LEAST: usize = 10;

/// The estimated Bayesian fraction of missing information below which momenta do not carry a chain across its energies:
/// Betancourt (2016), *Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo*, and Stan.
pub(super) const ENERGY_FRACTION: f64 = 0.3;
