//! What tells a file from the one that it was, as far as the file system knows.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::DataError;

/// The length of a file and when it was changed, on Unix also its inode and when that was changed, which no program sets:
/// so a file is told from another of its length and time of change that took its place.
///
/// # Errors
/// If it is not there.
pub(crate) fn state(file: &Path) -> Result<String, DataError> {
    let found = fs::metadata(file).map_err(|source| DataError::io(file, source))?;
    let changed = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let changed = changed.map_or(0, |since| since.as_nanos());
    Ok(format!("{} {changed} {:?}", found.len(), replaced(&found)))
}

#[cfg(unix)]
fn replaced(found: &fs::Metadata) -> [i128; 3] {
    use std::os::unix::fs::MetadataExt;
    [i128::from(found.ino()), i128::from(found.ctime()), i128::from(found.ctime_nsec())]
}

#[cfg(not(unix))]
fn replaced(_: &fs::Metadata) -> [i128; 0] {
    []
}
