//! A folder that takes the place of the one before.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::FileError;
use crate::scratch::{NEW, OLD, is_there, made_folder_of, recover, scratch, sync_folder};
use crate::warning::warn;

/// Fills an empty folder and puts it at `path`, in place of what is there; if `fill` fails, nothing changes.
///
/// A folder is replaced only if `is_ours` says so of it, or if it is empty. On Linux and macOS the two are exchanged
/// in one step, so that there is always one of them. Where the file system cannot do that, the old one is set aside
/// first; if the process is killed in between, the next writer of `path`, or [`recover`](crate::recover), finishes.
///
/// What is left beside `path` and cannot be removed is a [warning](crate::on_warning).
///
/// # Errors
/// Those of `fill`, and those of the file system; [`FileError::Foreign`] for a folder that is not ours.
pub fn write_folder<E: From<FileError>>(
    path: &Path,
    is_ours: impl Fn(&Path) -> bool,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let failed = FileError::write(path);
    let beside = made_folder_of(path)?;
    let recovered = recover(path);
    let may_replace = || match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() && !is_ours(path) && !is_empty(path) => {
            Err(FileError::Foreign(path.to_owned()))
        }
        Ok(found) if !found.is_dir() && !found.is_file() && !found.is_symlink() => {
            Err(FileError::Device(path.to_owned()))
        }
        _ => Ok(()),
    };
    may_replace()?;
    let (begun, draft, _lock) =
        scratch(path, |builder, folder| builder.tempdir_in(folder)).map_err(&failed)?;
    let (new, old) = (draft.path().join(NEW), draft.path().join(OLD));
    fs::create_dir(&new).map_err(&failed)?;
    fill(&new)?;
    sync_tree(&new).map_err(&failed)?;
    may_replace()?;
    if let Err(source) = begun.finish(path, || replace_folder(&new, path, &old)) {
        if !is_there(&old) || is_there(path) {
            return Err(failed(source).into());
        }
        let kept = draft.keep().join(OLD);
        return Err(FileError::Displaced { path: path.to_owned(), kept, source }.into());
    }
    sync_folder(beside).map_err(&failed)?;
    let left = draft.keep();
    let cleaned = fs::remove_dir_all(&left);
    if let Err(source) = cleaned {
        warn(&FileError::CleanUp { path: path.to_owned(), scratch: left, source });
    }
    recovered.unwrap_or_else(|error| warn(&error.after(path)));
    Ok(())
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Puts the complete folder `new` at `path`. What was there is afterwards at `new` or at `aside`, which must be free
/// and in the same folder as `new`.
///
/// On Linux and macOS the two are exchanged in one step. Where the file system cannot do that, what is at `path` is
/// renamed to `aside` first.
///
/// # Errors
/// Those of the file system; then `path` is as it was, or, if a second renaming failed and could not be undone, what
/// was there is at `aside`.
pub fn replace_folder(new: &Path, path: &Path, aside: &Path) -> io::Result<()> {
    if !is_there(path) {
        return fs::rename(new, path);
    }
    if exchange(new, path)? { Ok(()) } else { set_aside(new, path, aside) }
}

/// Exchanges two folders in one step; whether the system and the file system can.
///
/// Any other failure is an error, and not a reason to try in two steps what could leave nothing at `old`.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn exchange(new: &Path, old: &Path) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    // The last one is what a sandbox says to a call that it does not know.
    let unsupported = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP, Errno::PERM];
    match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(error) if unsupported.contains(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// There is no such step.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn exchange(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
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
        write_folder(path, |_| true, |new| fs::write(new.join(name), name).map_err(FileError::write(path)))
    }

    #[test]
    fn a_folder_replaces_the_one_before_or_leaves_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/a.zarr");
        write_one(&path, "one").unwrap();
        write_one(&path, "two").unwrap();
        assert_eq!(names(&path), ["two"]);

        let full = |_: &Path| Err(FileError::write(&path)(io::Error::other("disk full")));
        let failed = write_folder(&path, |_| true, full);

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
        if !exchange(&path, &path).unwrap() {
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
    fn a_folder_that_is_not_ours_stays_unless_it_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("theirs");
        fs::create_dir(&path).unwrap();
        let write = |name: &'static str| {
            let fill = |new: &Path| fs::write(new.join(name), name).map_err(FileError::write(&path));
            write_folder(&path, |there| there.join("ours").exists(), fill)
        };
        write("letters").unwrap();

        let error = write("ours").unwrap_err();

        assert!(matches!(error, FileError::Foreign(_)), "{error}");
        assert_eq!((names(&path), names(folder.path())), (vec!["letters".into()], vec!["theirs".into()]));
        fs::rename(path.join("letters"), path.join("ours")).unwrap();
        write("ours").unwrap();
        assert_eq!(names(&path), ["ours"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_and_a_link_are_replaced_and_what_the_link_leads_to_stays() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, kept] = ["file", "link", "kept"].map(|name| folder.path().join(name));
        fs::write(&file, "old").unwrap();
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("old"), "old").unwrap();
        std::os::unix::fs::symlink(&kept, &link).unwrap();
        for path in [&file, &link] {
            write_one(path, "new").unwrap();
            assert!(!path.is_symlink());
            assert_eq!(names(path), ["new"]);
        }
        assert_eq!((names(&kept), names(folder.path()).len()), (vec!["old".into()], 3));
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
    fn a_clean_up_that_fails_is_no_failure_of_the_write() {
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

        write_one(&path, "one").unwrap();

        let error = recover(&path).unwrap_err();
        allow(0o755);
        assert!(matches!(error, FileError::Scratch { .. }), "{error}");
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
