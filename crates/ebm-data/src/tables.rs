//! Tables of numbers, in files and in memory.

pub(crate) mod table;

pub(crate) mod layout;
pub(crate) mod point_set;

mod exact;
mod heavy_tails;
pub(crate) mod holdout;
pub(crate) mod labels;
pub(crate) mod large;
pub(crate) mod quantile;
pub(crate) mod selection;
pub(crate) mod standardize;
pub(crate) mod transform;
