//! Every sampler by name.
//!
//! A new sampler is a file with its settings and their [`NamedSampler`], its `mod` line, and a line in the list
//! below.

mod any_chain;
mod any_descent;
mod any_kernel;
mod any_sampler;
mod density;
mod erased;
mod named;
mod need;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use any_chain::AnyChain;
pub use any_descent::AnyDescent;
pub use any_kernel::{AnyKernel, WarmedUp};
pub use any_sampler::AnySampler;
pub use density::Density;
pub use erased::{AnyInfo, AnyMemo};
pub use named::NamedSampler;
pub use need::Need;

pub(crate) use erased::erase;

use crate::SampleError;

/// Makes [`Sampler`] of its list, and re-exports what is public in each sampler's file.
macro_rules! samplers {
    ($($group:ident::$file:ident: $sampler:ident($settings:ident),)*) => {
        $(pub use crate::$group::$file::*;)*

        /// A sampler by name, with its numbers.
        ///
        /// Its serialised form is a table with the name as `kind`; numbers that are not given have their defaults.
        ///
        /// ```
        /// use ebm_sample::Sampler;
        ///
        /// let sampler: Sampler = serde_json::from_str(r#"{"kind":"hmc","leapfrog":5}"#).unwrap();
        /// let text = r#"{"kind":"hmc","step_size":0.05,"leapfrog":5,"fixed_length":false}"#;
        /// assert_eq!(serde_json::to_string(&sampler).unwrap(), text);
        /// ```
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Sampler {
            $(
                #[doc = concat!("[`", stringify!($sampler), "`](crate::", stringify!($sampler), ").")]
                $sampler($settings),
            )*
        }

        impl Sampler {
            /// Every sampler's name, and a line about it.
            pub fn list() -> impl Iterator<Item = (&'static str, &'static str)> {
                [$((<$settings as NamedSampler>::NAME, <$settings as NamedSampler>::ABOUT)),*].into_iter()
            }

            /// The sampler of this name with its default numbers.
            ///
            /// # Errors
            /// [`SampleError::Unknown`] if there is none, with the names that there are.
            pub fn named(name: &str) -> Result<Self, SampleError> {
                match name {
                    $(<$settings as NamedSampler>::NAME => Ok(Self::$sampler($settings::default())),)*
                    _ => {
                        let known: Vec<&str> = Self::list().map(|(name, _)| name).collect();
                        Err(SampleError::Unknown { found: name.to_owned(), known: known.join(", ") })
                    }
                }
            }

            /// Its name.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$sampler(_) => <$settings as NamedSampler>::NAME,)*
                }
            }

            /// The table of a configuration file whose keys replace its numbers.
            pub fn section(&self) -> &'static str {
                match self {
                    $(Self::$sampler(_) => <$settings as NamedSampler>::SECTION,)*
                }
            }

            /// What it needs of a model.
            pub fn need(&self) -> Need {
                match self {
                    $(Self::$sampler(_) => <$settings as NamedSampler>::NEED,)*
                }
            }

            /// The number that is the size of its steps, by its name in the table; `None` where steps follow from noise
            /// levels.
            pub fn step_name(&self) -> Option<&'static str> {
                match self {
                    $(Self::$sampler(_) => <$settings as NamedSampler>::STEP,)*
                }
            }

            /// Whether it takes samples down noise levels, instead of moving chains.
            pub fn is_descent(&self) -> bool {
                matches!(self.need(), Need::NoisyScore | Need::NoisyEnergy)
            }

            /// The same sampler with this step size; a descent stays as it is.
            pub fn with_step_size(self, step_size: f64) -> Self {
                match self {
                    $(Self::$sampler(settings) => Self::$sampler(settings.with_step_size(step_size)),)*
                }
            }

            /// The same sampler with up to so many leapfrog steps; one without a momentum stays as it is.
            pub fn with_leapfrog(self, leapfrog: usize) -> Self {
                match self {
                    $(Self::$sampler(settings) => Self::$sampler(settings.with_leapfrog(leapfrog)),)*
                }
            }

            /// The most evaluations of the score in one step of a chain.
            pub fn evaluations(&self) -> usize {
                match self {
                    $(Self::$sampler(settings) => settings.evaluations(),)*
                }
            }

            /// The same sampler with the step that corresponds to a Langevin step of size η: ε = √(2η) for a
            /// leapfrog or underdamped step; a descent stays as it is.
            pub fn with_langevin_step(self, eta: f64) -> Self {
                match self {
                    $(Self::$sampler(settings) => Self::$sampler(settings.with_langevin_step(eta)),)*
                }
            }

            /// The sampler, ready to draw.
            ///
            /// # Errors
            /// [`SampleError::OutOfRange`], naming the number that is out of range.
            pub fn build(&self) -> Result<AnySampler, SampleError> {
                match self {
                    $(Self::$sampler(settings) => settings.build(),)*
                }
            }
        }
    };
}

samplers! {
    mcmc::langevin: Langevin(LangevinSettings),
    mcmc::preconditioned_langevin: PreconditionedLangevin(PreconditionedLangevinSettings),
    mcmc::underdamped: Underdamped(UnderdampedSettings),
    mcmc::mala: Mala(MalaSettings),
    mcmc::hmc: Hmc(HmcSettings),
    mcmc::parallel_tempering: ParallelTempering(ParallelTemperingSettings),
    adaptation::chees_by_name: Chees(CheesSettings),
    mcmc::mclmc_by_name: Mclmc(MclmcSettings),
    mcmc::mamclmc_by_name: Mamclmc(MamclmcSettings),
    descent::annealed_langevin: AnnealedLangevin(AnnealedLangevinSettings),
    descent::annealed_mala: AnnealedMala(AnnealedMalaSettings),
    descent::reverse_diffusion: ReverseDiffusion(ReverseDiffusionSettings),
    descent::predictor_corrector: PredictorCorrector(PredictorCorrectorSettings),
    descent::probability_flow: ProbabilityFlow(ProbabilityFlowSettings),
    descent::stochastic_heun: StochasticHeun(StochasticHeunSettings),
}
