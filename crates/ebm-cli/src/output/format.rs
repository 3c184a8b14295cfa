//! Which format a file has, by its extension, asked before any sample is drawn.

use std::path::Path;

use anyhow::{Result, bail};

use super::Shape;

/// A format that samples can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.png`: a grid of images, or points in the plane.
    Png,
    /// `.gif`: the same as a film.
    Gif,
    /// `.npy`: float32, NumPy's format version 1.0.
    Npy,
    /// `.safetensors`: one float32 tensor named `samples`.
    Safetensors,
    /// `.csv`: rows, or draws with their chain and place.
    Csv,
    /// `.zarr`: a folder with draws of chains as ArviZ reads them.
    Zarr,
}

impl Format {
    const KNOWN: [(&'static str, Self); 6] = [
        ("png", Self::Png),
        ("gif", Self::Gif),
        ("npy", Self::Npy),
        ("safetensors", Self::Safetensors),
        ("csv", Self::Csv),
        ("zarr", Self::Zarr),
    ];

    /// The format that the extension of `path` names, in either case of letters.
    ///
    /// # Errors
    /// If the extension is not one of the six, or `path` is a folder.
    pub fn of(path: &Path) -> Result<Self> {
        // One that was written before is a folder with this file in it.
        if path.is_dir() && !path.join(".zgroup").is_file() {
            bail!("{} is a folder; name a file in it", path.display());
        }
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        match Self::KNOWN.iter().find(|(known, _)| *known == extension) {
            Some((_, format)) if path.is_dir() == (*format == Self::Zarr) || !path.exists() => Ok(*format),
            Some(_) => bail!("{} is there and is something else", path.display()),
            None => bail!(
                "{}: the extension must be .png, .gif, .npy, .safetensors, .csv or .zarr",
                path.display()
            ),
        }
    }

    /// Whether the way to the samples is shown, so that it is worth keeping.
    pub fn is_film(self) -> bool {
        self == Self::Gif
    }

    /// Whether samples of this shape can be written so.
    ///
    /// # Errors
    /// Pictures are of images with 1 or 3 channels, or of points in the plane, tables of rows or chains, what
    /// ArviZ reads of chains; the arrays take everything.
    pub fn check(self, shape: &Shape) -> Result<()> {
        match (self, shape) {
            (Self::Npy | Self::Safetensors, _) => return Ok(()),
            (Self::Csv, Shape::Images { .. }) => bail!("a .csv is of rows, these are images; write .npy"),
            (Self::Csv, _) | (Self::Zarr, Shape::Chains { .. }) => return Ok(()),
            (Self::Zarr, _) => bail!("a .zarr is of chains, which --target has; write .csv or .npy"),
            (Self::Png | Self::Gif, _) => {}
        }
        match *shape {
            Shape::Images { channels: 1 | 3, .. } => Ok(()),
            Shape::Images { channels, .. } => {
                bail!(
                    "a picture has 1 or 3 channels, these images have {channels}; write .npy or .safetensors"
                )
            }
            Shape::Table { dim: 2, .. } | Shape::Chains { dim: 2, .. } => Ok(()),
            Shape::Table { dim, .. } | Shape::Chains { dim, .. } => {
                bail!("a picture is of points in 2 dimensions, these have {dim}; write .npy or .safetensors")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_extension_is_answered_with_the_known_ones() {
        for name in ["a.jpg", "a", "png", ".png", "a.png.tmp"] {
            let message = Format::of(Path::new(name)).unwrap_err().to_string();
            for known in [".png", ".gif", ".npy", ".safetensors", ".csv", ".zarr"] {
                assert!(message.contains(known), "{message}");
            }
        }
        assert_eq!(Format::of(Path::new("x/A.PNG")).unwrap(), Format::Png);
    }

    #[test]
    fn pictures_are_of_images_or_of_the_plane() {
        let (plane, space) = (Shape::Table { n: 1, dim: 2 }, Shape::Table { n: 1, dim: 3 });
        let spectral = Shape::Images { n: 1, channels: 4, height: 1, width: 1 };
        assert!(Format::Png.check(&plane).is_ok());
        assert!(Format::Png.check(&space).is_err());
        assert!(Format::Gif.check(&spectral).is_err());
        assert!(Format::Npy.check(&space).is_ok() && Format::Safetensors.check(&spectral).is_ok());
    }

    #[test]
    fn tables_are_of_rows_and_chains_and_what_arviz_reads_of_chains() {
        let (rows, image) =
            (Shape::Table { n: 1, dim: 3 }, Shape::Images { n: 1, channels: 1, height: 1, width: 1 });
        let chains = Shape::Chains { chains: 1, draws: 1, dim: 3 };
        assert!(Format::Csv.check(&rows).is_ok() && Format::Csv.check(&chains).is_ok());
        assert!(Format::Csv.check(&image).is_err());
        assert!(Format::Zarr.check(&chains).is_ok());
        assert!(Format::Zarr.check(&rows).is_err() && Format::Zarr.check(&image).is_err());
    }
}
