//! The weight of mesquite bushes by the volume of their crowns.

use super::Reference;
use super::linear_regression::{Flat, LinearRegression};
use super::reference::numbers;

/// log weight ~ N(β₁ + β₂ log(d₁ d₂ h), σ), β and σ flat; the coordinates are β and log σ.
pub fn logmesquite_logvolume(reference: &Reference) -> Flat {
    let data = reference.data("mesquite");
    let [weight, d1, d2, height] =
        ["weight", "diam1", "diam2", "canopy_height"].map(|name| numbers(&data[name]));
    let log_volume = d1.iter().zip(&d2).zip(&height).map(|((a, b), h)| (a * b * h).ln()).collect();
    let columns = vec![vec![1.0; weight.len()], log_volume];
    let regression = LinearRegression::new(columns, weight.into_iter().map(f64::ln).collect());
    Flat { name: "mesquite-logmesquite_logvolume", regression }
}
