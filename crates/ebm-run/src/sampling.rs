//! How samples are drawn: the `[sample]` table of a configuration, and samplers by name made of it.

mod asked;
mod by_rule;
mod config;
mod distances;
mod draw;
mod keys_read;
mod not_finite;
mod step_key;
mod views;

pub use asked::{Asked, OfClasses};
pub use by_rule::design;
pub use config::{ChainConfig, HeunConfig, LangevinConfig, SHORT_NAMES, SampleConfig, ShortName};
pub use distances::Distances;
pub use draw::{Drawing, Drawn, Keep, host};
pub use keys_read::KeysRead;
pub use not_finite::NotFinite;
pub use step_key::{StepKey, own_step_key};
pub use views::with_density;
