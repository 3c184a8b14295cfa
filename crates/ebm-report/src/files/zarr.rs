//! Draws of chains as ArviZ and xarray read them: a folder in Zarr's format version 2.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::little_endian;
use crate::{ReportError, Samples, Shape, Statistic, StatisticValues, parameter};

/// Whether the folder is a Zarr store, of version 2 or 3.
pub(crate) fn is_one(folder: &Path) -> bool {
    [".zgroup", ".zmetadata", ".zarray", "zarr.json"].iter().any(|name| folder.join(name).is_file())
}

/// Writes two groups into the empty `folder`: `posterior` with a variable for each coordinate, and `sample_stats` with
/// the statistics of each draw. All arrays are `[chain, draw]` and uncompressed; the attribute `warnings` of both is a
/// list of what is to be said against the draws, and is missing where they were not judged.
///
/// `arviz.from_zarr("draws.zarr")` of ArviZ 1 reads it, as does `xarray.open_datatree("draws.zarr", engine="zarr")`; both
/// need the package zarr.
///
/// # Errors
/// If the samples are not chains, or the folder cannot be written.
///
/// # Reference
/// *Zarr storage specification*, version 2. The names of the dimensions are stored where xarray looks for them; those of
/// the groups are from ArviZ's *InferenceData schema*.
pub(crate) fn write(samples: &Samples, folder: &Path) -> Result<(), ReportError> {
    let Shape::Chains { chains, draws, dim } = *samples.shape() else {
        return Err(ReportError::Format(
            "a .zarr stores chains, these are not chains; write .csv or .npy".into(),
        ));
    };
    let mut store = Store { folder, metadata: Map::new(), shape: [chains, draws] };
    store.group("", json!({}))?;
    store.chains_group("posterior", samples.warnings())?;
    for i in 0..dim {
        let values = samples.values().iter().skip(i).step_by(dim);
        let bytes = values.flat_map(|value| value.to_le_bytes()).collect();
        store.draws(&format!("posterior/{}", parameter(i)), "<f4", bytes)?;
    }
    store.chains_group("sample_stats", samples.warnings())?;
    for Statistic { name, values } in samples.statistics() {
        let (dtype, bytes) = match values {
            StatisticValues::Numbers(values) => {
                ("<f4", values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            StatisticValues::Flags(values) => ("|b1", values.iter().map(|&flag| u8::from(flag)).collect()),
        };
        store.draws(&format!("sample_stats/{name}"), dtype, bytes)?;
    }
    let consolidated = json!({"zarr_consolidated_format": 1, "metadata": store.metadata});
    Ok(fs::write(folder.join(".zmetadata"), consolidated.to_string())?)
}

/// The statistics that a draw may have, with whether they are flags, in the order in which they are written.
const STATISTICS: [(&str, bool); 4] =
    [("lp", false), ("acceptance_rate", false), ("energy_error", false), ("diverging", true)];

/// The draws, `[chain, draw, dim]`, and their statistics in a folder that [`write`] filled.
///
/// # Errors
/// If an array is missing, or has another number of draws.
pub(crate) fn read(folder: &Path, [chains, draws, dim]: [usize; 3]) -> Result<Samples, ReportError> {
    let n = chains * draws;
    let numbers = |name: &str| {
        let found = little_endian::read(&fs::read(folder.join(name).join("0.0"))?);
        found.filter(|numbers| numbers.len() == n).ok_or_else(|| {
            ReportError::Format(format!(
                "{}: {name} is not of {chains} chains of {draws} draws",
                folder.display()
            ))
        })
    };
    let mut values = vec![0.0; n * dim];
    for i in 0..dim {
        let column = numbers(&format!("posterior/{}", parameter(i)))?;
        values.iter_mut().skip(i).step_by(dim).zip(column).for_each(|(place, value)| *place = value);
    }
    let mut statistics = vec![];
    for (name, is_flag) in STATISTICS {
        let path = format!("sample_stats/{name}");
        if !folder.join(&path).is_dir() {
            continue;
        }
        let values = if is_flag {
            let bytes = fs::read(folder.join(&path).join("0.0"))?;
            StatisticValues::Flags(bytes.into_iter().map(|flag| flag != 0).collect())
        } else {
            StatisticValues::Numbers(numbers(&path)?)
        };
        statistics.push(Statistic { name, values });
    }
    Samples::chains(values, [chains, draws, dim])?.with_statistics(statistics)
}

struct Store<'a> {
    folder: &'a Path,
    /// All metadata by path, so that a reader opens one file instead of many.
    metadata: Map<String, Value>,
    /// Chains, and draws of each.
    shape: [usize; 2],
}

impl Store<'_> {
    fn group(&mut self, name: &str, attributes: Value) -> io::Result<()> {
        self.describe(name, ".zgroup", json!({"zarr_format": 2}))?;
        self.describe(name, ".zattrs", attributes)
    }

    /// A group with the coordinates `chain` and `draw`, and what is to be said against its draws.
    fn chains_group(&mut self, name: &str, warnings: Option<&[String]>) -> io::Result<()> {
        let version = env!("CARGO_PKG_VERSION");
        let mut attributes = json!({"inference_library": "ebm", "inference_library_version": version});
        if let Some(warnings) = warnings {
            attributes["warnings"] = json!(warnings);
        }
        self.group(name, attributes)?;
        for (axis, n) in ["chain", "draw"].into_iter().zip(self.shape) {
            let bytes = (0..n as i64).flat_map(i64::to_le_bytes).collect();
            self.array(&format!("{name}/{axis}"), &[axis], &[n], "<i8", bytes)?;
        }
        Ok(())
    }

    fn draws(&mut self, name: &str, dtype: &str, bytes: Vec<u8>) -> io::Result<()> {
        let shape = self.shape;
        self.array(name, &["chain", "draw"], &shape, dtype, bytes)
    }

    /// An array of one chunk.
    fn array(
        &mut self,
        name: &str,
        axes: &[&str],
        shape: &[usize],
        dtype: &str,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        let array = json!({
            "zarr_format": 2, "shape": shape, "chunks": shape, "dtype": dtype, "compressor": null,
            "fill_value": null, "order": "C", "filters": null,
        });
        self.describe(name, ".zarray", array)?;
        self.describe(name, ".zattrs", json!({"_ARRAY_DIMENSIONS": axes}))?;
        fs::write(self.folder.join(name).join(vec!["0"; shape.len()].join(".")), bytes)
    }

    fn describe(&mut self, name: &str, what: &str, value: Value) -> io::Result<()> {
        let key = if name.is_empty() { what.to_owned() } else { format!("{name}/{what}") };
        let path = self.folder.join(&key);
        let folder = path.parent().unwrap_or(self.folder);
        fs::create_dir_all(folder)?;
        fs::write(&path, value.to_string())?;
        self.metadata.insert(key, value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(path: &Path) -> Value {
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn every_array_has_its_numbers_its_shape_and_the_names_of_its_axes() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let statistics = vec![
            Statistic { name: "energy_error", values: StatisticValues::Numbers(vec![f32::NAN, 0.0, 1.0]) },
            Statistic { name: "diverging", values: StatisticValues::Flags(vec![true, false, false]) },
        ];
        let chains = Samples::chains(vec![0.1, 1.0, -2.5, 1e-9, 5.0, 6.0], [3, 1, 2]).unwrap();
        write(&chains.with_statistics(statistics).unwrap(), at).unwrap();

        // what zarr-python 2 reads: the format, one chunk, C order, no compression
        let array = |dtype: &str| {
            json!({
                "zarr_format": 2, "shape": [3, 1], "chunks": [3, 1], "dtype": dtype, "compressor": null,
                "fill_value": null, "order": "C", "filters": null,
            })
        };
        let single = |values: [f32; 3]| values.map(f32::to_le_bytes).concat();
        let cases = [
            ("posterior/x0", "<f4", single([0.1, -2.5, 5.0])),
            ("posterior/x1", "<f4", single([1.0, 1e-9, 6.0])),
            ("sample_stats/energy_error", "<f4", single([f32::NAN, 0.0, 1.0])),
            ("sample_stats/diverging", "|b1", vec![1, 0, 0]),
        ];
        for (name, dtype, bytes) in cases {
            assert_eq!(fs::read(at.join(name).join("0.0")).unwrap(), bytes, "{name}");
            assert_eq!(json(&at.join(name).join(".zarray")), array(dtype), "{name}");
            assert_eq!(json(&at.join(name).join(".zattrs"))["_ARRAY_DIMENSIONS"], json!(["chain", "draw"]));
        }
        let numbers = fs::read(at.join("posterior/chain/0")).unwrap();
        assert_eq!(numbers, [0i64, 1, 2].map(i64::to_le_bytes).concat());
        assert_eq!(json(&at.join("posterior/draw/.zattrs"))["_ARRAY_DIMENSIONS"], json!(["draw"]));
    }

    #[test]
    fn the_consolidated_metadata_repeats_that_of_each_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        write(&Samples::chains(vec![0.5; 4], [1, 2, 2]).unwrap(), at).unwrap();
        let all = json(&at.join(".zmetadata"));
        let metadata = all["metadata"].as_object().unwrap();
        for (key, value) in metadata {
            assert_eq!(&json(&at.join(key)), value, "{key}");
        }
        // the root, two groups, and an array for each coordinate and each axis of both groups: two files each
        assert_eq!((metadata.len(), &all["zarr_consolidated_format"]), (2 * (3 + 2 + 4), &json!(1)));
    }

    #[test]
    fn only_chains_are_stored() {
        let folder = tempfile::tempdir().unwrap();
        let rows = Samples::table(vec![0.5, 1.0], [1, 2]).unwrap();
        assert!(write(&rows, folder.path()).is_err());
    }
}
