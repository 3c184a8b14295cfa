//! Folders of files that are written and removed as one.
//!
//! A folder that is being written, was replaced, or is being removed has a hidden name, so that `step-N` is either
//! complete or absent. A process that dies leaves hidden folders behind; [`recover`] completes or undoes what it did.
//! Errors name the checkpoint and not the hidden folder; hidden folders that cannot be removed are warnings.

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
/// is exchanged for it, or, where the file system cannot do that, renamed first, and removed last; if it holds the same
/// bytes, it is kept.
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
        remove(leftover).map_err(io("write", &target))?;
    }
    make_way(&target)?;
    let replaced = write_all(&partial, &target, files)
        .and_then(|()| ebm_files::replace_folder(&partial, &target, &old).map_err(io("write", &target)));
    if let Err(error) = replaced {
        let _ = fs::remove_dir_all(&partial);
        return Err(error);
    }
    flush(parent, &target)?;
    // What was exchanged has the partial folder's name.
    for leftover in [&partial, &old] {
        clean(leftover);
    }
    Ok(target)
}

/// Removes `parent/name`: first its name, in one operation, then its files. Failing to do so is a warning.
pub(super) fn remove_folder(parent: &Path, name: &str) {
    let (target, gone) = (parent.join(name), hidden(parent, name, GONE));
    let removed = remove(&gone).and_then(|()| fs::rename(&target, &gone)).and_then(|()| remove(&gone));
    removed.unwrap_or_else(|error| ebm_files::warn(&io("remove", &target)(error)));
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
            OLD if step_of(name).is_some() && !target.exists() => {
                fs::rename(entry.path(), &target).map_err(io("restore", &target))?;
            }
            PARTIAL | OLD | GONE if step_of(name).is_some() => clean(&entry.path()),
            _ => {}
        }
    }
    Ok(())
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TrainError> {
    ebm_model::weights::read_file(path, MAX_BYTES).map_err(io("read", path))
}

/// The name of the checkpoint of a step.
pub(super) fn name(step: u64) -> String {
    format!("step-{step}")
}

/// The step whose checkpoint has this name: only the way that we write it, so that no two names are of one step.
pub(super) fn step_of(name: &str) -> Option<u64> {
    let step = name.strip_prefix("step-")?.parse().ok()?;
    (self::name(step) == name).then_some(step)
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
        Some(parent) if !parent.as_os_str().is_empty() => flush(parent, folder),
        _ => Ok(()),
    }
}

/// Writes the files into the new folder `partial`; errors speak of `target`, which it will be.
fn write_all(partial: &Path, target: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), TrainError> {
    fs::create_dir(partial).map_err(io("write", target))?;
    for (name, bytes) in files {
        let write = || {
            let mut file = File::create_new(partial.join(name))?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(io("write", &target.join(name)))?;
    }
    flush(partial, target)
}

/// Flushes the names in a folder to the disk, so that they survive a power failure; errors speak of `target`.
fn flush(folder: &Path, target: &Path) -> Result<(), TrainError> {
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("write", target))?;
    #[cfg(not(unix))]
    let _ = (folder, target);
    Ok(())
}

/// Removes a hidden folder, if it is there.
fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        // What was exchanged for a checkpoint may be a link.
        Err(error) if error.kind() == ErrorKind::NotADirectory => fs::remove_file(folder),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a hidden folder, if it is there. That it cannot be is a warning: the next run tries again.
fn clean(folder: &Path) {
    if let Err(error) = remove(folder) {
        ebm_files::warn(&io("remove", folder)(error));
    }
}

/// Gives way to a checkpoint where something else has its name: what is not ours is renamed, and that is said.
fn make_way(target: &Path) -> Result<(), TrainError> {
    let is_other = fs::symlink_metadata(target).is_ok_and(|found| !found.is_dir() && !found.is_symlink());
    if !is_other {
        return Ok(());
    }
    let mut aside = target.as_os_str().to_owned();
    aside.push(".aside");
    if Path::new(&aside).exists() {
        let source = std::io::Error::new(ErrorKind::AlreadyExists, "it is a file, expected a checkpoint");
        return Err(io("write", target)(source));
    }
    fs::rename(target, &aside).map_err(io("write", target))?;
    let found = std::io::Error::other(format!("no checkpoint, renamed to {}", aside.display()));
    ebm_files::warn(&io("keep", target)(found));
    Ok(())
}

fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> TrainError + 'a {
    move |source| TrainError::Io { action, path: path.to_owned(), source }
}
