//! A file that is complete or absent.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::FileError;
use crate::scratch::{folder_of, made_folder_of, recover, scratch, sync_folder};
use crate::unfinished::Begun;
use crate::warning::warn;

/// A file being written beside its final place; dropped without [`Draft::commit`], it is removed.
#[derive(Debug)]
pub struct Draft {
    file: BufWriter<File>,
    scratch: Scratch,
    begun: Begun,
    /// Keeps other writers of `path` from taking the scratch file for abandoned.
    _lock: Option<File>,
    path: PathBuf,
    recovered: Result<(), FileError>,
}

impl Draft {
    /// Starts a file that will become `path`, creating the folder if need be.
    ///
    /// A link at `path` is replaced; what it leads to stays.
    ///
    /// # Errors
    /// If the folder or the file in it cannot be made, or `path` is a device or leads to one.
    pub fn of(path: &Path) -> Result<Self, FileError> {
        if is_device(path) {
            return Err(FileError::Device(path.to_owned()));
        }
        made_folder_of(path)?;
        let recovered = recover(path);
        let made = scratch(path, |builder, folder| {
            let mut builder = builder.clone();
            // A scratch file is private to its owner by default, and its mode survives the renaming.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            builder.tempfile_in(folder)
        });
        let (begun, made, _lock) = made.map_err(FileError::write(path))?;
        let (file, scratch) = made.into_parts();
        let file = BufWriter::with_capacity(1 << 16, file);
        Ok(Self { file, scratch: Scratch(Some(scratch)), begun, _lock, path: path.to_owned(), recovered })
    }

    /// Flushes what was written so far to the disk.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn sync(&mut self) -> Result<(), FileError> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(FileError::write(&self.path))
    }

    /// Makes the file appear under its name, safe from a loss of power.
    ///
    /// What an earlier writer left beside it and could not be removed is a [warning](crate::on_warning).
    ///
    /// # Errors
    /// If it cannot be flushed, synced or renamed; then the old file is there. If the folder cannot be synced, the new
    /// one is, but a loss of power may bring the old one back.
    pub fn commit(self) -> Result<(), FileError> {
        // `begun` first, to be dropped last.
        let Self { begun, file, mut scratch, path, recovered, _lock } = self;
        let failed = FileError::write(&path);
        let file = file.into_inner().map_err(io::IntoInnerError::into_error).map_err(&failed)?;
        file.sync_all().map_err(&failed)?;
        if let Some(complete) = scratch.0.take() {
            begun.finish(&path, || complete.persist(&path)).map_err(|error| {
                scratch.0 = Some(error.path);
                failed(error.error)
            })?;
        }
        sync_folder(folder_of(&path)).map_err(&failed)?;
        recovered.unwrap_or_else(|error| warn(&error.after(&path)));
        Ok(())
    }

    /// The error with the path in it, which is not the scratch file's.
    fn named(&self, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), FileError::write(&self.path)(error))
    }
}

/// A scratch file that is removed when it is dropped; that it cannot be is said.
#[derive(Debug)]
struct Scratch(Option<TempPath>);

impl Drop for Scratch {
    fn drop(&mut self) {
        let Some(scratch) = self.0.take() else { return };
        let path = scratch.to_path_buf();
        if let Err(source) = scratch.close() {
            warn(&FileError::scratch(path)(source));
        }
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

/// Whether `path` is something other than a file, a folder or a link to one: renaming a file over a device, which
/// the superuser may do, would take the device away.
pub(crate) fn is_device(path: &Path) -> bool {
    // A pipe that is no link is replaced: it belongs to nobody but this folder.
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    fs::metadata(path).is_ok_and(|found| {
        let kind = found.file_type();
        !kind.is_file() && !kind.is_dir() && (is_link || !is_pipe(kind))
    })
}

#[cfg(unix)]
fn is_pipe(kind: fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_: fs::FileType) -> bool {
    false
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
    fn a_device_is_refused_directly_and_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        for path in [Path::new("/dev/null"), &link] {
            let error = write_bytes(path, b"x").unwrap_err().to_string();
            assert_eq!(error, format!("{} is a device or pipe, expected a file", path.display()));
        }
        assert!(link.is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_what_it_leads_to_stays() {
        let folder = tempfile::tempdir().unwrap();
        let [link, kept] = ["link", "kept"].map(|name| folder.path().join(name));
        std::fs::write(&kept, b"kept").unwrap();
        std::os::unix::fs::symlink(&kept, &link).unwrap();
        write_bytes(&link, b"new").unwrap();
        assert_eq!(
            (std::fs::read(&link).unwrap(), std::fs::read(&kept).unwrap()),
            (b"new".into(), b"kept".into())
        );
        assert!(!link.is_symlink());
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
