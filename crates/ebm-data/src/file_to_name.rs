//! Folders whose data have to be named by their file.

use std::fs;
use std::path::{Path, PathBuf};

use crate::DataError;
use crate::files::archive::is_archive;
use crate::files::picture::FORMATS;
use crate::images::image_folder::ImageFolder;
use crate::tables::splits::ending;

/// Files and folders that are looked at.
const MOST: usize = 1000;

/// Files that an error names.
const SHOWN: usize = 3;

/// What a folder holds.
#[derive(Default)]
struct Seen {
    entries: usize,
    /// Tables and arrays.
    data: Vec<PathBuf>,
    /// Whether there are files of other kinds.
    has_others: bool,
    /// Whether there are images, or more files than are looked at.
    may_be_images: bool,
}

/// The error of a folder that holds tables or arrays, none of them named `train`, and no images; `None` of any other.
pub(crate) fn file_to_name(folder: &Path) -> Option<DataError> {
    let mut seen = Seen::default();
    look(folder, &mut seen);
    if seen.has_others {
        // Beside other files, a text is more likely about them than a table.
        seen.data.retain(|file| ending(file) != Some("txt"));
    }
    if seen.may_be_images || seen.data.is_empty() {
        return None;
    }
    seen.data.sort_unstable();
    let shown = seen.data.iter().take(SHOWN).map(|file| file.display().to_string());
    let shown = shown.collect::<Vec<_>>().join(", ");
    let name = match seen.data.len() {
        1 => format!("name the file, {shown}"),
        n if n <= SHOWN => format!("name one of its files, {shown}"),
        _ => format!("name one of its files, {shown}, …"),
    };
    Some(DataError::Spec(format!("{} holds no {FORMATS} and no table named train; {name}", folder.display())))
}

fn look(folder: &Path, seen: &mut Seen) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        seen.entries += 1;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            look(&path, seen);
        } else if ending(&path).is_some() || is_archive_of_arrays(&path) {
            seen.data.push(path);
        } else {
            seen.may_be_images |= ImageFolder::is_image(&path) || is_archive(&path);
            seen.has_others = true;
        }
        seen.may_be_images |= MOST < seen.entries;
        if seen.may_be_images {
            return;
        }
    }
}

fn is_archive_of_arrays(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a folder with these files.
    fn said(files: &[&str]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "1,2\n").unwrap();
        }
        let at = format!("{}/", folder.path().display());
        file_to_name(folder.path()).map(|error| error.to_string().replace(&at, ""))
    }

    #[test]
    fn a_table_in_a_folder_without_images_is_to_be_named() {
        let one = said(&["data.csv", "README.txt", "about.md"]).unwrap();
        assert!(one.contains("holds no PNG") && one.ends_with("; name the file, data.csv"), "{one}");
        assert!(said(&["data.txt"]).unwrap().ends_with("name the file, data.txt"));
        let three = said(&["b.csv.gz", "a.npz", "deep/er/c.tsv", ".hidden.csv"]).unwrap();
        assert!(three.ends_with("name one of its files, a.npz, b.csv.gz, deep/er/c.tsv"), "{three}");
        assert!(said(&["a.csv", "b.csv", "c.csv", "d.csv"]).unwrap().ends_with("a.csv, b.csv, c.csv, …"));
    }

    #[test]
    fn a_folder_with_images_or_without_tables_is_left_to_be_read_as_images() {
        assert_eq!(said(&[]), None);
        for files in [["notes.txt", "x.heic"], ["labels.csv", "cat/1.JPG"], ["x.tar", "x.csv"]] {
            assert_eq!(said(&files), None, "{files:?}");
        }
        let many: Vec<String> = (0..=MOST).map(|i| format!("{i}.csv")).collect();
        assert_eq!(said(&many.iter().map(String::as_str).collect::<Vec<_>>()), None);
    }
}
