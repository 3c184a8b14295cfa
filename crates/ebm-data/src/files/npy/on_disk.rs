//! An array whose rows are read from its file as they are wanted.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Header, Kind};
use crate::DataError;
use crate::files::bytes::check_is_file;

/// An array of one or two dimensions in a file that is not compressed; one dimension is a column.
#[derive(Debug)]
pub(crate) struct ArrayFile {
    path: PathBuf,
    file: Mutex<File>,
    /// Where the numbers begin.
    start: u64,
    kind: Kind,
    n: usize,
    dim: usize,
}

impl ArrayFile {
    /// The array in a file; `None` if its rows do not stand one after the other: if it is compressed, in Fortran order, or
    /// of other dimensions.
    ///
    /// # Errors
    /// If the file cannot be read, its header is none that NumPy writes, or it is not as long as that says.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, DataError> {
        let length = check_is_file(path)?;
        let failed = |source| DataError::io(path, source);
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        let mut magic = [0; 2];
        let is_packed = file.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        if is_packed {
            return Ok(None);
        }
        let Header { shape, kind, fortran_order } = Header::read(&mut file, path)?;
        let (n, dim) = match shape[..] {
            [n] => (n, 1),
            [n, dim] if !fortran_order || n <= 1 || dim <= 1 => (n, dim),
            _ => return Ok(None),
        };
        if n == 0 || dim == 0 {
            return Err(DataError::Empty { path: path.into(), expected: "rows" });
        }
        let start = file.stream_position().map_err(failed)?;
        let size = n.checked_mul(dim).and_then(|count| count.checked_mul(kind.size as u64));
        let expected = size.and_then(|size| size.checked_add(start)).unwrap_or(u64::MAX);
        if length < expected {
            return Err(DataError::Truncated { file: path.into(), expected, found: length });
        }
        if expected < length {
            return Err(DataError::TooLong { file: path.into(), expected });
        }
        let (n, dim) = (n as usize, dim as usize);
        Ok(Some(Self { path: path.into(), file: Mutex::new(file.into_inner()), start, kind, n, dim }))
    }

    /// How many rows there are.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// Numbers in a row.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Appends the numbers of `count` rows from `first` on.
    ///
    /// # Errors
    /// If they cannot be read any more.
    pub(crate) fn read(&self, first: usize, count: usize, values: &mut Vec<f64>) -> Result<(), DataError> {
        let width = self.dim * self.kind.size;
        let mut bytes = vec![0; count * width];
        let place = self.start + first as u64 * width as u64;
        {
            // A reader that panicked has changed no more than the place, which is set anew.
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            let read = file.seek(SeekFrom::Start(place)).and_then(|_| file.read_exact(&mut bytes));
            read.map_err(|source| DataError::io(&self.path, source))?;
        }
        self.kind.little_endian(&mut bytes);
        values.extend(self.kind.map(&bytes, |value| value));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn written(folder: &Path, descr: &str, order: &str, shape: &str, values: &[u8]) -> PathBuf {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}     \n");
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(values);
        let path = folder.join("x.npy");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn rows_are_those_of_the_array_in_memory_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..96u8).map(|i| i.wrapping_mul(7)).collect();
        for (descr, shape) in [("<i2", "(16, 3)"), (">i4", "(6, 4)"), ("|u1", "(96,)"), (">u8", "(4, 3)")] {
            let path = written(folder.path(), descr, "False", shape, &bytes);
            let whole = read(File::open(&path).unwrap(), &path).unwrap();
            let array = ArrayFile::open(&path).unwrap().unwrap();
            assert_eq!((array.n() * array.dim(), array.dim()), (whole.values.len(), whole.dim));
            for (first, count) in [(array.n() - 1, 1), (1, 3), (0, array.n())] {
                let mut values = vec![-1.0];
                array.read(first, count, &mut values).unwrap();
                assert_eq!(values[1..], whole.values[first * whole.dim..][..count * whole.dim], "{descr}");
            }
        }
    }

    #[test]
    fn an_array_of_columns_is_none_and_a_wrong_length_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let open =
            |order, shape, n| ArrayFile::open(&written(folder.path(), "<f4", order, shape, &vec![0; n]));
        assert!(open("True", "(2, 3)", 24).unwrap().is_none());
        assert!(open("False", "(1, 2, 3)", 24).unwrap().is_none());
        assert!(open("True", "(6,)", 24).unwrap().is_some());
        assert!(matches!(open("False", "(2, 3)", 23), Err(DataError::Truncated { .. })));
        assert!(matches!(open("False", "(2, 3)", 25), Err(DataError::TooLong { .. })));
        assert!(matches!(open("False", "(4611686018427387904, 3)", 8), Err(DataError::Truncated { .. })));
        assert!(matches!(open("False", "(0, 3)", 0), Err(DataError::Empty { .. })));
    }
}
