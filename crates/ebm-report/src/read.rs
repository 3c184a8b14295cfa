//! Draws of chains from a file that this crate wrote.

use std::fs;
use std::path::Path;

use ebm_files::FileError;

use crate::files::little_endian::read;
use crate::files::{npy, safetensors, zarr};
use crate::{Format, ReportError, Samples};

/// The draws in a file that [`write`](crate::write()) made of chains of this shape, `[chain, draw, dim]`, with the
/// statistics of each draw where the format has them.
///
/// # Errors
/// If the file cannot be read, or is not one of draws of this shape as this program writes it.
pub fn read_chains(path: &Path, shape: [usize; 3]) -> Result<Samples, ReportError> {
    let format = Format::of(path)?;
    let samples = match format {
        Format::Zarr => zarr::read(path, shape),
        Format::Npy => numbers(path, &npy::header(&shape, 4)?, shape),
        Format::Safetensors => numbers(path, &safetensors::header(&shape, 4, &[], None)?, shape),
        Format::Csv => lines(path, shape),
        _ => return Err(ReportError::Format(format!("{}: a picture has no draws", path.display()))),
    };
    samples.map_err(|error| match error {
        ReportError::Io(source) => ReportError::File(FileError::Read { path: path.to_owned(), source }),
        ReportError::Format(_) | ReportError::File(_) => error,
        other => ReportError::Format(format!("{}: {other}", path.display())),
    })
}

fn numbers(path: &Path, head: &[u8], shape: [usize; 3]) -> Result<Samples, ReportError> {
    let bytes = fs::read(path)?;
    let Some(numbers) = bytes.strip_prefix(head) else { return Err(other(path, shape)) };
    Samples::chains(read(numbers).ok_or_else(|| other(path, shape))?, shape)
}

fn lines(path: &Path, shape: [usize; 3]) -> Result<Samples, ReportError> {
    /// The columns before the coordinates: chain and draw.
    const PLACES: usize = 2;
    let mut values = Vec::with_capacity(shape.iter().product());
    let mut record = ::csv::StringRecord::new();
    let failed = |error: ::csv::Error| ReportError::Format(format!("{}: {error}", path.display()));
    let mut lines = ::csv::Reader::from_path(path).map_err(failed)?;
    while lines.read_record(&mut record).map_err(failed)? {
        for field in record.iter().skip(PLACES) {
            values.push(field.parse().map_err(|_| other(path, shape))?);
        }
    }
    Samples::chains(values, shape)
}

fn other(path: &Path, shape: [usize; 3]) -> ReportError {
    ReportError::Format(format!("{} is not a file of draws of shape {shape:?}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Statistic, StatisticValues, write};

    #[test]
    fn what_was_written_comes_back_from_every_format() {
        let folder = tempfile::tempdir().unwrap();
        let values =
            vec![0.1, 1.0, -2.5, 1e-9, f32::MIN_POSITIVE, 6.0, 7.0, f32::INFINITY, 1.0 / 3.0, 2.0, 3.0, 4.0];
        let statistics = vec![
            Statistic {
                name: "lp",
                values: StatisticValues::Numbers(vec![-0.1, f32::INFINITY, 2.0, 3.0, 4.0, 5.0]),
            },
            Statistic {
                name: "diverging",
                values: StatisticValues::Flags(vec![true, false, true, true, false, false]),
            },
        ];
        let chains = Samples::chains(values.clone(), [2, 3, 2]).unwrap();
        for name in ["a.npy", "a.safetensors", "a.csv", "a.zarr"] {
            let path = folder.path().join(name);
            let expected = match name {
                "a.zarr" => chains.clone().with_statistics(statistics.clone()).unwrap(),
                _ => chains.clone(),
            };
            write(&path, &expected).unwrap();
            assert_eq!(read_chains(&path, [2, 3, 2]).unwrap(), expected, "{name}");
            let error = read_chains(&path, [2, 4, 2]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(read_chains(&folder.path().join("none.npy"), [1, 1, 1]).is_err());
    }
}
