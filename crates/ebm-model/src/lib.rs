//! The traits of energy-based models, closed forms, and networks that learn an energy or a score.
//!
//! An energy assigns a number to every point; low energy is likely:
//!
//! > p(x) = exp(−E(x)) / Z,   Z = ∫ exp(−E(y)) dy,   s(x) = ∇ₓ log p(x) = −∇E(x).
//!
//! A network is built from its description, and what it can do is queried at run time:
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use ebm_model::{Architecture, Capabilities, Init, Input, NetworkConfig};
//! use ebm_ops::Noise;
//!
//! let device = Device::flex();
//! let config = Architecture::named("mlp-energy").unwrap().fitted(Input::Row { dim: 2 });
//! let network = config.build(&Init::new(Noise::seeded(1), &device))?;
//! let x = Tensor::<2>::from_data([[0.5, -1.0], [2.0, 0.0]], &device);
//! let (energy, score) = network.as_energy().unwrap().energy_and_score(x);
//! assert_eq!((energy.dims(), score.dims()), ([2], [2, 2]));
//! # Ok::<(), ebm_model::ModelError>(())
//! ```
//!
//! Two conventions hold everywhere and are stated here only.
//! The score is **−∇E**.
//! A Langevin step of size η is **x + η s(x) + √(2η) z**, z ~ N(0, I); papers that write
//! x + (ε/2) s + √ε z mean ε = 2η.
//!
//! A batch of positions is always a `Tensor<2>`, `[batch, dim]`; images are flattened, channel by channel,
//! row by row.
//! A wrong shape is a panic with the two shapes in it.
#![forbid(unsafe_code)]

mod vocabulary;

pub mod layers;

mod closed_form;

mod algebra;

mod black_box;

pub mod networks;

pub mod weights;

mod error;

pub mod files;

mod rows;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use algebra::*;
pub use black_box::*;
pub use closed_form::*;
pub use error::ModelError;
pub use layers::{Init, Jet, Layer};
pub use networks::*;
pub use vocabulary::*;
