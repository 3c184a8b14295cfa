//! A file that is complete or absent.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::FileError;
use crate::scratch::{folder_of, recover, scratch, sync_folder};

/// A file being written beside its final place; dropped without [`Draft::commit`], it is removed.
#[derive(Debug)]
pub struct Draft {
    file: BufWriter<NamedTempFile>,
    /// Keeps other writers of `path` from taking the scratch file for abandoned.
    _lock: Option<File>,
    path: PathBuf,
    recovered: Result<(), FileError>,
}

impl Draft {
    /// Starts a file that will become `path`, creating the folder if need be.
    ///
    /// # Errors
    /// If the folder or the file in it cannot be made.
    pub fn of(path: &Path) -> Result<Self, FileError> {
        let folder = folder_of(path);
        fs::create_dir_all(folder).map_err(|source| FileError::Parent {
            path: path.to_owned(),
            folder: folder.to_owned(),
            source,
        })?;
        let recovered = recover(path);
        let made = scratch(path, |builder, folder| {
            let mut builder = builder.clone();
            // A scratch file is private to its owner by default, and its mode survives the renaming.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            builder.tempfile_in(folder)
        });
        let (file, _lock) = made.map_err(FileError::write(path))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 16, file), _lock, path: path.to_owned(), recovered })
    }

    /// Flushes what was written so far to the disk.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn sync(&mut self) -> Result<(), FileError> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().as_file().sync_all());
        synced.map_err(FileError::write(&self.path))
    }

    /// Makes the file appear under its name, safe from a loss of power.
    ///
    /// # Errors
    /// If it cannot be flushed, synced or renamed; then nothing has changed. [`FileError::CleanUp`] if the file is
    /// written, but what an earlier writer left beside it could not be removed.
    pub fn commit(self) -> Result<(), FileError> {
        let Self { file, path, recovered, .. } = self;
        let failed = FileError::write(&path);
        let file = file.into_inner().map_err(io::IntoInnerError::into_error).map_err(&failed)?;
        file.as_file().sync_all().map_err(&failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        sync_folder(folder_of(&path)).map_err(&failed)?;
        recovered.map_err(|error| error.after(&path))
    }

    /// The error with the path in it, which is not the scratch file's.
    fn named(&self, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), FileError::write(&self.path)(error))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| self.named(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|error| self.named(error))
    }
}

/// Writes `path` with what `fill` puts into it; if `fill` fails, nothing changes.
///
/// # Errors
/// Those of `fill`, and those of the file system.
pub fn write<E: From<FileError>>(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let mut draft = Draft::of(path)?;
    fill(&mut draft)?;
    Ok(draft.commit()?)
}

/// Writes `bytes` to `path`.
///
/// # Errors
/// Those of the file system.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut draft = Draft::of(path)?;
    draft.file.write_all(bytes).map_err(FileError::write(path))?;
    draft.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_failure_half_way_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_bytes(&path, b"old").unwrap();

        let result = write(&path, |out| {
            out.write_all(&[b'n'; 1 << 20])?;
            Err(io::Error::other("the disk is full"))
        });

        assert_eq!(result.unwrap_err().to_string(), "the disk is full");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn the_name_appears_only_with_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/a.txt");
        let mut draft = Draft::of(&path).unwrap();
        draft.write_all(b"new").unwrap();
        assert!(!path.exists());

        draft.commit().unwrap();

        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(path.parent().unwrap()), ["a.txt"]);
    }

    #[test]
    fn a_folder_of_that_name_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap();

        let error = write_bytes(&path, b"x").unwrap_err();

        assert_eq!(error.to_string(), format!("could not write {}", path.display()));
        assert_eq!(names(folder.path()), ["taken"]);
        assert!(path.is_dir());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_as_readable_as_any_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (plain, ours) = (folder.path().join("plain"), folder.path().join("ours"));
        std::fs::write(&plain, b"").unwrap();
        write_bytes(&ours, b"").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
