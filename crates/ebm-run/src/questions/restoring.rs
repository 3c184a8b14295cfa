//! Pictures restored by a trained network: filled in, freed of noise or blur, enlarged, coloured.
//!
//! [`Pictures`] are read as a network wants them, a [`Degradation`] says what happened to them, and a [`Restorer`]
//! draws several answers for each.

mod degradation;
mod mask;
mod pictures;
mod restorer;

pub use degradation::{Degradation, Task, deviation};
pub use mask::known;
pub use pictures::Pictures;
pub use restorer::{Answers, Method, Restorer};
