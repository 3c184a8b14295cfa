//! Tables of numbers, in files and in memory.

pub(crate) mod table;

pub(crate) mod dataset;
pub(crate) mod layout;
pub(crate) mod point_set;

mod exact;
mod heavy_tails;
pub(crate) mod holdout;
pub(crate) mod labels;
pub(crate) mod large;
pub(crate) mod quantile;
mod remarks;
mod rows;
pub(crate) mod selection;
pub(crate) mod splits;
pub(crate) mod standardize;
mod text_form;
pub(crate) mod transform;
