//! Posteriors of the folder `shared/reference/posteriordb`, each a log density of plain numbers that reads its
//! data there: ten of posteriordb, eight schools as the TensorFlow Probability has them, and German credit.
//!
//! A positive parameter is sampled by its logarithm, and the log density has the Jacobian of that.
#![allow(dead_code, unused_imports, reason = "each program that has these modules uses its own part of them")]

mod posterior;
mod reference;

mod linear_regression;

mod autoregressive;
mod credit;
mod earn_height;
mod eight_schools;
mod eight_schools_centered;
mod eight_schools_tfp;
mod kidscore_momiq;
mod kilpisjarvi;
mod logearn_interaction;
mod logmesquite_logvolume;
mod sparse_regression;
mod two_normals;

pub use posterior::{Posterior, steepened};
pub use reference::{Expected, Fixture, Reference};

use autoregressive::Autoregressive;
use credit::Credit;
use earn_height::earn_height;
use eight_schools::EightSchools;
use eight_schools_centered::EightSchoolsCentered;
use eight_schools_tfp::EightSchoolsTfp;
use kidscore_momiq::KidscoreMomiq;
use kilpisjarvi::Kilpisjarvi;
use logearn_interaction::logearn_interaction;
use logmesquite_logvolume::logmesquite_logvolume;
use sparse_regression::SparseRegression;
use two_normals::TwoNormals;

/// All of them.
pub fn all(reference: &Reference) -> Vec<Box<dyn Posterior>> {
    vec![
        Box::new(KidscoreMomiq::read(reference)),
        Box::new(earn_height(reference)),
        Box::new(logearn_interaction(reference)),
        Box::new(Kilpisjarvi::read(reference)),
        Box::new(logmesquite_logvolume(reference)),
        Box::new(SparseRegression::correlated(reference)),
        Box::new(SparseRegression::independent(reference)),
        Box::new(Autoregressive::read(reference)),
        Box::new(EightSchools::read(reference)),
        Box::new(EightSchoolsCentered::read(reference)),
        Box::new(EightSchoolsTfp::read(reference)),
        Box::new(TwoNormals::read(reference)),
        Box::new(Credit::read(reference)),
    ]
}

/// The one of this name.
pub fn named(reference: &Reference, name: &str) -> Option<Box<dyn Posterior>> {
    all(reference).into_iter().find(|posterior| posterior.name() == name)
}
