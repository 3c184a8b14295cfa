//! Observers, which look at a run after each step and may end it.

mod event;
mod observer;

mod combine;
mod save;

pub use combine::{Every, Observers};
pub use event::Event;
pub use observer::Observer;
