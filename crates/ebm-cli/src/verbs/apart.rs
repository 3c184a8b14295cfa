//! Files that a verb writes, apart from those that it reads.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};

use crate::terminal::usage::usage;

/// Whether the file that `flag` names may be written by a verb that reads or writes `others`, each with its name on the
/// command line: it is none of them, and no file in one that is a folder.
///
/// # Errors
/// A wrong use of the command line if it would be replaced while it is needed.
pub fn check(flag: &str, out: &Path, others: &[(&str, &Path)]) -> Result<()> {
    let Some(place) = place(out) else { return Ok(()) };
    for (name, other) in others {
        let Some(taken) = self::place(other) else { continue };
        let shown = out.display();
        ensure!(place != taken, usage(anyhow!("{flag} {shown}: {name} is the same file")));
        ensure!(
            !(taken.is_dir() && place.starts_with(&taken) && place.exists()),
            usage(anyhow!("{flag} {shown}: a file of {name}, which is read"))
        );
    }
    Ok(())
}

/// Where a path leads, of a file that is not there its folder and name; nothing if its folder is not there either.
fn place(path: &Path) -> Option<PathBuf> {
    if let Ok(found) = std::fs::canonicalize(path) {
        return Some(found);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(std::fs::canonicalize(folder).ok()?.join(path.file_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_read_or_lies_in_a_folder_that_is_read_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("pictures")).unwrap();
        std::fs::write(at("pictures/0.png"), "").unwrap();
        std::fs::write(at("rows.csv"), "").unwrap();
        let (rows, pictures) = (at("rows.csv"), at("pictures"));
        let read = [("--data", rows.as_path()), ("A", pictures.as_path())];
        let error = |out: &str| check("--out", &at(out), &read).unwrap_err().to_string();
        assert!(error("pictures/../rows.csv").ends_with("rows.csv: --data is the same file"));
        assert!(error("pictures/0.png").contains("a file of A, which is read"));
        check("--out", &at("other.csv"), &read).unwrap();
        check("--out", &at("pictures/new.png"), &read).unwrap();
        check("--out", &at("absent/new.png"), &read).unwrap();
        let new = at("new.npy");
        assert!(check("--decode", &new, &[("--out", &new)]).is_err());
    }
}
