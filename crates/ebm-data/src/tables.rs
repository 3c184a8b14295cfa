//! Tables of numbers, in files and in memory.

pub(crate) mod holdout;
pub(crate) mod point_set;
pub(crate) mod standardize;
pub(crate) mod table;
