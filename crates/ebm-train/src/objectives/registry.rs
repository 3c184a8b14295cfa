//! All objectives by name.

use ebm_model::Capabilities;
use serde::{Deserialize, Serialize};

use crate::{
    BuildContext, ContrastiveDivergenceSettings, DenoisingAtSettings, DenoisingSettings, DualSettings,
    FiniteDifferenceSettings, ImplicitSettings, NamedObjective, NoiseContrastiveSettings, Objective,
    PersistentContrastiveDivergenceSettings, SlicedSettings, TrainError,
};

macro_rules! objectives {
    ($($variant:ident($settings:ty),)+) => {
        /// An objective by name, with its settings: the table `[objective]` of a configuration, whose key `kind` is
        /// the name.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        pub enum ObjectiveConfig {
            $(#[doc = concat!("See [`", stringify!($settings), "`].")] $variant($settings),)+
        }

        impl ObjectiveConfig {
            /// The names and what each is, in one line.
            pub const ALL: &'static [(&'static str, &'static str)] =
                &[$((<$settings as NamedObjective>::NAME, <$settings as NamedObjective>::ABOUT)),+];

            /// The objective called `name`, with the settings that the name alone stands for.
            ///
            /// # Errors
            /// [`TrainError::UnknownObjective`] with the names that there are.
            pub fn named(name: &str) -> Result<Self, TrainError> {
                match name {
                    $(<$settings as NamedObjective>::NAME => Ok(Self::$variant(<$settings>::default())),)+
                    _ => {
                        let known = Self::ALL.iter().map(|(name, _)| *name).collect();
                        Err(TrainError::UnknownObjective { name: name.to_owned(), known })
                    }
                }
            }

            /// The objective's name.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => <$settings as NamedObjective>::NAME),+ }
            }

            /// The objective, for networks like `network`.
            ///
            /// # Errors
            /// Those of [`NamedObjective::build`].
            pub fn build<N: Capabilities + ?Sized + 'static>(
                &self,
                network: &N,
                context: &BuildContext<'_>,
            ) -> Result<Box<dyn Objective<N>>, TrainError> {
                match self { $(Self::$variant(settings) => settings.build(network, context)),+ }
            }

            /// The step size of the sampler that draws negatives, if there is one.
            pub fn sampler_step_size(&self) -> Option<f64> {
                match self { $(Self::$variant(settings) => settings.sampler_step_size()),+ }
            }

            /// How many numbers the objective remembers between steps, for data of `dim` columns.
            pub fn memory_numbers(&self, dim: usize) -> usize {
                match self { $(Self::$variant(settings) => settings.memory_numbers(dim)),+ }
            }

            /// Rows on which the network is evaluated for each row of data, approximately.
            pub fn rows_per_row(&self) -> usize {
                match self { $(Self::$variant(settings) => settings.rows_per_row()),+ }
            }
        }
    };
}

// The list: a variant is called as its settings' `NAME`, in camel case.
objectives! {
    Denoising(DenoisingSettings),
    DenoisingAt(DenoisingAtSettings),
    Implicit(ImplicitSettings),
    Sliced(SlicedSettings),
    FiniteDifference(FiniteDifferenceSettings),
    ContrastiveDivergence(ContrastiveDivergenceSettings),
    PersistentContrastiveDivergence(PersistentContrastiveDivergenceSettings),
    NoiseContrastive(NoiseContrastiveSettings),
    Dual(DualSettings),
}

impl ObjectiveConfig {
    /// Whether negatives come from a sampler. Then training can diverge and retreat, and the loss does not measure
    /// how good the model is.
    pub fn is_contrastive(&self) -> bool {
        self.sampler_step_size().is_some()
    }
}
