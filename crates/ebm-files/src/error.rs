//! Errors of writing, each with the path that the caller named.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file or a folder could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file or folder is as it was before.
    #[error("could not write {}", .path.display())]
    Write {
        /// The path that the caller named.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// A file that could not be read.
    #[error("could not read {}", .path.display())]
    Read {
        /// The path that the caller named.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// A device or pipe, which no file takes the place of.
    #[error("{} is a device or pipe, expected a file", .0.display())]
    Device(PathBuf),
    /// A file that another process is writing.
    #[error("{} is being written by another process", .0.display())]
    Busy(PathBuf),
    /// A folder with files in it that the new folder was not meant to replace.
    #[error("{} is a folder with other files in it, which are not replaced; name another place", .0.display())]
    Foreign(PathBuf),
    /// The folder that the path lies in could not be made.
    #[error("could not make the folder {} for {}", .folder.display(), .path.display())]
    Parent {
        /// The path that the caller named.
        path: PathBuf,
        /// The folder it lies in.
        folder: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The new folder could not take its place, and the old one could not be put back.
    #[error("could not write {}; the folder that was there is now {}", .path.display(), .kept.display())]
    Displaced {
        /// The path that the caller named.
        path: PathBuf,
        /// Where the old folder is; the next writer of the path puts it back.
        kept: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// A folder could not be searched for what unfinished writes left.
    #[error("could not list the folder {}", .folder.display())]
    List {
        /// The folder.
        folder: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// What an unfinished write left could not be removed.
    #[error("could not remove {}, which an unfinished write left", .scratch.display())]
    Scratch {
        /// What could not be removed.
        scratch: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The path is written, but something that an unfinished or replaced version left beside it could not be removed.
    #[error("{} is complete, but {} beside it could not be removed", .path.display(), .scratch.display())]
    CleanUp {
        /// The path that the caller named.
        path: PathBuf,
        /// What could not be removed.
        scratch: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

impl FileError {
    /// What turns an error of the file system into one that names `path`.
    pub(crate) fn write(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |source| Self::Write { path: path.to_owned(), source: without_path(source) }
    }

    /// What turns an error of the file system into one of a scratch file or folder that stays.
    pub(crate) fn scratch(scratch: PathBuf) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Scratch { scratch, source: without_path(source) }
    }

    /// What recovering came to, for one whose `path` is written.
    pub(crate) fn after(self, path: &Path) -> Self {
        match self {
            Self::Scratch { scratch, source } => Self::CleanUp { path: path.to_owned(), scratch, source },
            other => other,
        }
    }
}

/// The error without the path of a scratch file, which `tempfile` adds and which means nothing to the caller.
fn without_path(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.rsplit_once(" at path \"") {
        Some((reason, _)) if error.raw_os_error().is_none() => {
            io::Error::new(error.kind(), reason.to_owned())
        }
        _ => error,
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        if matches!(error, FileError::Device(_) | FileError::Foreign(_)) {
            return Self::new(io::ErrorKind::AlreadyExists, error);
        }
        let (FileError::Write { source, .. }
        | FileError::Read { source, .. }
        | FileError::Parent { source, .. }
        | FileError::Displaced { source, .. }
        | FileError::List { source, .. }
        | FileError::Scratch { source, .. }
        | FileError::CleanUp { source, .. }) = &error
        else {
            return Self::other(error);
        };
        Self::new(source.kind(), error)
    }
}
