//! Images in an archive, laid out as a folder of images is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::layout::{NO_HELD_OUT, Part};
use super::listing::Listing;
use super::walk::{is_hidden, is_image};
use crate::files::archive::{FORMATS as ARCHIVES, is_archive, visit};
use crate::files::picture::{FORMATS, MAX_BYTES};
use crate::{DataError, Split};

/// The archive that `root` is, or that is all there is in it.
pub(super) fn archive_at(root: &Path) -> Option<PathBuf> {
    if root.is_file() {
        return is_archive(root).then(|| root.to_path_buf());
    }
    let mut found = None;
    for entry in std::fs::read_dir(root).ok()? {
        let path = entry.ok()?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_hidden(&name) {
            continue;
        }
        // Beside images and folders an archive is a file of another kind.
        if path.is_dir() || is_image(&path) {
            return None;
        }
        if is_archive(&path) && found.replace(path).is_some() {
            return None;
        }
    }
    found
}

/// The images of one split of an archive, each named by the path of the archive and its own within.
///
/// # Errors
/// If the archive cannot be read, or has no such images; see [`visit`].
pub(super) fn listing(archive: &Path, split: Split) -> Result<Listing, DataError> {
    let (mut names, mut others) = (Vec::new(), 0);
    let mut seen = HashSet::new();
    visit(archive, |member| {
        let is_shown = !member.name.split('/').any(is_hidden);
        if is_shown && is_image(Path::new(&member.name)) {
            if !seen.insert(member.name.clone()) {
                return Err(DataError::malformed(archive, format!("{} is in it twice", member.name)));
            }
            names.push(member.name.split('/').map(str::to_owned).collect::<Vec<_>>());
        } else {
            others += usize::from(is_shown);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if names.is_empty() {
        return Err(DataError::malformed(
            archive,
            format!("no {FORMATS} in it; {others} files of other kinds"),
        ));
    }
    let folders = common(&names);
    let root = folders.iter().fold(archive.to_path_buf(), |path, folder| path.join(folder));
    let names: Vec<&[String]> = names.iter().map(|name| &name[folders.len()..]).collect();
    let parts = Parts::of(&names, archive)?;
    let notes = parts.notes(split, others);
    let found = Found::of(&names, parts.folder(split, archive)?, &parts, &root);
    match (found.loose.is_empty(), found.classes.is_empty()) {
        (true, true) => Err(DataError::Empty { path: root, expected: FORMATS }),
        (false, true) => Ok(Listing { files: found.loose, labels: None, classes: Vec::new(), notes }),
        (true, false) => {
            let known = match split {
                Split::Train => Vec::new(),
                Split::Test => {
                    let training = parts.folder(Split::Train, archive).ok();
                    let classes = training.map(|part| Found::of(&names, part, &parts, &root).classes);
                    classes.unwrap_or_default().into_keys().collect()
                }
            };
            let classes = found.classes.into_iter().map(|(class, files)| (PathBuf::from(class), files));
            Ok(Listing::of_classes(classes.collect(), known, notes))
        }
        (false, false) => {
            let (file, class) = (found.loose[0].display(), &found.classes.keys().next().expect("not empty"));
            let problem = format!(
                "images beside folders of images ({file}, {class}/): expected one or the other; a class is a folder"
            );
            Err(DataError::malformed(archive, problem))
        }
    }
}

/// The bytes of the images in `files`, by their names of [`listing`].
///
/// # Errors
/// If the archive cannot be read any more.
pub(super) fn contents(archive: &Path, files: &[PathBuf]) -> Result<HashMap<PathBuf, Vec<u8>>, DataError> {
    let wanted: HashSet<&Path> = files.iter().map(PathBuf::as_path).collect();
    let mut found = HashMap::with_capacity(files.len().min(1 << 16));
    visit(archive, |member| {
        let path = archive.join(&member.name);
        if wanted.contains(&*path) {
            found.insert(path, member.bytes(MAX_BYTES)?);
        }
        let is_all = found.len() == wanted.len();
        Ok(if is_all { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    match files.iter().find(|file| !found.contains_key(*file)) {
        Some(missing) => Err(DataError::NotFound { path: missing.clone() }),
        None => Ok(found),
    }
}

/// The folders that all names have in common and that stand before the parts, if there are parts in them.
fn common(names: &[Vec<String>]) -> Vec<String> {
    let mut depth = 0;
    loop {
        let has_parts =
            names.iter().any(|name| depth + 1 < name.len() && Part::named(&name[depth]).is_some());
        if has_parts {
            return names[0][..depth].to_vec();
        }
        let first = names[0].get(depth);
        let is_common = names.iter().all(|name| depth + 1 < name.len() && name.get(depth) == first);
        if !is_common {
            return Vec::new();
        }
        depth += 1;
    }
}

/// The folder of each part.
struct Parts {
    folders: BTreeMap<Part, String>,
}

impl Parts {
    fn of(names: &[&[String]], archive: &Path) -> Result<Self, DataError> {
        let mut folders = BTreeMap::new();
        for name in names.iter().filter(|name| 1 < name.len()) {
            let Some(part) = Part::named(&name[0]) else { continue };
            match folders.insert(part, name[0].clone()) {
                Some(other) if other != name[0] => {
                    let problem = format!("both {other}/ and {}/: expected one of them", name[0]);
                    return Err(DataError::malformed(archive, problem));
                }
                _ => {}
            }
        }
        Ok(Self { folders })
    }

    fn held_out(&self) -> Option<&str> {
        let of = |part| self.folders.get(&part);
        of(Part::Testing).or_else(|| of(Part::Validation)).map(String::as_str)
    }

    /// The folder of a split; none if everything beside the held-out folders is for training.
    fn folder(&self, split: Split, archive: &Path) -> Result<Option<&str>, DataError> {
        match split {
            Split::Train => Ok(self.folders.get(&Part::Training).map(String::as_str)),
            Split::Test => self
                .held_out()
                .map(Some)
                .ok_or_else(|| DataError::NoHeldOut { path: archive.into(), expected: NO_HELD_OUT }),
        }
    }

    fn notes(&self, split: Split, others: usize) -> Vec<String> {
        let held_out = self.held_out().map(|folder| match split {
            Split::Train => format!("{folder}/ is held out"),
            Split::Test => format!("the held-out part, {folder}/"),
        });
        let unused =
            self.folders.get(&Part::Validation).filter(|_| self.folders.contains_key(&Part::Testing));
        let unused = unused.map(|folder| format!("{folder}/ is not used"));
        let others = (0 < others).then(|| format!("{others} files of other kinds left out"));
        held_out.into_iter().chain(unused).chain(others).collect()
    }
}

/// The images of a part: those directly in it, and those in its folders by name.
struct Found {
    loose: Vec<PathBuf>,
    classes: BTreeMap<String, Vec<PathBuf>>,
}

impl Found {
    fn of(names: &[&[String]], folder: Option<&str>, parts: &Parts, root: &Path) -> Self {
        let (mut loose, mut classes) = (Vec::new(), BTreeMap::<String, Vec<PathBuf>>::new());
        for name in names {
            let within = match folder {
                Some(folder) if 1 < name.len() && name[0] == folder => &name[1..],
                Some(_) => continue,
                None if 1 < name.len() && parts.folders.values().any(|part| *part == name[0]) => continue,
                None => name,
            };
            let path = name.iter().fold(root.to_path_buf(), |path, part| path.join(part));
            match within {
                [_] => loose.push(path),
                [class, ..] => classes.entry(class.clone()).or_default().push(path),
                [] => {}
            }
        }
        loose.sort_unstable();
        classes.values_mut().for_each(|files| files.sort_unstable());
        Self { loose, classes }
    }
}

/// What is expected of a file that is no folder.
pub(super) fn refused(root: &Path) -> DataError {
    let found = format!("a file that is not one of {ARCHIVES}");
    DataError::Unsupported { file: root.into(), found, expected: "a folder or an archive of images" }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Cursor;

    use burn_dataset::Dataset;

    use super::*;
    use crate::files::archive::tests::{gzip, tar, xz};
    use crate::{DataSpec, DatasetName, ImageFolder, ImageSet};

    fn png(level: u8) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let picture = image::DynamicImage::from(image::GrayImage::from_pixel(3, 2, image::Luma([level])));
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    /// The folder and the archive of the same files, read.
    fn both(names: &[&str], split: Split) -> [Result<ImageSet, DataError>; 2] {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<(&str, Vec<u8>)> =
            names.iter().enumerate().map(|(i, name)| (*name, png(10 * i as u8))).collect();
        let plain = folder.path().join("plain");
        for (name, content) in &files {
            let file = plain.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, file)| (*name, &**file)).collect();
        let archive = folder.path().join("pictures.tar.xz");
        fs::write(&archive, xz(&tar(&files))).unwrap();
        assert_eq!(DataSpec::detect(&archive).unwrap().dataset, DatasetName::Folder);
        [plain, archive].map(|path| ImageFolder::new(path).read(split))
    }

    #[test]
    fn an_archive_is_read_as_its_folder_would_be() {
        let cases: [&[&str]; 5] = [
            &["train/dog/b.png", "train/cat/c.png", "train/dog/a.png", "test/dog/d.png", "test/ant/e.png"],
            &["cats/2.png", "cats/1.png", "ants/deep/er/3.png"],
            &["b.png", "a.png"],
            &["wrapped/Train/x/1.png", "wrapped/Train/y/0.png", "wrapped/val/y/2.png"],
            &["only/x/1.png", "only/y/2.png"],
        ];
        for names in cases {
            for split in [Split::Train, Split::Test] {
                let [folder, archive] = both(names, split);
                match (folder, archive) {
                    (Ok(folder), Ok(archive)) => {
                        let all =
                            |set: &ImageSet| (0..set.len()).map(|i| set.get(i).unwrap()).collect::<Vec<_>>();
                        assert_eq!(all(&folder), all(&archive), "{names:?} {split:?}");
                        assert_eq!(folder.classes(), archive.classes(), "{names:?} {split:?}");
                    }
                    (Err(folder), Err(archive)) => {
                        let kind = std::mem::discriminant(&folder);
                        assert_eq!(kind, std::mem::discriminant(&archive), "{folder} and {archive}");
                    }
                    (folder, archive) => {
                        panic!("{names:?} {split:?}: {:?} {:?}", folder.err(), archive.err())
                    }
                }
            }
        }
    }

    #[test]
    fn a_folder_with_nothing_but_an_archive_is_that_archive() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pictures.tar.gz");
        fs::write(&file, gzip(&tar(&[("cat/1.png", &png(5))]))).unwrap();
        fs::write(folder.path().join("readme.txt"), "about them").unwrap();
        let set = ImageFolder::new(folder.path()).read(Split::Train).unwrap();
        assert_eq!((set.len(), set.classes()), (1, &["cat".to_owned()][..]));
        fs::write(folder.path().join("loose.png"), png(7)).unwrap();
        let set = ImageFolder::new(folder.path()).read(Split::Train).unwrap();
        assert_eq!(set.pixels(0)[0], 7, "beside images it is a file of another kind");
    }

    #[test]
    fn what_is_wrong_in_an_archive_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pictures.tar");
        let error = |files: &[(&str, &[u8])]| {
            fs::write(&file, tar(files)).unwrap();
            ImageFolder::new(&file).read(Split::Train).unwrap_err().to_string()
        };
        assert!(error(&[("a/../../x.png", b"")]).contains("leads out of the archive"));
        assert!(error(&[("notes.txt", b"")]).contains("1 files of other kinds"));
        assert!(error(&[("a/x.png", b"no picture")]).contains("a/x.png"));
        assert!(error(&[("a/x.png", &png(1)), ("a/x.png", &png(2))]).contains("a/x.png is in it twice"));
        assert!(error(&[("x.png", &png(1)), ("a/x.png", &png(2))]).contains("a class is a folder"));
        let other = folder.path().join("pictures.zip");
        fs::write(&other, "PK").unwrap();
        let error = ImageFolder::new(&other).read(Split::Train).unwrap_err().to_string();
        assert!(error.contains("a folder or an archive"), "{error}");
    }
}
