//! The mass of each coordinate.

use burn::tensor::{DType, Tensor, TensorData};
use ebm_ops::OutOfRange;
use serde::{Deserialize, Serialize};

use crate::SampleError;

/// A diagonal mass matrix M = diag(1/v), where v are the scales of the target.
///
/// Kernels move as if coordinate `i` were measured in units of √v_i; the best v are the target's variances.
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

    /// M = diag(1/v), one variance per coordinate.
    ///
    /// # Errors
    /// [`SampleError::OutOfRange`] unless there is at least one and all are positive and finite.
    pub fn from_variances(variances: Vec<f64>) -> Result<Self, SampleError> {
        OutOfRange::at_least("variances", 1, variances.len())?;
        for (index, &variance) in variances.iter().enumerate() {
            OutOfRange::positive(&format!("variance {index}"), variance)?;
        }
        let roots = Some(variances.iter().map(|v| v.sqrt()).collect());
        Ok(Self { variances: Some(variances), roots })
    }

    /// The variances v, unless M = I.
    pub fn variances(&self) -> Option<&[f64]> {
        self.variances.as_deref()
    }

    /// The diagonal of M^(−½) in `dim` coordinates, unless M = I.
    ///
    /// # Panics
    /// If the mass is for another number of coordinates.
    pub(crate) fn roots(&self, dim: usize) -> Option<&[f64]> {
        let roots = self.roots.as_deref()?;
        assert_eq!(roots.len(), dim, "a mass has an entry for each of the {dim} coordinates");
        Some(roots)
    }

    /// M^(−½) on the device and in the type of `x`.
    ///
    /// # Panics
    /// If the mass is for another number of coordinates.
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
    /// Whether M = I.
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

    /// M^(½) x, row by row: positions in the units of the mass.
    pub(crate) fn undo(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.0 {
            Some(scale) => x / scale.clone(),
            None => x,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variances_out_of_range_are_refused_by_their_index() {
        let error = |v: &[f64]| Mass::from_variances(v.to_vec()).unwrap_err().to_string();
        assert_eq!(error(&[1.0, 0.0]), "variance 1: expected a positive, finite number, found 0");
        assert_eq!(error(&[]), "variances: expected at least 1, found 0");
        assert!(Mass::try_from(Some(vec![f64::INFINITY])).is_err());
    }

    #[test]
    #[should_panic(expected = "each of the 3 coordinates")]
    fn a_mass_for_another_dimension_panics() {
        let mass = Mass::from_variances(vec![1.0, 2.0]).unwrap();
        mass.scale(&Tensor::zeros([4, 3], &burn::tensor::Device::flex()));
    }
}
