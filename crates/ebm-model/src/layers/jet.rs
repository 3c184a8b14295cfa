//! A function along a line, to second order.

use burn::tensor::Tensor;

/// A value that moves along a line x + t v, with its first and second derivative in t at t = 0.
///
/// All three have one shape.
///
/// # Reference
/// Griewank and Walther (2008), *Evaluating derivatives*, §13.2: Taylor coefficients, here without factorials.
#[derive(Clone, Debug)]
pub struct Jet<const D: usize> {
    /// h(0).
    pub value: Tensor<D>,
    /// ḣ(0).
    pub slope: Tensor<D>,
    /// ḧ(0).
    pub curvature: Tensor<D>,
}

impl<const D: usize> Jet<D> {
    /// The line x + t v itself: its slope is v, and it does not bend.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn line(x: Tensor<D>, v: Tensor<D>) -> Self {
        assert_eq!(x.dims(), v.dims(), "a direction has the shape of the position");
        let curvature = v.zeros_like();
        Self { value: x, slope: v, curvature }
    }

    /// What a linear map makes of it: the map of each part.
    pub fn linear<const E: usize>(self, map: impl Fn(Tensor<D>) -> Tensor<E>) -> Jet<E> {
        Jet { value: map(self.value), slope: map(self.slope), curvature: map(self.curvature) }
    }
}

impl<const D: usize> std::ops::Add for Jet<D> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            value: self.value + other.value,
            slope: self.slope + other.slope,
            curvature: self.curvature + other.curvature,
        }
    }
}
