//! What this process has begun to write and what it has finished, for an end without destructors.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::FileError;
use crate::warning::warn;

/// How often a scratch folder is removed again that another thread still writes in.
const ATTEMPTS: usize = 10;

static WRITES: Mutex<Writes> = Mutex::new(Writes { begun: BTreeSet::new(), finished: None });

struct Writes {
    /// Scratch files and folders.
    begun: BTreeSet<PathBuf>,
    /// Files and folders that took their places, in order, if somebody wants to know.
    finished: Option<Vec<PathBuf>>,
}

fn writes() -> MutexGuard<'static, Writes> {
    WRITES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers, from here on, which files and folders this process finishes; [`abandon`] says them.
pub fn remember_finished() {
    writes().finished.get_or_insert_default();
}

/// Forgets those, and remembers no more.
pub fn forget_finished() {
    writes().finished = None;
}

/// Makes a folder that [`abandon`] removes with all that is in it, until [`keep`] is called for it; whether it was not
/// there before, as any other is left as it is.
///
/// # Errors
/// If it cannot be made.
pub fn make_folder(folder: &Path) -> io::Result<bool> {
    // Held meanwhile, so that it is never there without being known.
    let mut writes = writes();
    match fs::create_dir(folder) {
        Ok(()) => {
            writes.begun.insert(folder.to_owned());
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(false),
        Err(error) => Err(error),
    }
}

/// What `make` makes, before [`abandon`] or not at all.
pub(crate) fn unless_abandoned<T>(make: impl FnOnce() -> T) -> T {
    let _writes = writes();
    make()
}

/// Counts a folder of [`make_folder`] as finished.
pub fn keep(folder: &Path) {
    let mut writes = writes();
    let Writes { begun, finished } = &mut *writes;
    let was_begun = begun.remove(folder);
    if let Some(finished) = finished.as_mut().filter(|_| was_begun) {
        finished.push(folder.to_owned());
    }
}

/// Removes the files and folders that this process has begun and not finished; those that it has finished since
/// [`remember_finished`], in order.
///
/// For a program that ends at once, as at a signal, and drops no [`Draft`](crate::Draft). Any thread that begins or
/// finishes a file or folder afterwards waits for that end. What cannot be removed is a
/// [warning](crate::on_warning); a [`Growing`](crate::Growing) stays, for a later writer to go on from.
pub fn abandon() -> Vec<PathBuf> {
    let mut writes = writes();
    for scratch in std::mem::take(&mut writes.begun) {
        if let Err(source) = remove(&scratch) {
            warn(&FileError::scratch(scratch)(source));
        }
    }
    let finished = writes.finished.take().unwrap_or_default();
    // Held until the process ends, so that nothing more is begun or finished.
    std::mem::forget(writes);
    finished
}

fn remove(scratch: &Path) -> io::Result<()> {
    let mut attempts = 0;
    loop {
        let removed = match fs::symlink_metadata(scratch) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(scratch),
            Ok(_) => fs::remove_file(scratch),
            Err(error) => Err(error),
        };
        attempts += 1;
        match removed {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(_) if attempts < ATTEMPTS => {}
            other => return other,
        }
    }
}

/// A scratch file or folder that is being written; to be dropped after it is renamed or removed.
#[derive(Debug)]
pub(crate) struct Begun(PathBuf);

impl Begun {
    /// The scratch that `make` makes.
    pub(crate) fn by<T: AsRef<Path>>(make: impl FnOnce() -> io::Result<T>) -> io::Result<(Self, T)> {
        // Held meanwhile, so that it is never there without being known.
        let mut writes = writes();
        let made = make()?;
        let scratch = made.as_ref().to_owned();
        writes.begun.insert(scratch.clone());
        Ok((Self(scratch), made))
    }

    /// Lets the scratch take its place at `path` by `rename`, wholly before [`abandon`] or not at all.
    pub(crate) fn finish<T, E>(&self, path: &Path, rename: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut writes = writes();
        let Writes { begun, finished } = &mut *writes;
        let renamed = rename();
        match (&renamed, finished) {
            // What is set aside in it may be all that is left of the version before.
            (Err(_), _) => {
                begun.remove(&self.0);
            }
            (Ok(_), Some(finished)) => {
                let is_inner = begun.iter().any(|scratch| path.starts_with(scratch));
                if !is_inner && finished.iter().all(|other| other != path) {
                    finished.push(path.to_owned());
                }
            }
            (Ok(_), None) => {}
        }
        renamed
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        writes().begun.remove(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Draft, write_bytes, write_folder};

    #[test]
    fn scratch_is_known_while_it_is_written_and_what_is_finished_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let begun = || {
            let is_here = |scratch: &&PathBuf| scratch.starts_with(folder.path());
            writes().begun.iter().filter(is_here).count()
        };
        remember_finished();
        let draft = Draft::of(&at("a")).unwrap();
        assert_eq!(begun(), 1);
        draft.commit().unwrap();
        assert_eq!(begun(), 0);
        drop(Draft::of(&at("dropped")).unwrap());
        let inner = |new: &Path| {
            assert_eq!(begun(), 1);
            write_bytes(&new.join("inner"), b"x")
        };
        write_folder(&at("folder"), |_| true, inner).unwrap();
        write_bytes(&at("a"), b"again").unwrap();
        assert_eq!(begun(), 0);
        let finished = writes().finished.clone().unwrap();
        let here: Vec<&PathBuf> = finished.iter().filter(|path| path.starts_with(folder.path())).collect();
        assert_eq!(here, [&at("a"), &at("folder")]);
    }

    #[test]
    fn a_new_folder_is_begun_until_it_is_kept_and_one_that_was_there_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        assert!(!make_folder(folder.path()).unwrap() && make_folder(&run).unwrap());
        assert!(!make_folder(&run).unwrap() && !writes().begun.contains(folder.path()));
        write_bytes(&run.join("config"), b"x").unwrap();
        assert!(writes().begun.contains(&run));
        keep(&run);
        assert!(!writes().begun.contains(&run));
        assert!(make_folder(&run.join("config")).is_err());
    }

    #[test]
    fn what_is_begun_is_removed_be_it_a_file_a_folder_or_gone() {
        let folder = tempfile::tempdir().unwrap();
        let [file, whole, gone] = ["file", "whole", "gone"].map(|name| folder.path().join(name));
        fs::write(&file, "half").unwrap();
        fs::create_dir_all(whole.join("new")).unwrap();
        fs::write(whole.join("new/half"), "half").unwrap();
        for scratch in [file, whole, gone] {
            remove(&scratch).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
