//! Files that a run goes on writing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Opens a file that a run goes on writing, with what is in it.
///
/// # Errors
/// Those of the file system, or if something else is there: a pipe would be waited for, and what a link leads to is
/// not ours to change.
pub fn open_own(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        let what = format!("{} is a folder, link, device or pipe, expected a file", path.display());
        return Err(io::Error::new(ErrorKind::InvalidInput, what));
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}
