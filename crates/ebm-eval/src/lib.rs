//! Evaluation of samples and models: distances between samples, and likelihoods of points.
//!
//! Two samples are compared by [`mmd`], [`sliced_wasserstein`], [`frechet`], [`KernelTwoSample`] and
//! [`ClassifierTwoSample`], or by [`compare`], which runs all of [`standard_distances`]; a sample and a score by
//! [`kernel_stein`]. [`memorization`] says whether samples repeat the training data, and a [`FeatureNetwork`] is a
//! classifier whose features distances can compare.
//! [`AnnealedImportance`] brackets log Z of any energy, [`FlowLikelihood`] is the log density of a score's
//! probability flow, and [`auroc`] says how well energies separate two sets.
//! [`ScoreMap`] and [`path_contributions`] say which coordinates make a point unlikely, and [`Neighbours`] which rows are
//! nearest.
//! Every [`Estimate`] has a standard error, every distance has a floor (its value for a perfect sampler) and a verdict
//! (its [`Standing`] to the floor), and a [`Report`] records how each [`Figure`] was measured.
//! Sums are in double precision on the host, in an order that does not depend on the number of threads; tensors
//! may be on any backend and of any float type.
//!
//! ```
//! use burn::tensor::Device;
//! use ebm_eval::{Comparison, Coordinates, Protocol, compare, standard_distances};
//! use ebm_model::Gaussian;
//! use ebm_ops::Noise;
//!
//! let (model, truth, noise) = (Gaussian::isotropic(vec![1.0; 2], 2.0)?, Gaussian::standard(2), Noise::seeded(7));
//! let draw = |from: &Gaussian, name| from.sample(500, &mut noise.derive(name), &Device::flex());
//! let (sample, fresh, reference) = (draw(&model, "sample"), draw(&truth, "fresh"), draw(&truth, "reference"));
//! let comparison = Comparison { sample, fresh, reference, features: &Coordinates };
//! let report = compare(&comparison, &standard_distances(), &Protocol::of(500), &noise)?;
//! assert!(report.figures.iter().all(|figure| figure.floor < Some(figure.value)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod report;

mod distances;
mod normalizer;

mod attribution;
mod likelihood;

mod recognition;

mod classification;

mod error;
mod host;

pub use attribution::{ScoreMap, ScoreMaps, path_contributions};
pub use classification::{CalibratedClasses, Evidence};
pub use distances::*;
pub use error::EvalError;
pub use likelihood::{
    BIN, Bracket, CentralDifferences, FlowDensity, FlowLikelihood, auroc, bits_per_dim, log_likelihood,
};
pub use normalizer::{AnnealedImportance, Annealing, Bridge, LogNormalizer, importance, quadrature};
pub use recognition::{
    FeatureLayer, FeatureNetwork, FeatureNetworkConfig, PixelRange, Recognition, recognition, recognized,
};
pub use report::{Estimate, Figure, Protocol, Report, Standing, WithFloor, halves, with_floor};
