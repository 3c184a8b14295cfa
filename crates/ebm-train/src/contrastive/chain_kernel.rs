//! The kernels of contrastive divergence by name.

use std::fmt;

use ebm_sample::{AnyKernel, AnySampler, SampleError, Sampler};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{BuildContext, TrainError};

/// The key that belongs to the objective.
const STEP_SIZE: &str = "step_size";

/// The kernel that draws negatives: any of [`Sampler`] that moves chains.
///
/// In a file it is a name, `"mala"`, or a table with the name as `kind` and the numbers that differ from their defaults,
/// `{ kind = "hmc", leapfrog = 5 }`. The step size is the objective's.
///
/// With [`Langevin`](ebm_sample::Langevin) too large a step biases the energy, which learns to compensate for the error
/// of the sampler; kernels with a Metropolis test have no such bias, and too large a step costs them time.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainKernel(Sampler);

impl ChainKernel {
    /// The kernel of this name with its default numbers.
    ///
    /// # Errors
    /// [`SampleError::Unknown`] if there is none, with the names that there are.
    pub fn named(name: &str) -> Result<Self, SampleError> {
        Sampler::named(name).map(Self)
    }

    /// The kernel with the step that corresponds to a Langevin step of size η, for the data of `context`.
    ///
    /// # Errors
    /// [`TrainError::NoChains`] if the sampler moves none, [`TrainError::OutOfRange`] if one of its numbers is out of
    /// range or it is for another number of coordinates than the data have.
    pub(super) fn build(&self, eta: f64, context: &BuildContext<'_>) -> Result<AnyKernel, TrainError> {
        let sampler = self.0.clone().with_langevin_step(eta).build().map_err(within)?;
        let AnySampler::Kernel(kernel) = sampler else {
            let name = self.0.name();
            let known = Sampler::list().map(|(name, _)| name);
            let kernels = known
                .filter(|name| Sampler::named(name).is_ok_and(|sampler| !sampler.is_descent()))
                .collect();
            return Err(TrainError::NoChains { sampler: name, kernels });
        };
        if kernel.has_dimension() {
            let rows = (context.rows)(1).map_err(|source| TrainError::Rows { source })?;
            kernel.check(rows.dims()[1]).map_err(within)?;
        }
        Ok(kernel)
    }
}

/// The error with the key of the sampler in front.
fn within(error: SampleError) -> TrainError {
    match error {
        SampleError::OutOfRange(error) => error.within("sampler").into(),
        error => error.into(),
    }
}

impl Default for ChainKernel {
    /// Langevin, the meaning of a file that does not say.
    fn default() -> Self {
        Self::named("langevin").expect("a sampler of the list")
    }
}

/// The kernel that the names of both objectives stand for.
pub(super) fn mala() -> ChainKernel {
    ChainKernel::named("mala").expect("a sampler of the list")
}

impl From<Sampler> for ChainKernel {
    fn from(sampler: Sampler) -> Self {
        Self(sampler)
    }
}

impl Serialize for ChainKernel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let as_table = |sampler: &Sampler| -> Result<Map<String, Value>, S::Error> {
            let Value::Object(mut table) =
                serde_json::to_value(sampler).map_err(serde::ser::Error::custom)?
            else {
                return Err(serde::ser::Error::custom("a sampler is written as a table"));
            };
            table.remove(STEP_SIZE);
            Ok(table)
        };
        let table = as_table(&self.0)?;
        match Self::named(self.0.name()) {
            Ok(default) if as_table(&default.0)? == table => serializer.serialize_str(self.0.name()),
            _ => table.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ChainKernel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrTable;

        impl<'de> Visitor<'de> for NameOrTable {
            type Value = ChainKernel;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a sampler, or a table with it as kind")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<ChainKernel, E> {
                ChainKernel::named(name).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ChainKernel, A::Error> {
                let table = Map::deserialize(MapAccessDeserializer::new(map))?;
                if table.contains_key(STEP_SIZE) {
                    return Err(A::Error::custom("step_size of the sampler is the objective's own key"));
                }
                let sampler = Sampler::deserialize(Value::Object(table)).map_err(A::Error::custom)?;
                Ok(ChainKernel(sampler))
            }
        }

        deserializer.deserialize_any(NameOrTable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tensor};

    fn read(json: &str) -> Result<ChainKernel, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn build(kernel: &ChainKernel) -> Result<AnyKernel, String> {
        let rows = |n: usize| Ok(Tensor::zeros([n, 2], &Device::flex()));
        let context = BuildContext { sampler_scale: 1.0, rows: &rows };
        kernel.build(0.08, &context).map_err(|error| error.to_string())
    }

    #[test]
    fn a_kernel_is_a_name_or_a_table_and_is_read_back_as_written() {
        for name in ["langevin", "mala", "hmc", "underdamped", "parallel-tempering", "mclmc", "mamclmc"] {
            let kernel = read(&format!("\"{name}\"")).unwrap();
            assert_eq!(kernel, ChainKernel::named(name).unwrap());
            assert_eq!(serde_json::to_string(&kernel).unwrap(), format!("\"{name}\""));
            assert_eq!(read(&format!(r#"{{"kind":"{name}"}}"#)).unwrap(), kernel);
            assert_eq!(build(&kernel).unwrap().name(), name);
        }
        let table = r#"{"fixed_length":false,"kind":"hmc","leapfrog":5}"#;
        let kernel = read(table).unwrap();
        assert_eq!(serde_json::to_string(&kernel).unwrap(), table);
        assert_eq!(build(&kernel).unwrap().step_size(), 0.4);
        assert_eq!(build(&ChainKernel::default()).unwrap().step_size(), 0.08);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        let error = read(r#""nuts""#).unwrap_err();
        assert!(error.contains("expected one of langevin, ") && error.contains("found nuts"), "{error}");
        let error = read(r#"{"kind":"hmc","leapfrogs":5}"#).unwrap_err();
        assert!(error.contains("unknown field `leapfrogs`"), "{error}");
        let error = read(r#"{"kind":"hmc","step_size":0.1}"#).unwrap_err();
        assert!(error.contains("the objective's own key"), "{error}");
        assert!(read("3").unwrap_err().contains("the name of a sampler, or a table"));

        let error = |json: &str| build(&read(json).unwrap()).unwrap_err();
        let kernels = Sampler::list().map(|(name, _)| name);
        let kernels: Vec<_> = kernels.filter(|name| !Sampler::named(name).unwrap().is_descent()).collect();
        assert_eq!(
            error(r#""annealed-langevin""#),
            format!(
                "sampler: annealed-langevin goes down noise levels; negatives are drawn by {}",
                kernels.join(", ")
            )
        );
        assert_eq!(
            error(r#""preconditioned-langevin""#),
            "sampler.variances: expected one for each coordinate, given or found by a warm-up, found none"
        );
        assert_eq!(
            error(r#"{"kind":"preconditioned-langevin","variances":[1.0,1.0,1.0]}"#),
            "sampler.variances: expected 2 numbers, found 3"
        );
        assert_eq!(error(r#"{"kind":"hmc","leapfrog":0}"#), "sampler.leapfrog: expected at least 1, found 0");
        assert!(build(&read(r#"{"kind":"preconditioned-langevin","variances":[1.0,2.0]}"#).unwrap()).is_ok());
    }
}
