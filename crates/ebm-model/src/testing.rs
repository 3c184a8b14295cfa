//! Checks for layers, energies, scores and networks, against finite differences in double precision.
//!
//! Available to other crates with the feature `testing`. A check panics with the quantity that is wrong.
//!
//! - [`assert_layer`]: reverse and forward rule of a [`Layer`](crate::Layer) are its derivatives.
//! - [`assert_potential`], [`assert_directional`]: energy, score, slope and curvature agree, and rows are independent.
//! - [`assert_joint_potential`]: the derivative along the noise level is that of the energy.
//! - [`assert_precision`]: in single precision a model computes what it computes in double precision.
//! - [`assert_trainable`]: losses on a network have the right gradients in all of its parameters.
//! - [`assert_saved`]: a network is restored from a file.
//! - [`assert_score_is_minus_gradient`], [`assert_noisy_score_is_the_gradient_of`]: closed forms at given points.
//! - [`assert_distribution`], [`assert_moments`]: exact draws.
//!
//! A layer of your own needs one call, on random input of the shape given:
//!
//! ```
//! use burn::tensor::Tensor;
//! use ebm_model::{Jet, Layer, testing};
//!
//! /// f(x) = x², element by element.
//! struct Square;
//!
//! impl Layer<2> for Square {
//!     type Trace = Tensor<2>;
//!
//!     fn trace(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
//!         (x.clone().square(), x)
//!     }
//!
//!     fn pullback(&self, x: Tensor<2>, cotangent: Tensor<2>) -> Tensor<2> {
//!         x * cotangent * 2.0
//!     }
//!
//!     fn push(&self, Jet { value: x, slope, curvature }: Jet<2>) -> Jet<2> {
//!         Jet {
//!             value: x.clone().square(),
//!             slope: x.clone() * slope.clone() * 2.0,
//!             curvature: (slope.square() + x * curvature) * 2.0,
//!         }
//!     }
//! }
//!
//! testing::assert_layer::<2, 2>(&Square, [3, 4], 1);
//! ```

mod numbers;
mod reverse_rule;

mod closed_form;
mod draws;
mod joint_potential;
mod layers;
mod models;
mod training;

#[cfg(test)]
mod controls;

pub use closed_form::{assert_noisy_score_is_the_gradient_of, assert_score_is_minus_gradient};
pub use draws::{assert_distribution, assert_moments};
pub use joint_potential::assert_joint_potential;
pub use layers::assert_layer;
#[cfg(test)]
pub(crate) use layers::assert_layer_near;
pub use models::{assert_directional, assert_potential, assert_precision, assert_saved};
pub use numbers::{assert_close, differences, doubles, in_double, normal, points, rows};
pub use reverse_rule::assert_reverse_rule;
pub use training::{assert_trainable, losses, losses_and_energy};
