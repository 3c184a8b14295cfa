//! What is kept of a run on the disk: its folder with a lock, what it is, how it went, its model and its evaluations.

pub mod digest;
pub mod folder;
pub mod lock;
pub mod own_file;

pub mod card;
pub mod model;

pub mod history;
pub mod origin;

pub mod agreement;
pub mod fingerprint;

pub mod evaluations;
pub mod journal;
