//! Contrastive divergence: the loss, its kernels, and chains that continue from step to step.

mod contrast;
pub(crate) mod contrastive_divergence;
pub(crate) mod persistent;

mod chain_kernel;
mod replay_buffer;
pub(crate) mod report;
mod short_run;

pub use chain_kernel::ChainKernel;
pub use contrast::ContrastSettings;
pub use replay_buffer::{ReplayBuffer, Restart};
pub use report::{ChainAges, ContrastReading, ContrastReport};
pub use short_run::{ShortRun, ShortRunInfo};
