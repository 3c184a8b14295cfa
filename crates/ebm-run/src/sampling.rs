//! How samples are drawn: the `[sample]` table of a configuration, and samplers by name made of it.

mod config;
mod draw;
mod views;

pub use config::{ChainConfig, HeunConfig, LangevinConfig, SampleConfig};
pub use draw::{Drawing, Drawn, host};
pub use views::with_density;
