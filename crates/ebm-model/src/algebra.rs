//! Models made of other models.

mod confined;
mod confinement;
mod energy_mixture;
mod given;
mod guided;
mod log_sum;
mod product;
mod shifted;
mod tempered;

pub use confined::Confined;
pub use confinement::Confinement;
pub use energy_mixture::EnergyMixture;
pub use given::Given;
pub use guided::Guided;
pub(crate) use log_sum::{log_sum_and_shares, mixed};
pub use product::Product;
pub use shifted::Shifted;
pub use tempered::Tempered;
