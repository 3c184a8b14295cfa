//! The mass of each coordinate.

use burn::tensor::{DType, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::SampleError;

/// A diagonal mass matrix M = diag(1/v): light where the target varies much.
///
/// Kernels move as if coordinate `i` was measured in units of √v_i, so the best v are the target's variances.
/// In Langevin dynamics M⁻¹ = diag(v) is the preconditioner.
///
/// # Reference
/// Neal (2011), *MCMC using Hamiltonian dynamics*, §4.1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Option<Vec<f64>>", into = "Option<Vec<f64>>")]
pub struct Mass {
    variances: Option<Vec<f64>>,
    roots: Option<Vec<f64>>,
}

impl Mass {
    /// M = I, in any dimension.
    pub fn unit() -> Self {
        Self::default()
    }

    /// M = diag(1/v), one variance a coordinate.
    ///
    /// # Errors
    /// [`SampleError`] unless there is one or more and all are positive and finite.
    pub fn from_variances(variances: Vec<f64>) -> Result<Self, SampleError> {
        if variances.is_empty() {
            return Err(SampleError::Count { what: "variances", least: 1, found: 0 });
        }
        match variances.iter().position(|v| !(v.is_finite() && 0.0 < *v)) {
            Some(index) => Err(SampleError::Variance { index, found: variances[index] }),
            None => {
                let roots = Some(variances.iter().map(|v| v.sqrt()).collect());
                Ok(Self { variances: Some(variances), roots })
            }
        }
    }

    /// v, unless M = I.
    pub fn variances(&self) -> Option<&[f64]> {
        self.variances.as_deref()
    }

    /// The diagonal of M^(−½) in `dim` coordinates, unless M = I.
    ///
    /// # Panics
    /// If the mass has another number of them.
    pub(crate) fn roots(&self, dim: usize) -> Option<&[f64]> {
        let roots = self.roots.as_deref()?;
        assert_eq!(roots.len(), dim, "a mass has an entry for each of the {dim} coordinates");
        Some(roots)
    }

    /// M^(−½) beside `x`.
    ///
    /// # Panics
    /// If `x` has another number of coordinates.
    pub(crate) fn scale(&self, x: &Tensor<2>) -> Scale {
        let [_, dim] = x.dims();
        let options = (&x.device().inner(), x.dtype());
        let Some(roots) = self.roots(dim) else { return Scale(None) };
        Scale(Some(match x.dtype() {
            DType::F64 => Tensor::from_data(TensorData::new(roots.to_vec(), [1, dim]), options),
            _ => {
                let roots: Vec<f32> = roots.iter().map(|&root| root as f32).collect();
                Tensor::from_data(TensorData::new(roots, [1, dim]), options)
            }
        }))
    }
}

impl TryFrom<Option<Vec<f64>>> for Mass {
    type Error = SampleError;

    fn try_from(variances: Option<Vec<f64>>) -> Result<Self, SampleError> {
        variances.map_or(Ok(Self::unit()), Self::from_variances)
    }
}

impl From<Mass> for Option<Vec<f64>> {
    fn from(mass: Mass) -> Self {
        mass.variances
    }
}

/// M^(−½), `[1, dim]`, or nothing where it is the identity.
#[derive(Clone, Debug)]
pub(crate) struct Scale(Option<Tensor<2>>);

impl Scale {
    /// Whether it changes nothing.
    pub(crate) fn is_identity(&self) -> bool {
        self.0.is_none()
    }

    /// M^(−½) x, row by row.
    pub(crate) fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.0 {
            Some(scale) => x * scale.clone(),
            None => x,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variances_that_are_none_are_refused_by_their_place() {
        let error = |v: &[f64]| Mass::from_variances(v.to_vec()).unwrap_err().to_string();
        assert_eq!(error(&[1.0, 0.0]), "variance 1: expected a positive, finite number, found 0");
        assert_eq!(error(&[]), "variances: expected at least 1, found 0");
        assert!(Mass::try_from(Some(vec![f64::INFINITY])).is_err());
    }

    #[test]
    #[should_panic(expected = "each of the 3 coordinates")]
    fn a_mass_of_another_dimension_is_a_panic() {
        let mass = Mass::from_variances(vec![1.0, 2.0]).unwrap();
        mass.scale(&Tensor::zeros([4, 3], &burn::tensor::Device::flex()));
    }
}
