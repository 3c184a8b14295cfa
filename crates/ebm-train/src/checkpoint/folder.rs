//! Folders of files that are written and removed as one.
//!
//! A folder that is being written, was replaced, or is being removed has a hidden name, so that `step-N` is either
//! complete or absent. A process that dies leaves hidden folders behind; [`recover`] completes or undoes what it did.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::TrainError;

/// A folder that is being written.
const PARTIAL: &str = "partial";
/// A complete folder that is being replaced.
const OLD: &str = "old";
/// A folder that is being removed.
const GONE: &str = "gone";

/// The size limit of a file of a checkpoint, in bytes.
const MAX_BYTES: u64 = 1 << 34;

/// Writes `files` as the folder `parent/name`, complete or not at all, and returns its path.
///
/// They are written to a hidden folder in `parent`, flushed to the disk, and renamed. An existing folder of that name
/// is renamed first and removed last; if it holds the same bytes, it is kept.
pub(super) fn write_folder(
    parent: &Path,
    name: &str,
    files: &[(&str, Vec<u8>)],
) -> Result<PathBuf, TrainError> {
    let target = parent.join(name);
    if holds(&target, files) {
        return Ok(target);
    }
    let (partial, old) = (hidden(parent, name, PARTIAL), hidden(parent, name, OLD));
    create(parent)?;
    for leftover in [&partial, &old] {
        remove(leftover)?;
    }
    let written = write_all(&partial, files).and_then(|()| replace(&partial, &target, &old));
    if let Err(error) = written {
        let _ = fs::remove_dir_all(&partial);
        return Err(error);
    }
    flush(parent)?;
    remove(&old)?;
    Ok(target)
}

/// Removes `parent/name`: first its name, in one operation, then its files.
pub(super) fn remove_folder(parent: &Path, name: &str) -> Result<(), TrainError> {
    let gone = hidden(parent, name, GONE);
    remove(&gone)?;
    fs::rename(parent.join(name), &gone).map_err(io("remove", &parent.join(name)))?;
    remove(&gone)
}

/// Completes or undoes what a process was doing in `parent` when it died: folders that it was writing or removing are
/// removed, and a folder that it was replacing is restored if the new one is missing.
pub(super) fn recover(parent: &Path) -> Result<(), TrainError> {
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("read", parent)(error)),
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let Some((name, state)) = name.to_str().and_then(|name| name.strip_prefix('.')?.rsplit_once('.'))
        else {
            continue;
        };
        let target = parent.join(name);
        match state {
            OLD if name.starts_with("step-") && !target.exists() => {
                fs::rename(entry.path(), &target).map_err(io("restore", &target))?;
            }
            PARTIAL | OLD | GONE if name.starts_with("step-") => remove(&entry.path())?,
            _ => {}
        }
    }
    Ok(())
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TrainError> {
    ebm_model::weights::read_file(path, MAX_BYTES).map_err(io("read", path))
}

fn hidden(parent: &Path, name: &str, state: &str) -> PathBuf {
    parent.join(format!(".{name}.{state}"))
}

/// Whether the folder exists and has these files.
fn holds(folder: &Path, files: &[(&str, Vec<u8>)]) -> bool {
    let same = |(name, bytes): &(&str, Vec<u8>)| read(&folder.join(name)).is_ok_and(|found| found == *bytes);
    folder.is_dir() && files.iter().all(same)
}

/// Creates the folder, and flushes its name to the disk.
fn create(folder: &Path) -> Result<(), TrainError> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(io("create", folder))?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => flush(parent),
        _ => Ok(()),
    }
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

/// Renames `partial` to `target`; an existing `target` is renamed to `old`, and restored if that fails.
fn replace(partial: &Path, target: &Path, old: &Path) -> Result<(), TrainError> {
    let was_there = target.exists();
    if was_there {
        fs::rename(target, old).map_err(io("rename", target))?;
    }
    fs::rename(partial, target).map_err(|error| {
        if was_there {
            let _ = fs::rename(old, target);
        }
        io("rename", partial)(error)
    })
}

/// Flushes the names in a folder to the disk, so that they survive a power failure.
fn flush(folder: &Path) -> Result<(), TrainError> {
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("flush", folder))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

fn remove(folder: &Path) -> Result<(), TrainError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", folder)(error)),
        _ => Ok(()),
    }
}

fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> TrainError + 'a {
    move |source| TrainError::Io { action, path: path.to_owned(), source }
}
