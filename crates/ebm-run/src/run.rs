//! A run from its data to its model: its parts, what of them is found from the data, and its training.

pub mod parts;
pub mod training;

pub mod augmentations;
pub mod classes;
pub mod rows;

pub mod atoms;
pub mod levels_of_run;
pub mod noise_levels;
pub mod normalization;
pub mod normalization_of_run;

pub mod ranks;
