//! Folders that a verb writes whole.

use std::path::Path;

use anyhow::{Result, anyhow, ensure};

use crate::terminal::usage::usage;

/// Whether a verb may write the folder that `flag` names: nothing is there, an empty folder, or one that is the verb's.
///
/// # Errors
/// A wrong use of the command line for a file, or a folder with other files in it.
pub fn check(flag: &str, out: &Path, is_ours: impl Fn(&Path) -> bool) -> Result<()> {
    let shown = out.display();
    if out.is_dir() && !is_ours(out) {
        let is_empty = std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_none());
        ensure!(
            is_empty,
            usage(anyhow!("{flag} {shown}: a folder with other files in it; name another place"))
        );
    }
    ensure!(!out.is_file(), usage(anyhow!("{flag} {shown}: a file, expected a folder")));
    Ok(())
}
