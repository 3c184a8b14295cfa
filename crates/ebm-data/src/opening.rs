//! How the data that a configuration describes are recognised and opened.

use std::fs;
use std::path::Path;

use ebm_ops::Noise;

use crate::file_to_name::file_to_name;
use crate::named::OpenOptions;
use crate::{Data, DataError, DataSpec, DatasetName, RowLayout};

impl Data {
    /// Opens the data that `spec` describes; `noise` seeds generated data, with a stream of its own for each split.
    ///
    /// Files are read and checked completely before this returns, except for images of a folder that need more than
    /// [`memory`](DataSpec::memory) megabytes.
    ///
    /// # Errors
    /// If files are missing or damaged, or if `spec` needs a path and has none.
    pub fn open(spec: &DataSpec, noise: &Noise) -> Result<Self, DataError> {
        spec.check()?;
        spec.dataset.open(&OpenOptions { spec, noise, layout: None })
    }

    /// Opens the data as rows of a model: with its columns, matched by name where both have names, in its units.
    ///
    /// Images have no columns, and are opened as by [`open`](Self::open).
    ///
    /// # Errors
    /// As [`open`](Self::open), and if columns are missing or left over.
    pub fn open_as(spec: &DataSpec, noise: &Noise, layout: &RowLayout) -> Result<Self, DataError> {
        spec.check()?;
        let data = spec.dataset.open(&OpenOptions { spec, noise, layout: Some(layout) })?;
        match spec.dataset {
            DatasetName::Table => Ok(data),
            _ => data.with_layout(layout),
        }
    }
}

impl DataSpec {
    /// Finds out which dataset is at `path`: IDX files, batches of CIFAR-10, images in an array, a table by its extension,
    /// a folder with an array or a table named `train`, or else a folder of images.
    ///
    /// IDX files are taken for Fashion-MNIST if the path contains `fashion`; only the names of the classes differ.
    ///
    /// # Errors
    /// If nothing exists there, if it is a file with an unknown extension, or a folder with tables or arrays under other
    /// names and no images.
    pub fn detect(path: &Path) -> Result<Self, DataError> {
        let metadata = fs::metadata(path).map_err(|source| DataError::io(path, source))?;
        let unknown = || {
            let (found, expected) = match metadata.is_file() {
                true => (
                    "a file with this extension",
                    ".npy, .npz, .csv, .tsv, .tar, .tar.gz, .tar.xz, or a folder",
                ),
                false => ("a device or pipe", "a file or a folder"),
            };
            DataError::Unsupported { file: path.into(), found: found.into(), expected }
        };
        let dataset = DatasetName::at(path).ok_or_else(unknown)?;
        if dataset == DatasetName::Folder && metadata.is_dir() {
            file_to_name(path).map_or(Ok(()), Err)?;
        }
        Ok(Self::new(dataset, Some(path.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::idx::tests::encode;
    use crate::{ImageSize, Split, Toy};

    #[test]
    fn what_only_tables_have_is_refused_elsewhere() {
        let spec = DataSpec { holdout: Some(0.1), ..DataSpec::new(DatasetName::Glyphs, None) };
        let error = Data::open(&spec, &Noise::seeded(0)).err().unwrap().to_string();
        assert_eq!(error, "data.holdout is for tables, the data are those of glyphs");
    }

    #[test]
    fn a_path_is_recognised_by_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let found = |path: &Path| DataSpec::detect(path).unwrap().dataset;
        let make = |name: &str, content: &[u8]| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, content).unwrap();
            file
        };
        assert_eq!(found(&make("a/x.CSV", b"1,2")), DatasetName::Table);
        assert_eq!(found(make("b/train.npy", b"").parent().unwrap()), DatasetName::Table);
        make("c/MNIST/raw/train-images-idx3-ubyte", &encode(&[1, 1, 1], &[0]));
        assert_eq!(found(&folder.path().join("c")), DatasetName::Mnist);
        make("fashion/t10k-images-idx3-ubyte.gz", &[]);
        assert_eq!(found(&folder.path().join("fashion")), DatasetName::FashionMnist);
        make("d/cifar-10-batches-bin/test_batch.bin", &[]);
        assert_eq!(found(&folder.path().join("d")), DatasetName::Cifar10);
        make("e/cat/1.jpg", &[]);
        assert_eq!(found(&folder.path().join("e")), DatasetName::Folder);
        let named = make("tables/data.csv", b"1,2");
        let error = DataSpec::detect(named.parent().unwrap()).unwrap_err().to_string();
        assert!(error.ends_with(&format!("name the file, {}", named.display())), "{error}");
        assert!(matches!(DataSpec::detect(&folder.path().join("f")), Err(DataError::NotFound { .. })));
        #[cfg(unix)]
        assert!(matches!(DataSpec::detect(Path::new("/dev/zero")), Err(DataError::Unsupported { .. })));
        assert!(matches!(DataSpec::detect(&make("x.zip", b"")), Err(DataError::Unsupported { .. })));
    }

    #[test]
    fn generated_data_needs_no_files_and_its_splits_differ() {
        let noise = Noise::seeded(9);
        let generated = [DatasetName::Glyphs].into_iter().chain(Toy::ALL.map(DatasetName::Toy));
        for name in generated {
            let mut spec = DataSpec::new(name, None);
            let train = Data::open(&spec, &noise).unwrap();
            spec.split = Split::Test;
            let test = Data::open(&spec, &noise).unwrap();
            let row = |data: &Data| data.read(&[0], None).unwrap().values;
            assert_eq!((train.len(), row(&train).len()), (None, train.dim()), "{name}");
            assert_ne!(row(&train), row(&test), "{name}");
            assert!(row(&train).iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn missing_files_are_answered_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name, path| match Data::open(&DataSpec::new(name, path), &Noise::seeded(0)) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{name} is open"),
        };
        let path = Some(folder.path().to_path_buf());
        assert!(open(DatasetName::Mnist, path.clone()).contains("ebm fetch mnist"));
        assert!(open(DatasetName::Cifar10, path).contains("ebm fetch cifar10"));
        assert!(open(DatasetName::Table, None).contains("needs a path"));
        assert!(open(DatasetName::Folder, None).contains("needs a path"));
    }

    #[test]
    fn a_key_that_would_do_nothing_is_refused() {
        let error = |spec: DataSpec| Data::open(&spec, &Noise::seeded(0)).err().unwrap().to_string();
        let spec = |dataset| DataSpec::new(dataset, Some("x".into()));
        let sized = DataSpec { size: Some(ImageSize::Square(8)), ..spec(DatasetName::Table) };
        assert!(error(sized).contains("data.size is for files of images"));
        let flipped = DataSpec { flip: Some(true), ..spec(DatasetName::Table) };
        assert_eq!(error(flipped), "data.flip is for images; the dataset is \"table\"");
        let shifted = DataSpec { shift: Some(2), ..spec(DatasetName::Toy(Toy::Rings)) };
        assert_eq!(error(shifted), "data.shift is for images; the dataset is \"rings\"");
        let linked = DataSpec { follow_links: Some(true), ..spec(DatasetName::Mnist) };
        assert!(error(linked).contains("data.follow_links"));
    }

    #[test]
    fn a_table_is_mapped_back_to_its_own_units() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, "1,100\n2,300\n6,200\n").unwrap();
        let data = Data::open(&DataSpec::detect(&file).unwrap(), &Noise::seeded(0)).unwrap();
        assert_eq!((data.len(), data.dim()), (Some(3), 2));
        let values = data.read(&[2, 0], None).unwrap().values;
        let back = data.transform().unwrap().inverse(&values);
        for (found, expected) in back.iter().zip([6.0, 200.0, 1.0, 100.0]) {
            assert!((found - expected).abs() < 1e-6 * expected, "{found} against {expected}");
        }
    }
}
