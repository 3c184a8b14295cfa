//! Earnings by height.

use super::Reference;
use super::linear_regression::{Flat, LinearRegression};
use super::reference::numbers;

/// earnings ~ N(β₁ + β₂ height, σ), β and σ flat; the coordinates are β and log σ, whose scales differ by 10⁵.
pub fn earn_height(reference: &Reference) -> Flat {
    let data = reference.data("earnings");
    let (earnings, height) = (numbers(&data["earn"]), numbers(&data["height"]));
    let regression = LinearRegression::new(vec![vec![1.0; height.len()], height], earnings);
    Flat { name: "earnings-earn_height", regression }
}
