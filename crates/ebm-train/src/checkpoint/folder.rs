//! Several files written as one.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::TrainError;

/// Writes `files` as the folder `parent/name`, complete or not at all; the folder's path.
///
/// They are written to a hidden folder beside it, flushed to the disk, and renamed. A folder of that name
/// that was there before is put aside first and removed last.
pub(super) fn write_folder(
    parent: &Path,
    name: &str,
    files: &[(&str, Vec<u8>)],
) -> Result<PathBuf, TrainError> {
    let (target, beside) = (parent.join(name), parent.join(format!(".{name}.partial")));
    let aside = parent.join(format!(".{name}.old"));
    fs::create_dir_all(parent).map_err(io("create", parent))?;
    for leftover in [&beside, &aside] {
        remove(leftover)?;
    }
    let written = write_all(&beside, files).and_then(|()| {
        if target.exists() {
            fs::rename(&target, &aside).map_err(io("put aside", &target))?;
        }
        fs::rename(&beside, &target).map_err(io("rename", &beside))
    });
    if let Err(error) = written {
        let _ = fs::remove_dir_all(&beside);
        return Err(error);
    }
    flush(parent)?;
    remove(&aside)?;
    Ok(target)
}

/// The whole file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TrainError> {
    fs::read(path).map_err(io("read", path))
}

fn write_all(folder: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), TrainError> {
    fs::create_dir(folder).map_err(io("create", folder))?;
    for (name, bytes) in files {
        let path = folder.join(name);
        let write = || {
            let mut file = File::create_new(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(io("write", &path))?;
    }
    flush(folder)
}

/// Makes the names in a folder last through a power cut.
fn flush(folder: &Path) -> Result<(), TrainError> {
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("flush", folder))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

fn remove(folder: &Path) -> Result<(), TrainError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("remove", folder)(error)),
        _ => Ok(()),
    }
}

fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> TrainError + 'a {
    move |source| TrainError::Io { action, path: path.to_owned(), source }
}
