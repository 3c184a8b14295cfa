//! What people look at while a run goes on and after it: pictures, films, landscapes, pages.

pub mod film;
pub mod landscape;
pub mod level_losses;
pub mod pictures;

pub mod page;
