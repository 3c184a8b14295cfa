//! Pictures to be restored.

use std::collections::BTreeSet;
use std::path::Path;

use ebm_data::{Data, DataSpec, DatasetName, ImageFolder, ImageSize, Preparation, Split};
use ebm_ops::Noise;

use crate::error::{Result, anyhow, ensure, usage};
use crate::rows::{about, refused};

/// Pictures of one shape in a model's units.
pub struct Pictures {
    values: Vec<f32>,
    dim: usize,
    names: Vec<String>,
    about: String,
}

impl Pictures {
    /// The picture in a file, or the first `most` of a folder of pictures, of IDX files or of an array.
    ///
    /// They are brought to `shape`, channels, height and width, as `like` says, which is how the data of a run were
    /// read.
    ///
    /// # Errors
    /// A file that cannot be read, or that holds no pictures.
    pub fn read(
        path: &Path,
        split: Split,
        shape @ [channels, height, width]: [usize; 3],
        like: Option<&DataSpec>,
        most: usize,
    ) -> Result<Self> {
        let is_picture = path.is_file() && ImageFolder::is_image(path);
        let found = match is_picture {
            true => DataSpec::new(DatasetName::Folder, Some(path.into())),
            false => DataSpec { split, ..DataSpec::detect(path).map_err(usage)? },
        };
        let found = match like {
            Some(like) => found.with_images_as(like),
            None => found,
        };
        let is_table = found.dataset == DatasetName::Table;
        ensure!(!is_table, usage(anyhow!("{}: a table, expected pictures", path.display())));
        let size = Some(ImageSize::Rectangle([height, width]));
        let spec = DataSpec { size, channels: Some(channels), ..found };
        let data: Data = match is_picture {
            true => ImageFolder::read_file(path, Preparation::of(&spec)?)?.into(),
            false => Data::open(&spec, &Noise::seeded(0)).map_err(refused)?,
        };
        let n = data.len().unwrap_or(most).min(most);
        let values = data.read(&(0..n).collect::<Vec<_>>(), None)?.values;
        let dim = shape.iter().product();
        ensure!(values.len() == n * dim, usage(anyhow!("{}: expected pictures", path.display())));
        Ok(Self { values, dim, names: names(data.files(), n), about: about(&spec, &data.summary()) })
    }

    /// The values of each, channel by channel.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim)
    }

    /// A name for each, that of its file if it has one; no two are the same.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What was read, in a line.
    pub fn about(&self) -> &str {
        &self.about
    }
}

fn names(files: &[std::path::PathBuf], n: usize) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let name = |i: usize| {
        let stem = files.get(i).and_then(|file| file.file_stem()).map(|stem| stem.to_string_lossy());
        let stem = stem.map_or_else(|| format!("{i:05}"), std::borrow::Cow::into_owned);
        let free = if taken.contains(&stem) { format!("{stem}-{i:05}") } else { stem };
        taken.insert(free.clone());
        free
    };
    (0..n).map(name).collect()
}
