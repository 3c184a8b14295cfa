//! A file that grows beside its final place, and goes on where a killed writer left it.
//!
//! Beside `NAME` it is the folder `.ebm-partial-NAME`: `rows` is what is written so far, `mark` says up to which byte
//! it is on the disk, with the hash of these bytes, for which request, and what the writer has to know to go on, and
//! `lock` is held by the writer.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::FileError;
use crate::draft::{is_device, write_bytes};
use crate::scratch::{HASH_OF_NOTHING, fnv1a, folder_of, made_folder_of, recover, spelled, sync_folder};
use crate::warning::warn;

const ROWS: &str = "rows";
const MARK: &str = "mark";
const LOCK: &str = "lock";

/// How often the folder is made again if another writer removes it in between.
const ATTEMPTS: usize = 100;

/// A file being written beside its final place that outlives its writer.
///
/// What was written before the last [`mark`](Self::mark) is on the disk: a writer that comes after a kill with the same
/// request goes on from there. Dropped without a mark, it is removed.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// use ebm_files::{Found, Growing};
/// let path = dir.path().join("numbers.txt");
/// let mut first = Growing::open(&path, "seed 1")?;
/// first.write(b"one\n")?;
/// first.mark("1 line")?;
/// first.write(b"tw")?;
/// drop(first); // as if it were killed
///
/// let mut second = Growing::open(&path, "seed 1")?;
/// assert_eq!(*second.found(), Found::Same { note: "1 line".into() });
/// second.write(b"two\n")?;
/// second.commit()?;
/// assert_eq!(std::fs::read(&path)?, b"one\ntwo\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Growing {
    file: BufWriter<File>,
    /// Bytes so far.
    length: u64,
    /// Their hash.
    hash: u64,
    folder: PathBuf,
    path: PathBuf,
    request: String,
    found: Found,
    /// Whether the folder stays when this is dropped.
    stays: bool,
    recovered: Result<(), FileError>,
    _lock: Option<File>,
}

/// What an earlier writer left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing that one could go on from.
    Nothing,
    /// A file for the same request.
    Same {
        /// What its last mark says.
        note: String,
    },
    /// A file for the same request whose bytes are no longer those that were written, which is dropped.
    Damaged,
    /// A file for another request, which is dropped.
    Other {
        /// The request.
        request: String,
    },
}

impl Growing {
    /// Starts a file that will become `path`, or goes on with the one that was begun for the same `request`; the folder
    /// is made if need be.
    ///
    /// `request` is any text that says all that determines the file. What was begun for another one is removed.
    ///
    /// # Errors
    /// [`FileError::Busy`] if another process is writing it, [`FileError::Device`] if `path` is a device, and those of
    /// the file system.
    pub fn open(path: &Path, request: &str) -> Result<Self, FileError> {
        if is_device(path) {
            return Err(FileError::Device(path.to_owned()));
        }
        let beside = made_folder_of(path)?;
        let recovered = recover(path);
        let (folder, failed) = (folder_for(path), FileError::write(path));
        let _lock = match take(&folder).map_err(&failed)? {
            Taken::Ours(lock) => Some(lock),
            Taken::Unknown => None,
            Taken::Theirs => return Err(FileError::Busy(path.to_owned())),
        };
        let (found, length, hash) = found(&folder, request).map_err(&failed)?;
        let file = rows(&folder, length).map_err(&failed)?;
        sync_folder(beside).map_err(&failed)?;
        let stays = matches!(found, Found::Same { .. });
        let (path, request) = (path.to_owned(), request.to_owned());
        let file = BufWriter::with_capacity(1 << 16, file);
        Ok(Self { file, length, hash, folder, path, request, found, stays, recovered, _lock })
    }

    /// Removes what a dead writer left of `path`, for one who writes something else there; what cannot be removed is a
    /// [warning](crate::on_warning).
    pub fn clear(path: &Path) {
        let folder = folder_for(path);
        if fs::symlink_metadata(&folder).is_err() {
            return;
        }
        if let Ok(Taken::Ours(lock)) = take(&folder) {
            remove(&folder);
            drop(lock);
        }
    }

    /// What an earlier writer left.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// If the file system refuses; what was marked stays.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.length += bytes.len() as u64;
        self.hash = fnv1a(self.hash, bytes);
        self.file.write_all(bytes).map_err(FileError::write(&self.path))
    }

    /// Brings what was written so far to the disk; a later writer goes on from here, and is given `note`.
    ///
    /// # Errors
    /// If the file system refuses; the mark before stays.
    pub fn mark(&mut self, note: &str) -> Result<(), FileError> {
        let failed = FileError::write(&self.path);
        self.file.flush().and_then(|()| self.file.get_ref().sync_data()).map_err(&failed)?;
        let hash = whole_hash(self.hash, &self.request, note);
        let text = format!("{} {} {hash:016x}\n{}{note}", self.length, self.request.len(), self.request);
        write_bytes(&self.folder.join(MARK), text.as_bytes()).map_err(|error| match error {
            // Not the file within the folder, which nobody named.
            FileError::Write { source, .. } | FileError::Parent { source, .. } => failed(source),
            other => failed(io::Error::from(other)),
        })?;
        self.stays = true;
        Ok(())
    }

    /// What was written so far, to be read from its start.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn contents(&mut self) -> Result<File, FileError> {
        let failed = FileError::write(&self.path);
        self.file.flush().map_err(&failed)?;
        File::open(self.folder.join(ROWS)).map_err(&failed)
    }

    /// Makes the file appear under its name, safe from a loss of power.
    ///
    /// # Errors
    /// If it cannot be flushed, synced or renamed; then the old file is there, and what was marked stays.
    pub fn commit(mut self) -> Result<(), FileError> {
        let failed = FileError::write(&self.path);
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).map_err(&failed)?;
        fs::rename(self.folder.join(ROWS), &self.path).map_err(&failed)?;
        self.stays = false;
        sync_folder(folder_of(&self.path)).map_err(&failed)?;
        std::mem::replace(&mut self.recovered, Ok(())).unwrap_or_else(|error| warn(&error.after(&self.path)));
        Ok(())
    }

    /// Removes what was written.
    pub fn discard(mut self) {
        self.stays = false;
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        if !self.stays {
            remove(&self.folder);
        }
    }
}

fn folder_for(path: &Path) -> PathBuf {
    folder_of(path).join(format!(".ebm-partial-{}", spelled(path)))
}

/// Removes a folder; that it cannot be is said.
fn remove(folder: &Path) {
    if let Err(source) = fs::remove_dir_all(folder)
        && source.kind() != ErrorKind::NotFound
    {
        warn(&FileError::scratch(folder.to_owned())(source));
    }
}

/// The right to write in a folder.
enum Taken {
    /// Until the file is dropped.
    Ours(File),
    /// Another process has it.
    Theirs,
    /// The file system has no locks.
    Unknown,
}

/// Makes the folder, if it is not there, and takes it.
fn take(folder: &Path) -> io::Result<Taken> {
    let path = folder.join(LOCK);
    for _ in 0..ATTEMPTS {
        if let Err(error) = fs::create_dir(folder)
            && error.kind() != ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        let lock = match File::options().create(true).truncate(false).write(true).open(&path) {
            // Its writer has removed the folder in the meantime.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            other => other?,
        };
        match lock.try_lock() {
            Ok(()) if is_at(&lock, &path) => return Ok(Taken::Ours(lock)),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Taken::Theirs),
            Err(TryLockError::Error(_)) => return Ok(Taken::Unknown),
        }
    }
    Err(io::Error::new(ErrorKind::NotFound, "its scratch folder is removed again and again"))
}

/// Whether the open file is still the one at `path`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |found: fs::Metadata| (found.dev(), found.ino());
    file.metadata().map(place).ok().is_some_and(|ours| fs::metadata(path).map(place).ok() == Some(ours))
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// What is there for this request, how many of its bytes are on the disk, and their hash.
fn found(folder: &Path, request: &str) -> io::Result<(Found, u64, u64)> {
    let mark = match fs::read(folder.join(MARK)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Found::Nothing, 0, HASH_OF_NOTHING)),
        Err(error) => return Err(error),
    };
    let found = match read_mark(&mark) {
        Some(Mark { request: held, .. }) if held != request => Found::Other { request: held.to_owned() },
        // One of an earlier version, which does not say what its bytes were.
        Some(Mark { hash: None, .. }) => Found::Nothing,
        Some(Mark { length, hash: Some(expected), note, .. }) => match hash_of(&folder.join(ROWS), length)? {
            Some(hash) if whole_hash(hash, request, note) == expected => {
                return Ok((Found::Same { note: note.to_owned() }, length, hash));
            }
            _ => Found::Damaged,
        },
        None => Found::Damaged,
    };
    // Before the rows are: a mark must never be about other rows.
    fs::remove_file(folder.join(MARK))?;
    sync_folder(folder)?;
    Ok((found, 0, HASH_OF_NOTHING))
}

/// What a mark says.
struct Mark<'a> {
    length: u64,
    /// Of the rows, the request and the note.
    hash: Option<u64>,
    request: &'a str,
    note: &'a str,
}

fn read_mark(mark: &[u8]) -> Option<Mark<'_>> {
    let (numbers, rest) = std::str::from_utf8(mark).ok()?.split_once('\n')?;
    let mut numbers = numbers.split(' ');
    let length = numbers.next()?.parse().ok()?;
    let (request, note) = rest.split_at_checked(numbers.next()?.parse().ok()?)?;
    let hash = match numbers.next() {
        Some(hash) => Some(u64::from_str_radix(hash, 16).ok()?),
        None => None,
    };
    Some(Mark { length, hash, request, note })
}

/// The hash of rows that have this one, and of what a mark says of them.
fn whole_hash(rows: u64, request: &str, note: &str) -> u64 {
    fnv1a(fnv1a(rows, request.as_bytes()), note.as_bytes())
}

/// The hash of the first `length` bytes of a file; nothing if there are fewer.
fn hash_of(path: &Path, length: u64) -> io::Result<Option<u64>> {
    let mut file = match File::open(path) {
        Ok(file) => file.take(length),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let (mut hash, mut n, mut bytes) = (HASH_OF_NOTHING, 0, vec![0u8; 1 << 16]);
    loop {
        match file.read(&mut bytes) {
            Ok(0) => return Ok((n == length).then_some(hash)),
            Ok(read) => {
                hash = fnv1a(hash, &bytes[..read]);
                n += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The file to write on, `length` bytes long.
fn rows(folder: &Path, length: u64) -> io::Result<File> {
    let mut file = File::options().create(true).truncate(false).write(true).open(folder.join(ROWS))?;
    file.set_len(length)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// A file of which `marked` is on the disk and `lost` is not, as a killed writer leaves it.
    fn left(path: &Path, request: &str, marked: &str, lost: &str) {
        let mut file = Growing::open(path, request).unwrap();
        file.write(marked.as_bytes()).unwrap();
        file.mark("note").unwrap();
        file.write(lost.as_bytes()).unwrap();
    }

    #[test]
    fn what_was_marked_is_gone_on_from_and_what_came_after_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/a");
        left(&path, "one", "whole ", "ha");
        assert!(!path.exists());
        let mut next = Growing::open(&path, "one").unwrap();
        assert_eq!(*next.found(), Found::Same { note: "note".into() });
        next.write(b"file").unwrap();
        io::copy(&mut next.contents().unwrap(), &mut io::sink()).unwrap();
        next.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole file");
        assert_eq!(names(path.parent().unwrap()), ["a"]);
    }

    #[test]
    fn another_request_begins_anew_and_says_what_it_drops() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        left(&path, "one", "many bytes of one", "");
        let mut next = Growing::open(&path, "two").unwrap();
        assert_eq!(*next.found(), Found::Other { request: "one".into() });
        next.write(b"two").unwrap();
        next.commit().unwrap();
        assert_eq!((fs::read(&path).unwrap(), names(folder.path())), (b"two".into(), vec!["a".into()]));
    }

    #[test]
    fn rows_that_are_not_those_of_their_mark_are_not_gone_on_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        left(&path, "one", "0123456789", "");
        File::options().write(true).open(folder_for(&path).join(ROWS)).unwrap().set_len(9).unwrap();
        let next = Growing::open(&path, "one").unwrap();
        assert_eq!((next.found(), next.length), (&Found::Damaged, 0));
        drop(next);
        let found = |file: &str, contents: &str| {
            left(&path, "one", "0123456789", "");
            fs::write(folder_for(&path).join(file), contents).unwrap();
            Growing::open(&path, "one").unwrap().found().clone()
        };
        assert_eq!(found(ROWS, "0123456789 more"), Found::Same { note: "note".into() });
        Growing::clear(&path);
        assert_eq!(found(ROWS, "0123456798"), Found::Damaged);
        assert_eq!(found(MARK, "10 999\none"), Found::Damaged);
        assert_eq!(found(MARK, "10 3 0000000000000000\nonenote"), Found::Damaged);
        // Of an earlier version, without a hash.
        assert_eq!(found(MARK, "10 3\nonenote"), Found::Nothing);
        assert_eq!(found(MARK, "10 3\ntwonote"), Found::Other { request: "two".into() });
    }

    #[test]
    fn a_file_has_one_writer_and_nothing_is_left_without_a_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        let mut first = Growing::open(&path, "one").unwrap();
        let error = Growing::open(&path, "one").unwrap_err().to_string();
        assert_eq!(error, format!("{} is being written by another process", path.display()));
        Growing::clear(&path);
        first.write(b"half").unwrap();
        drop(first);
        assert_eq!((fs::read(&path).unwrap(), names(folder.path())), (b"old".into(), vec!["a".into()]));
    }

    #[test]
    fn what_a_dead_writer_left_is_cleared_for_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        left(&path, "one", "many bytes", "");
        assert_eq!(names(folder.path()), [".ebm-partial-a"]);
        Growing::clear(&path);
        Growing::clear(&path);
        assert!(names(folder.path()).is_empty());
        left(&path, "one", "many bytes", "");
        Growing::open(&path, "one").unwrap().discard();
        assert!(names(folder.path()).is_empty());
    }
}
