//! Images: in memory, in folders, in the files of published datasets.

pub(crate) mod affine;
pub(crate) mod augmentation;
pub(crate) mod background;
pub(crate) mod geometry;
pub(crate) mod held_out;
pub(crate) mod image_set;
pub(crate) mod pixels;
pub(crate) mod preparation;
pub(crate) mod reflection;

pub(crate) mod cached;
pub(crate) mod cifar10;
pub(crate) mod image_folder;
pub(crate) mod mnist;
pub(crate) mod stack;
