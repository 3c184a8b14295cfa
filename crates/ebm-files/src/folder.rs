//! A folder that takes the place of the one before.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::FileError;
use crate::scratch::{NEW, OLD, folder_of, is_there, recover, scratch, sync_folder};

/// Fills an empty folder and puts it at `path`, in place of what is there; if `fill` fails, nothing changes.
///
/// On Linux the two are exchanged in one step. Elsewhere, and on file systems that cannot, the old one is set aside
/// first; if the process is killed in between, the next writer of `path`, or [`recover`](crate::recover), finishes.
///
/// # Errors
/// Those of `fill`, and those of the file system.
pub fn write_folder<E: From<FileError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let failed = FileError::write(path);
    let beside = folder_of(path);
    fs::create_dir_all(beside).map_err(|source| FileError::Parent {
        path: path.to_owned(),
        folder: beside.to_owned(),
        source,
    })?;
    let recovered = recover(path);
    let (draft, _lock) = scratch(path, |builder, folder| builder.tempdir_in(folder)).map_err(&failed)?;
    let (new, old) = (draft.path().join(NEW), draft.path().join(OLD));
    fs::create_dir(&new).map_err(&failed)?;
    fill(&new)?;
    sync_tree(&new).map_err(&failed)?;

    if !is_there(path) {
        fs::rename(&new, path).map_err(&failed)?;
    } else if exchange(&new, path).is_err()
        && let Err(source) = set_aside(&new, path, &old)
    {
        if !is_there(&old) {
            return Err(failed(source).into());
        }
        let kept = draft.keep().join(OLD);
        return Err(FileError::Displaced { path: path.to_owned(), kept, source }.into());
    }
    sync_folder(beside).map_err(&failed)?;
    let left = draft.path().to_owned();
    draft.close().map_err(|source| FileError::CleanUp { path: path.to_owned(), scratch: left, source })?;
    Ok(recovered.map_err(|error| error.after(path))?)
}

/// Exchanges two folders in one step.
#[cfg(target_os = "linux")]
fn exchange(new: &Path, old: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE)?)
}

/// There is no such step.
#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Moves what is at `path` to `old`, and `new` to `path`; if that fails, puts the old one back.
fn set_aside(new: &Path, path: &Path, old: &Path) -> io::Result<()> {
    fs::rename(path, old)?;
    fs::rename(new, path).inspect_err(|_| {
        // If this fails too, the old one is still there, which the caller reports.
        let _ = fs::rename(old, path);
    })
}

/// Flushes all files in a folder, then the folder, to the disk.
fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn write_one(path: &Path, name: &str) -> Result<(), FileError> {
        write_folder(path, |new| fs::write(new.join(name), name).map_err(FileError::write(path)))
    }

    #[test]
    fn a_folder_replaces_the_one_before_or_leaves_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/a.zarr");
        write_one(&path, "one").unwrap();
        write_one(&path, "two").unwrap();
        assert_eq!(names(&path), ["two"]);

        let failed = write_folder(&path, |_| Err(FileError::write(&path)(io::Error::other("disk full"))));

        assert!(failed.is_err());
        assert_eq!(
            (names(&path), names(path.parent().unwrap())),
            (vec!["two".into()], vec!["a.zarr".into()])
        );
    }

    #[test]
    fn a_replaced_folder_is_never_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_one(&path, "x").unwrap();
        if exchange(&path, &path).is_err() {
            return;
        }
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    // The file's own folder may be the one before; that there is none may not be.
                    assert!(path.is_dir());
                }
            });
            (0..50).for_each(|_| write_one(&path, "x").unwrap());
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            reader.join().unwrap();
        });
    }

    #[test]
    fn without_an_exchange_the_old_folder_is_set_aside_or_stays() {
        let folder = tempfile::tempdir().unwrap();
        let [new, path, old] = ["new", "path", "old"].map(|name| folder.path().join(name));
        for at in [&new, &path] {
            fs::create_dir(at).unwrap();
            fs::write(at.join(at.file_name().unwrap()), "").unwrap();
        }
        set_aside(&new, &path, &old).unwrap();
        assert_eq!((names(&path), names(&old)), (vec!["new".into()], vec!["path".into()]));

        fs::remove_dir_all(&old).unwrap();
        set_aside(&new, &path, &old).unwrap_err();
        assert_eq!((names(folder.path()), names(&path)), (vec!["path".into()], vec!["new".into()]));
    }

    #[cfg(unix)]
    #[test]
    fn a_clean_up_that_fails_is_reported_and_the_folder_is_written() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let draft = folder.path().join(".ebm-draft-a-abc123");
        fs::create_dir_all(draft.join("new")).unwrap();
        fs::write(draft.join("new/half"), "").unwrap();
        let allow = |mode| fs::set_permissions(draft.join("new"), fs::Permissions::from_mode(mode)).unwrap();
        allow(0o555);
        // Nothing is forbidden to root.
        if fs::write(draft.join("new/more"), "").is_ok() {
            return;
        }

        let error = write_one(&path, "one").unwrap_err();

        allow(0o755);
        assert!(matches!(error, FileError::CleanUp { .. }), "{error}");
        assert!(error.to_string().starts_with(&format!("{} is complete, but", path.display())), "{error}");
        assert_eq!(names(&path), ["one"]);
    }

    /// What a kill can leave: (`path`, `new`, `old`) and what the next reader must find at `path`.
    #[test]
    fn every_state_that_a_kill_leaves_ends_in_a_whole_folder() {
        let states: [([bool; 3], Option<&str>); 6] = [
            // While the first version is filled: there was none.
            ([false, true, false], None),
            // While a second version is filled, or after the exchange: `path` is whole.
            ([true, true, false], Some("path")),
            // Between the two renames: both are whole, and the new one was to come.
            ([false, true, true], Some("new")),
            // The second rename failed, and so did putting the old one back.
            ([false, false, true], Some("old")),
            // After the second rename.
            ([true, false, true], Some("path")),
            ([true, false, false], Some("path")),
        ];
        for (there, expected) in states {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a");
            let draft = folder.path().join(".ebm-draft-a-abc123");
            fs::create_dir(&draft).unwrap();
            for (name, at) in [("path", path.clone()), ("new", draft.join(NEW)), ("old", draft.join(OLD))] {
                if there[["path", "new", "old"].iter().position(|n| *n == name).unwrap()] {
                    fs::create_dir(&at).unwrap();
                    fs::write(at.join(name), "").unwrap();
                }
            }

            recover(&path).unwrap();

            let found = path.exists().then(|| names(&path));
            assert_eq!(found, expected.map(|name| vec![name.to_owned()]), "{there:?}");
            assert!(!draft.exists(), "{there:?}");
            write_one(&path, "next").unwrap();
            assert_eq!((names(&path), names(folder.path())), (vec!["next".into()], vec!["a".into()]));
        }
    }
}
