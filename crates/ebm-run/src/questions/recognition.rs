//! Networks whose features an evaluation compares: read from a file, or a classifier of the data's own labels.

mod classifier;
mod file;
mod recipe;

pub use classifier::{CachedClassifier, ClassifierObserver, classifier};
pub use file::{folder_of, read, save};
