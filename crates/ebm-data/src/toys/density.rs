//! What a toy is.

/// A density in the plane with a name.
pub trait Density {
    /// The name in a configuration, in kebab case.
    const NAME: &'static str;

    /// One line about its form.
    const ABOUT: &'static str;

    /// A point and its label, as a function of three numbers uniform on [0, 1) and two standard normal ones.
    fn place(u: [f32; 3], z: [f32; 2]) -> ([f32; 2], Option<u32>);

    /// Its exact mean and covariance.
    fn moments() -> Moments;
}

/// Mean and covariance of a distribution in the plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean of each coordinate.
    pub mean: [f64; 2],
    /// Variance of each coordinate.
    pub variance: [f64; 2],
    /// Covariance of the two coordinates.
    pub covariance: f64,
}

impl Moments {
    /// Mean 0, the same variance in every direction.
    pub(crate) fn isotropic(variance: f64) -> Self {
        Self { mean: [0.0; 2], variance: [variance; 2], covariance: 0.0 }
    }
}

/// The component out of `n` that a number uniform on [0, 1) chooses.
pub(crate) fn component(u: f32, n: u32) -> u32 {
    ((u * n as f32) as u32).min(n - 1)
}
