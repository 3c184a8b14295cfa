//! Scratch names, and what becomes of those that a dead process left.
//!
//! The scratch of `NAME` is called `.ebm-draft-NAME-RANDOM` and lies beside it. Its writer holds a lock on it, which
//! ends with the process: scratch that can be locked has no writer any more.
//! The scratch of a folder is a folder in turn, with the new version as `new` and, while one takes the other's place
//! by two renames, the old version as `old`. The old one is set aside only when the new one is complete.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::FileError;
use crate::unfinished::{Begun, unless_abandoned};

/// Every scratch name begins with this.
const PREFIX: &str = ".ebm-draft-";

/// Random characters at the end of a scratch name.
const RANDOM: usize = 6;

/// The longest name that is spelled out in a scratch name; a longer one is hashed, and marked as such.
const LONGEST: usize = 120;
const HASHED: &str = "~hash";

/// The new and the old version in the scratch of a folder.
pub(crate) const NEW: &str = "new";
pub(crate) const OLD: &str = "old";

/// Removes what unfinished writes of `path` left beside it, and finishes the replacement of a folder that was
/// interrupted between two renames. Scratch of a live process is left alone.
///
/// [`write`](crate::write()), [`write_folder`](crate::write_folder) and [`Draft::of`](crate::Draft::of) do this first;
/// call it before reading a folder that may have been written on a system that cannot exchange two folders at once.
///
/// # Errors
/// [`FileError::Scratch`] for scratch that cannot be removed, [`FileError::List`] if the folder cannot be listed.
pub fn recover(path: &Path) -> Result<(), FileError> {
    let start = prefix(path);
    let settled = settle(folder_of(path), false, |name| {
        (name.len() == start.len() + RANDOM && name.starts_with(&start)).then(|| path.to_owned())
    });
    match settled {
        // One may write in a folder that one may not list.
        Err(FileError::List { source, .. }) if source.kind() == ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}

/// Removes or finishes what unfinished writes left in `folder`, if there is such a folder; for whoever alone writes
/// there.
///
/// Scratch of a live process is left alone where the file system has locks, and so is that of a name longer than 120
/// bytes, which only [`recover`] can tell.
///
/// # Errors
/// As [`recover`].
pub fn clear(folder: &Path) -> Result<(), FileError> {
    settle(folder, true, |name| {
        let rest = name.strip_prefix(PREFIX)?;
        let target = rest.len().checked_sub(RANDOM + 1).and_then(|end| rest.get(..end)).unwrap_or_default();
        (!target.ends_with(HASHED)).then(|| folder.join(target))
    })
}

/// Settles each entry of `folder` whose name `target` recognises and maps to the path it is for.
///
/// `is_alone` says that no one else writes there, so that no lock is needed to know that scratch is abandoned.
fn settle(folder: &Path, is_alone: bool, target: impl Fn(&str) -> Option<PathBuf>) -> Result<(), FileError> {
    let unlisted = |source| FileError::List { folder: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unlisted(error)),
    };
    let mut result = Ok(());
    for entry in entries {
        let entry = entry.map_err(unlisted)?;
        let Some(target) = entry.file_name().to_str().and_then(&target) else { continue };
        let scratch = entry.path();
        match abandon(&scratch, &target, is_alone) {
            // Its writer has renamed or removed it in the meantime.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => result = Err(FileError::Scratch { scratch, source }),
            Ok(()) => {}
        }
    }
    result
}

/// Finishes or removes one scratch file or folder, unless its writer lives.
fn abandon(scratch: &Path, target: &Path, is_alone: bool) -> io::Result<()> {
    let kind = fs::symlink_metadata(scratch)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        // A link is removed, and not what it leads to.
        return fs::remove_file(scratch);
    }
    let _lock = match lock(scratch)? {
        Locked::Ours(file) => Some(file),
        Locked::Unknown if is_alone => None,
        Locked::Unknown | Locked::Theirs => return Ok(()),
    };
    if kind.is_file() {
        return fs::remove_file(scratch);
    }
    let (new, old) = (scratch.join(NEW), scratch.join(OLD));
    // A folder whose old version was set aside is complete; without it, `new` is a half or already superseded.
    if is_there(&old) && !is_there(target) {
        fs::rename(if is_there(&new) { &new } else { &old }, target)?;
        sync_folder(folder_of(target))?;
    }
    fs::remove_dir_all(scratch)
}

/// A lock on a scratch file or folder.
pub(crate) enum Locked {
    /// Held until the file is dropped.
    Ours(File),
    /// Held by another process or another writer of this one.
    Theirs,
    /// The file system has no such locks.
    Unknown,
}

/// Tries to lock `path`.
pub(crate) fn lock(path: &Path) -> io::Result<Locked> {
    // Elsewhere a folder cannot be opened as a file.
    if !cfg!(unix) && path.is_dir() {
        return Ok(Locked::Unknown);
    }
    // Some network file systems lock only what is open for writing.
    let file = match File::options().read(true).write(!path.is_dir()).open(path) {
        Ok(file) => file,
        // Another user's, who alone can tell whether its writer lives.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(Locked::Theirs),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(Locked::Ours(file)),
        Err(TryLockError::WouldBlock) => Ok(Locked::Theirs),
        Err(TryLockError::Error(_)) => Ok(Locked::Unknown),
    }
}

/// What the scratch name of `path` begins with, up to its random end.
pub(crate) fn prefix(path: &Path) -> String {
    format!("{PREFIX}{}-", spelled(path))
}

/// The hash of no bytes.
pub(crate) const HASH_OF_NOTHING: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a in 64 bits: the hash of the bytes that `hash` is of, and of these after them.
pub(crate) fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The name of `path` as a part of other names; a long one is hashed, and marked as such.
pub(crate) fn spelled(path: &Path) -> String {
    let name = path.file_name().unwrap_or(OsStr::new("")).as_encoded_bytes();
    match std::str::from_utf8(name) {
        Ok(name) if name.len() <= LONGEST => name.to_owned(),
        _ => {
            let hash = fnv1a(HASH_OF_NOTHING, name);
            format!("{hash:016x}{HASHED}")
        }
    }
}

/// A new scratch file or folder for `path`, made by `make` and locked.
///
/// What says that it is begun comes first, so that it is dropped last.
pub(crate) fn scratch<T: AsRef<Path>>(
    path: &Path,
    make: impl Fn(&tempfile::Builder<'_, '_>, &Path) -> io::Result<T>,
) -> io::Result<(Begun, T, Option<File>)> {
    let start = prefix(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&start).rand_bytes(RANDOM);
    loop {
        let (begun, made) = Begun::by(|| make(&builder, folder_of(path)))?;
        // Another writer may have taken it for abandoned before it was locked.
        match lock(made.as_ref()) {
            Ok(Locked::Ours(lock)) if is_there(made.as_ref()) => return Ok((begun, made, Some(lock))),
            Ok(Locked::Unknown) => return Ok((begun, made, None)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
}

/// The folder that `path` lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The folder that `path` lies in, made if it is not there.
pub(crate) fn made_folder_of(path: &Path) -> Result<&Path, FileError> {
    let folder = folder_of(path);
    unless_abandoned(|| fs::create_dir_all(folder)).map_err(|source| FileError::Parent {
        path: path.to_owned(),
        folder: folder.to_owned(),
        source,
    })?;
    Ok(folder)
}

/// Whether there is a file, folder or link at `path`.
pub(crate) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// A rename is durable once its folder is.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        return File::open(folder)?.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Draft, write_bytes};

    #[test]
    fn clear_removes_all_scratch_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_bytes(&path, b"whole").unwrap();
        fs::write(folder.path().join(".ebm-draft-b.txt-abc123"), "half").unwrap();
        fs::create_dir_all(folder.path().join(".ebm-draft-folder/half")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);

        clear(folder.path()).unwrap();

        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        clear(&folder.path().join("none")).unwrap();
    }

    #[test]
    fn a_writer_removes_dead_scratch_of_its_own_path_only() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [".ebm-draft-a-abc123", ".ebm-draft-a-b-abc123", ".ebm-draft-b-abc123"] {
            fs::write(at(name), "half").unwrap();
        }

        write_bytes(&at("a"), b"whole").unwrap();

        assert!(!at(".ebm-draft-a-abc123").exists());
        assert!(at(".ebm-draft-a-b-abc123").exists() && at(".ebm-draft-b-abc123").exists());
    }

    #[test]
    fn scratch_of_a_live_writer_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut first = Draft::of(&path).unwrap();
        std::io::Write::write_all(&mut first, b"first").unwrap();

        write_bytes(&path, b"second").unwrap();
        clear(folder.path()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");

        first.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_long_name_has_scratch_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n".repeat(255));
        write_bytes(&path, b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        let scratch = folder.path().join(format!("{}abc123", prefix(&path)));
        fs::write(&scratch, "half").unwrap();
        clear(folder.path()).unwrap();
        assert!(scratch.exists(), "its path cannot be told");
        recover(&path).unwrap();
        assert!(!scratch.exists());
        assert_ne!(prefix(Path::new(&"a".repeat(200))), prefix(Path::new(&"a".repeat(201))));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_with_a_scratch_name_is_removed_and_its_target_stays() {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("kept");
        fs::write(&kept, "").unwrap();
        std::os::unix::fs::symlink(&kept, folder.path().join(".ebm-draft-a-abc123")).unwrap();
        recover(&folder.path().join("a")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(kept.exists());
    }
}
