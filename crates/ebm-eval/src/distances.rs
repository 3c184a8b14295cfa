//! Distances between two samples, and between a sample and a score.

mod compare;
mod features;
mod sample_distance;

mod pairs;
mod radial;
mod u_statistic;

mod mmd;

mod sliced_wasserstein;

mod frechet;
pub(crate) mod matrix;
mod moments;

mod classifier;
mod ridge;

mod two_sample;

mod memorization;
mod neighbours;

mod stein;

pub use classifier::ClassifierResult;
pub use compare::compare;
pub use features::{Coordinates, FeatureMap, PooledPixels};
pub use frechet::frechet;
pub use memorization::{Memorization, memorization};
pub use mmd::mmd;
pub use moments::{Features, Moments};
pub use neighbours::{Neighbour, Neighbours};
pub use radial::RadialKernel;
pub use sample_distance::{Comparison, SampleDistance};
pub use sliced_wasserstein::{Order, sliced_wasserstein};
pub use stein::{kernel_stein, kernel_stein_biased};
pub use two_sample::TwoSampleResult;

/// Exports each distance and lists it with its default settings.
macro_rules! distances {
    ($($module:ident::$distance:ident,)+) => {
        $(pub use $module::$distance;)+

        /// Every distance between samples with its default settings, in the order of a report.
        pub fn standard_distances() -> Vec<Box<dyn SampleDistance>> {
            vec![$(Box::new($distance::default())),+]
        }
    };
}

distances! {
    mmd::Mmd,
    sliced_wasserstein::SlicedWasserstein,
    frechet::Frechet,
    two_sample::KernelTwoSample,
    classifier::ClassifierTwoSample,
}
