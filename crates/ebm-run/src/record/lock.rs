//! A run's folder, taken by one trainer at a time.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;

use crate::error::{Context, Result, anyhow, locked};
use crate::own_file::open_own;

/// The right to write into a run's folder.
///
/// It is a lock of the system on the file `.lock`, which ends with the process, however that ends; the file stays
/// and says who had it last.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    exclusive: bool,
}

impl Lock {
    /// Takes `folder`.
    ///
    /// # Errors
    /// If another process has it, with that one's number, or the folder cannot be written to.
    pub fn take(folder: &Path) -> Result<Self> {
        let failed = || format!("could not write to the folder {}", folder.display());
        let path = folder.join(".lock");
        let mut file = open_own(&path).with_context(failed)?;
        let exclusive = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => {
                return Err(locked(anyhow!("{} is being trained by {}", folder.display(), holder(file))));
            }
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => false,
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        };
        let us = format!("process {}{}\n", std::process::id(), host());
        let written = file.set_len(0).and_then(|()| file.write_all(us.as_bytes()));
        written.with_context(failed)?;
        Ok(Self { _file: file, exclusive })
    }

    /// Whether the file system has locks: where it has none, nothing keeps a second trainer out.
    pub fn is_exclusive(&self) -> bool {
        self.exclusive
    }
}

/// Whether a process trains in `folder`, as far as one may see.
///
/// The lock is tried for a moment, together with others who only look.
pub fn is_taken(folder: &Path) -> bool {
    let path = folder.join(".lock");
    let is_file = std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
    let Some(file) = is_file.then(|| File::open(&path).ok()).flatten() else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Who has written into the file, as far as one may read it.
fn holder(mut file: File) -> String {
    const LONGEST: u64 = 400;
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(LONGEST).read_to_string(&mut text));
    match text.trim() {
        holder if read.is_ok() && !holder.is_empty() => holder.to_owned(),
        _ => "another process".to_owned(),
    }
}

/// On which machine we are, where the system tells it in a file.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { String::new() } else { format!(" on {}", name.trim()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_once_and_free_again_when_its_holder_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        let error = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("is being trained by process {}", std::process::id())), "{error}");
        drop(lock);
        Lock::take(folder.path()).unwrap();
    }
}
