//! Python's pickles, read without calling anything.
//!
//! A pickle is a program for a machine with a stack. This [machine](read) knows the instructions that build numbers,
//! texts, tuples, lists and dictionaries; what a call stands for is said by [`Objects`], and what they do not know is
//! refused by its name. [`numpy`] knows the two functions that NumPy names to restore an array.

mod machine;
mod numpy;
mod value;

pub use machine::{Objects, read};
#[cfg(test)]
pub(crate) use numpy::tests;
pub use numpy::{Array, NumPy, numpy};
pub use value::{Id, Pickle, Value};
