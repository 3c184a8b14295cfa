//! All objectives by name.

use ebm_model::Capabilities;
use serde::{Deserialize, Serialize};

use crate::{BuildContext, NamedObjective, NoiseSettings, Objective, TrainError};

/// Makes [`ObjectiveConfig`] of its list, and re-exports what is public in each objective's file.
macro_rules! objectives {
    ($($group:ident::$file:ident: $variant:ident($settings:ident),)+) => {
        $(pub use crate::$group::$file::*;)+

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

            /// The distribution of the noise levels that it trains, if it trains several.
            pub fn noise(&self) -> Option<&NoiseSettings> {
                match self { $(Self::$variant(settings) => settings.noise()),+ }
            }

            /// The same, to be changed.
            pub fn noise_mut(&mut self) -> Option<&mut NoiseSettings> {
                match self { $(Self::$variant(settings) => settings.noise_mut()),+ }
            }

            /// The share of labels that are left out for networks of classes, as set or by default; `None` if the
            /// objective leaves out none.
            pub fn label_dropout(&self) -> Option<f64> {
                match self { $(Self::$variant(settings) => settings.label_dropout()),+ }
            }

            /// The setting of this share, to be changed; `None` if the objective has no such setting.
            pub fn label_dropout_mut(&mut self) -> Option<&mut Option<f64>> {
                match self { $(Self::$variant(settings) => settings.label_dropout_mut()),+ }
            }

            /// Whether the dropout of a network has an effect.
            pub fn has_dropout(&self) -> bool {
                match self { $(Self::$variant(_) => <$settings as NamedObjective>::HAS_DROPOUT),+ }
            }

            /// Whether a network that knows augmentations is given those of a batch.
            pub fn gives_augmentations(&self) -> bool {
                match self { $(Self::$variant(_) => <$settings as NamedObjective>::GIVES_AUGMENTATIONS),+ }
            }

            /// Whether the loss has no least value on data without a density.
            pub fn needs_density(&self) -> bool {
                match self { $(Self::$variant(_) => <$settings as NamedObjective>::NEEDS_DENSITY),+ }
            }
        }
    };
}

// The list: a variant is called as its settings' `NAME`, in camel case.
objectives! {
    objectives::denoising: Denoising(DenoisingSettings),
    objectives::denoising_at: DenoisingAt(DenoisingAtSettings),
    objectives::implicit: Implicit(ImplicitSettings),
    objectives::sliced: Sliced(SlicedSettings),
    objectives::finite_difference: FiniteDifference(FiniteDifferenceSettings),
    contrastive::contrastive_divergence: ContrastiveDivergence(ContrastiveDivergenceSettings),
    contrastive::persistent: PersistentContrastiveDivergence(PersistentContrastiveDivergenceSettings),
    objectives::noise_contrastive: NoiseContrastive(NoiseContrastiveSettings),
    objectives::dual: Dual(DualSettings),
}

impl ObjectiveConfig {
    /// Whether negatives come from a sampler. Then training can diverge and retreat, and the loss does not measure
    /// how good the model is.
    pub fn is_contrastive(&self) -> bool {
        self.sampler_step_size().is_some()
    }
}
