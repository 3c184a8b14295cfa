//! The logarithm of earnings by height and sex, with an interaction.

use super::Reference;
use super::linear_regression::{Flat, LinearRegression};
use super::reference::numbers;

/// log earnings ~ N(β₁ + β₂ height + β₃ male + β₄ height male, σ), β and σ flat; the coordinates are β and
/// log σ.
pub fn logearn_interaction(reference: &Reference) -> Flat {
    let data = reference.data("earnings");
    let [earnings, height, male] = ["earn", "height", "male"].map(|name| numbers(&data[name]));
    let both = height.iter().zip(&male).map(|(height, male)| height * male).collect();
    let columns = vec![vec![1.0; height.len()], height, male, both];
    let regression = LinearRegression::new(columns, earnings.into_iter().map(f64::ln).collect());
    Flat { name: "earnings-logearn_interaction", regression }
}
