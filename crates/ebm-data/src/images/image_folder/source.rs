//! What tells the images of a folder from others without reading them.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::packed;
use crate::DataError;
use crate::files::hex::hex;

/// The hash of the names of files below `root` and of how long they are; of those in an archive, how long that is.
///
/// # Errors
/// If one is not there any more.
pub(super) fn source(root: &Path, files: &[PathBuf]) -> Result<String, DataError> {
    let archive = packed::archive_at(root);
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let length = |file: &PathBuf| {
        fs::metadata(file).map(|found| found.len()).map_err(|source| DataError::io(file, source))
    };
    let lengths: Vec<_> = match &archive {
        Some(archive) => files.iter().map(|_| length(archive)).collect(),
        None => files.par_iter().map(length).collect(),
    };
    let mut hash = Sha256::new();
    for (file, length) in files.iter().zip(lengths) {
        let name = file.strip_prefix(&root).unwrap_or(file);
        hash.update(name.as_os_str().as_encoded_bytes());
        hash.update(format!("\0{}\n", length?));
    }
    Ok(hex(hash))
}
