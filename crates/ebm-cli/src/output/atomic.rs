//! A file that is complete or absent: written beside its place, flushed, synced, renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// What the names of files begin with that are being written.
const PREFIX: &str = ".ebm-draft-";

/// A file being written beside its final place; dropped without [`Draft::commit`], it is removed.
pub struct Draft {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl Draft {
    /// Starts a file that will become `path`, creating the folder if need be.
    ///
    /// # Errors
    /// If the folder or the file in it cannot be made.
    pub fn of(path: &Path) -> Result<Self> {
        let folder = folder_of(path);
        std::fs::create_dir_all(folder)
            .with_context(|| format!("could not make the folder {}", folder.display()))?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        // A scratch file is private to its owner by default, and its mode survives the renaming.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder
            .tempfile_in(folder)
            .with_context(|| format!("could not write in {}", folder.display()))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 16, file), path: path.to_owned() })
    }

    /// Has what was written so far reach the disk.
    ///
    /// # Errors
    /// If it cannot.
    pub fn sync(&mut self) -> Result<()> {
        self.file.flush()?;
        Ok(self.file.get_ref().as_file().sync_all()?)
    }

    /// Makes the file appear under its name, safe from a loss of power.
    ///
    /// # Errors
    /// If it cannot be flushed, synced or renamed; then nothing has changed.
    pub fn commit(self) -> Result<()> {
        let Self { file, path } = self;
        let failed = || format!("could not write {}", path.display());
        let file = file.into_inner().map_err(io::IntoInnerError::into_error).with_context(failed)?;
        file.as_file().sync_all().with_context(failed)?;
        file.persist(&path).map_err(|e| e.error).with_context(failed)?;
        sync_folder(folder_of(&path)).with_context(failed)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes `path` with what `fill` puts into it, or leaves everything as it was.
///
/// # Errors
/// Those of `fill`, and those of the file system.
pub fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let mut draft = Draft::of(path)?;
    fill(&mut draft)?;
    draft.commit()
}

/// Makes the folder `path` of what `fill` puts into an empty one, in place of one that is there, or leaves everything
/// as it was.
///
/// # Errors
/// Those of `fill`, and those of the file system.
pub fn write_folder(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let beside = folder_of(path);
    fs::create_dir_all(beside).with_context(|| format!("could not make the folder {}", beside.display()))?;
    let draft = tempfile::Builder::new().prefix(PREFIX).tempdir_in(beside);
    let draft = draft.with_context(|| format!("could not write in {}", beside.display()))?;
    let (new, old) = (draft.path().join("new"), draft.path().join("old"));
    let failed = || format!("could not write {}", path.display());
    fs::create_dir(&new).with_context(failed)?;
    fill(&new)?;
    let was_there = path.exists();
    if was_there {
        fs::rename(path, &old).with_context(failed)?;
    }
    if let Err(error) = fs::rename(&new, path) {
        if was_there && fs::rename(&old, path).is_err() {
            // Better left behind than lost.
            let kept = draft.keep();
            return Err(error)
                .with_context(|| format!("{}; what was there is in {}", failed(), kept.display()));
        }
        return Err(error).with_context(failed);
    }
    sync_folder(beside).with_context(failed)
}

/// Removes from `folder`, if there is one, what a process that died was writing; for whoever alone writes there.
///
/// # Errors
/// Those of the file system.
pub fn clear(folder: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            continue;
        }
        // A link is removed, and not what it leads to.
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A rename is durable once its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        return File::open(folder)?.sync_all();
    }
    Ok(())
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
        write(&path, |out| Ok(out.write_all(b"old")?)).unwrap();

        let result = write(&path, |out| {
            out.write_all(&[b'n'; 1 << 20])?;
            anyhow::bail!("the disk is full")
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

        assert!(write(&path, |out| Ok(out.write_all(b"x")?)).is_err());

        assert_eq!(names(folder.path()), ["taken"]);
        assert!(path.is_dir());
    }

    #[test]
    fn a_folder_takes_the_place_of_the_one_before_or_leaves_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/a.zarr");
        write_folder(&path, |new| Ok(std::fs::write(new.join("one"), b"1")?)).unwrap();
        write_folder(&path, |new| Ok(std::fs::write(new.join("two"), b"2")?)).unwrap();
        assert_eq!(names(&path), ["two"]);
        assert!(write_folder(&path, |_| anyhow::bail!("the disk is full")).is_err());
        assert_eq!(
            (names(&path), names(path.parent().unwrap())),
            (vec!["two".into()], vec!["a.zarr".into()])
        );
    }

    #[test]
    fn what_a_dead_process_was_writing_is_cleared_away_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, |out| Ok(out.write_all(b"whole")?)).unwrap();
        std::mem::forget(Draft::of(&path).unwrap());
        std::fs::create_dir_all(folder.path().join(".ebm-draft-folder/half")).unwrap();
        assert_eq!(names(folder.path()).len(), 3);

        clear(folder.path()).unwrap();

        assert_eq!(names(folder.path()), ["a.txt"]);
        clear(&folder.path().join("none")).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_as_readable_as_any_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (plain, ours) = (folder.path().join("plain"), folder.path().join("ours"));
        std::fs::write(&plain, b"").unwrap();
        write(&ours, |_| Ok(())).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
