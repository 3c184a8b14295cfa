//! What the files of each dataset are: addresses, sizes, hashes, licences.

use serde::Deserialize;

use crate::error::{Context, Result, bail, ensure};

/// Every dataset that can be fetched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(rename = "dataset")]
    datasets: Vec<Dataset>,
}

/// One dataset.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// What it is called on the command line.
    pub name: String,
    /// What it is called in the literature.
    pub title: String,
    /// Who made it.
    pub source: String,
    /// The terms it may be used under.
    pub licence: String,
    /// What is downloaded.
    #[serde(rename = "download")]
    pub downloads: Vec<Download>,
}

/// One file to download, which holds one or more files of the dataset.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Download {
    /// The name of what is downloaded; `.tar.gz` says that it is an archive.
    pub name: String,
    /// Where it lies, in the order to try.
    pub urls: Vec<String>,
    /// The files in it.
    pub files: Vec<Content>,
}

/// A file of a dataset, unpacked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Its name in the dataset's folder.
    pub name: String,
    /// Its path in the archive, if it comes from one.
    pub member: Option<String>,
    /// Its exact size.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in lower case.
    pub sha256: String,
}

impl Manifest {
    /// The manifest that is built in, `fetch/datasets.toml`.
    ///
    /// # Errors
    /// As [`Manifest::parse`].
    pub fn embedded() -> Result<Self> {
        Self::parse(include_str!("datasets.toml")).context("datasets.toml")
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// If it is not TOML of this form, or names a file outside the dataset's folder, or a hash is not one.
    pub fn parse(text: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        for download in manifest.datasets.iter().flat_map(|dataset| &dataset.downloads) {
            download.check().with_context(|| download.name.clone())?;
        }
        Ok(manifest)
    }

    /// The dataset of that name.
    ///
    /// # Errors
    /// If there is none; the message lists those that there are.
    pub fn dataset(&self, name: &str) -> Result<&Dataset> {
        let Some(dataset) = self.datasets.iter().find(|dataset| dataset.name == name) else {
            bail!("no dataset {name}; known are {}", self.names().join(", "));
        };
        Ok(dataset)
    }

    /// The names of the datasets.
    pub fn names(&self) -> Vec<&str> {
        self.datasets.iter().map(|dataset| dataset.name.as_str()).collect()
    }
}

impl Download {
    /// Whether it is an archive of several files.
    pub fn is_archive(&self) -> bool {
        self.name.ends_with(".tar.gz")
    }

    /// The size that no gzip of the content needs to exceed, headers of an archive included.
    pub fn most_bytes(&self) -> u64 {
        let content: u64 = self.files.iter().map(|file| file.bytes).sum();
        content + content / 1_000 + (1 << 20)
    }

    fn check(&self) -> Result<()> {
        ensure!(is_plain(&self.name), "{:?} is not the name of a file", self.name);
        ensure!(!self.urls.is_empty(), "no address");
        ensure!(self.is_archive() || self.files.len() == 1, "{} files and no archive", self.files.len());
        ensure!(!self.files.is_empty(), "no file");
        for file in &self.files {
            ensure!(is_plain(&file.name), "{:?} is not the name of a file", file.name);
            ensure!(file.member.is_some() == self.is_archive(), "{}: a member is of an archive", file.name);
            let is_hash =
                file.sha256.len() == 64 && file.sha256.bytes().all(|b| b"0123456789abcdef".contains(&b));
            ensure!(is_hash, "{}: {:?} is not a sha256", file.name, file.sha256);
        }
        Ok(())
    }
}

/// Whether a name stays in its folder on every system.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_manifest_has_the_datasets_of_the_command_line() {
        let manifest = Manifest::embedded().unwrap();
        assert_eq!(manifest.names(), super::super::DATASETS);
        for name in manifest.names() {
            let dataset = manifest.dataset(name).unwrap();
            assert!([&dataset.title, &dataset.source, &dataset.licence].iter().all(|s| !s.is_empty()));
        }
    }

    #[test]
    fn sizes_follow_from_the_formats() {
        let manifest = Manifest::embedded().unwrap();
        for name in ["mnist", "fashion-mnist"] {
            let files = manifest.dataset(name).unwrap().downloads.iter().flat_map(|d| &d.files);
            let sizes: Vec<u64> = files.map(|file| file.bytes).collect();
            assert_eq!(sizes, [16 + 60_000 * 784, 8 + 60_000, 16 + 10_000 * 784, 8 + 10_000]);
        }
        let cifar = &manifest.dataset("cifar10").unwrap().downloads[0];
        assert!(cifar.files.iter().all(|file| file.bytes == 10_000 * 3_073) && cifar.files.len() == 6);
        assert!(cifar.most_bytes() > 170_052_171, "the published archive must fit");
    }

    #[test]
    fn every_file_has_its_own_hash() {
        let manifest = Manifest::embedded().unwrap();
        let files = manifest.datasets.iter().flat_map(|d| &d.downloads).flat_map(|d| &d.files);
        let mut hashes: Vec<&str> = files.map(|file| file.sha256.as_str()).collect();
        let n = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), n);
    }

    #[test]
    fn a_manifest_cannot_write_outside_its_folder() {
        let with = |name: &str, hash: &str| {
            Manifest::parse(&format!(
                "[[dataset]]\nname = 'a'\ntitle = 'a'\nsource = 'a'\nlicence = 'a'\n[[dataset.download]]\n\
                 name = 'a.gz'\nurls = ['http://a']\nfiles = [{{ name = '{name}', bytes = 1, sha256 = '{hash}' }}]"
            ))
        };
        let hash = "0".repeat(64);
        assert!(with("a", &hash).is_ok());
        for name in ["../a", "/a", "a/b", "..", ".a", "", "c:a", "a\\b"] {
            assert!(with(name, &hash).is_err(), "{name}");
        }
        assert!(with("a", &"A".repeat(64)).is_err());
        assert!(with("a", "12").is_err());
    }
}
