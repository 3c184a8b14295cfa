//! The linear operators, one file each.

pub(crate) mod block_mean;
pub(crate) mod blur;
pub(crate) mod constants;
pub(crate) mod grey;
pub(crate) mod identity;
pub(crate) mod linear_map;
pub(crate) mod mask;
