//! Contrastive divergence: the loss, its kernels, and chains that continue from step to step.

mod contrast;
mod contrastive_divergence;
mod persistent;

mod chain_kernel;
mod replay_buffer;
pub(crate) mod report;
mod short_run;

pub use chain_kernel::ChainKernel;
pub use contrast::ContrastSettings;
pub use contrastive_divergence::{ContrastiveDivergence, ContrastiveDivergenceSettings};
pub use persistent::{
    BufferSettings, PersistentContrastiveDivergence, PersistentContrastiveDivergenceSettings,
};
pub use replay_buffer::{ReplayBuffer, Restart};
pub use report::{ChainAges, ContrastReading, ContrastReport};
pub use short_run::{ShortRun, ShortRunInfo};
