//! The format of a file, by its extension.

use std::path::Path;

use ebm_files::FileError;

use crate::files::zarr;
use crate::{ReportError, Shape};

/// A format that samples can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.png`: a grid of images, or points in the plane.
    Png,
    /// `.svg`: points in the plane, as lines and circles.
    Svg,
    /// `.gif`: the same as a film.
    Gif,
    /// `.npy`: float32, for tables float64; NumPy's format version 1.0.
    Npy,
    /// `.safetensors`: one tensor named `samples`, float32, for tables float64.
    Safetensors,
    /// `.csv`: rows, or draws with their chain and place.
    Csv,
    /// `.zarr`: a folder with draws of chains as ArviZ reads them.
    Zarr,
}

impl Format {
    const KNOWN: [(&'static str, Self); 7] = [
        ("png", Self::Png),
        ("svg", Self::Svg),
        ("gif", Self::Gif),
        ("npy", Self::Npy),
        ("safetensors", Self::Safetensors),
        ("csv", Self::Csv),
        ("zarr", Self::Zarr),
    ];

    /// The format that the extension of `path` names, in either case of letters.
    ///
    /// # Errors
    /// If the extension is not known, or something of another kind is at `path`.
    pub fn of(path: &Path) -> Result<Self, ReportError> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let Some((_, format)) = Self::KNOWN.iter().find(|(known, _)| *known == extension) else {
            if path.is_dir() {
                return Err(ReportError::Folder(path.to_owned()));
            }
            let expected = ".png, .svg, .gif, .npy, .safetensors, .csv or .zarr";
            return Err(ReportError::Extension { path: path.to_owned(), expected });
        };
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() && *format != Self::Zarr => {
                return Err(ReportError::Folder(path.to_owned()));
            }
            Ok(found) if found.is_dir() && !zarr::is_one(path) && !is_empty(path) => {
                return Err(FileError::Foreign(path.to_owned()).into());
            }
            Ok(found) if found.is_file() && *format == Self::Zarr => {
                return Err(ReportError::Taken(path.to_owned()));
            }
            Ok(found) if !found.is_file() && !found.is_dir() => {
                return Err(FileError::Device(path.to_owned()).into());
            }
            _ => {}
        }
        Ok(*format)
    }

    /// The format of a chart: `.png` or `.svg`.
    ///
    /// # Errors
    /// As [`Format::of`], with these two extensions.
    pub fn of_chart(path: &Path) -> Result<Self, ReportError> {
        Self::among(path, &[Self::Png, Self::Svg], ".png or .svg")
    }

    /// The format of a file that can be written in some only, whose extensions `expected` lists.
    ///
    /// # Errors
    /// As [`Format::of`], with these extensions.
    pub fn among(path: &Path, some: &[Self], expected: &'static str) -> Result<Self, ReportError> {
        match Self::of(path) {
            Ok(format) if some.contains(&format) => Ok(format),
            Ok(_) | Err(ReportError::Extension { .. }) => {
                Err(ReportError::Extension { path: path.to_owned(), expected })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the path of the samples is shown, so that it must be kept.
    pub fn is_film(self) -> bool {
        self == Self::Gif
    }

    /// Whether the samples are drawn, so that a landscape beneath them is seen.
    pub fn is_picture(self) -> bool {
        matches!(self, Self::Png | Self::Svg | Self::Gif)
    }

    /// Whether rows can be written in it one after the other, by [`Pieces`](crate::Pieces).
    pub fn is_in_pieces(self) -> bool {
        matches!(self, Self::Npy | Self::Safetensors | Self::Csv)
    }

    /// The extension that names it, without the point.
    pub fn extension(self) -> &'static str {
        Self::KNOWN.iter().find(|(_, format)| *format == self).map_or("", |(extension, _)| extension)
    }

    /// Whether samples of this shape can be written in this format.
    ///
    /// # Errors
    /// Pictures are of images with 1 or 3 channels, or of points in the plane; an SVG is of points in the plane,
    /// `.csv` of rows or chains, and `.zarr` of chains; the arrays take everything.
    pub fn check(self, shape: &Shape) -> Result<(), ReportError> {
        let refused = |why: String| Err(ReportError::Format(why));
        match (self, shape) {
            (Self::Npy | Self::Safetensors, _) => return Ok(()),
            (Self::Csv, Shape::Images { .. }) => {
                return refused("a .csv stores rows, these are images; write .npy".into());
            }
            (Self::Csv, _) | (Self::Zarr, Shape::Chains { .. }) => return Ok(()),
            (Self::Zarr, _) => {
                return refused("a .zarr stores chains, these are not chains; write .csv or .npy".into());
            }
            (Self::Svg, Shape::Images { .. }) => {
                return refused("a .svg shows points in the plane, these are images; write .png".into());
            }
            (Self::Png | Self::Svg | Self::Gif, _) => {}
        }
        match *shape {
            Shape::Images { channels: 1 | 3, .. } => Ok(()),
            Shape::Images { channels, .. } => refused(format!(
                "a picture has 1 or 3 channels, these images have {channels}; write .npy or .safetensors"
            )),
            Shape::Table { dim: 2, .. } | Shape::Chains { dim: 2, .. } => Ok(()),
            Shape::Table { dim, .. } | Shape::Chains { dim, .. } => refused(format!(
                "a picture shows points in 2 dimensions, these have {dim}; `--out samples.csv` or .npy takes them"
            )),
        }
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_and_is_something_else_is_refused_before_anything_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a.png", "empty.zarr", "ours.zarr", "theirs.zarr"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        std::fs::write(at("ours.zarr/.zgroup"), "{}").unwrap();
        std::fs::write(at("theirs.zarr/letter.txt"), "dear").unwrap();
        std::fs::write(at("file.zarr"), "x").unwrap();
        let refusal = |name: &str| Format::of(&at(name)).unwrap_err().to_string();
        assert!(refusal("a.png").ends_with("is a folder; name a file in it"));
        assert!(
            refusal("theirs.zarr")
                .ends_with("with other files in it, which are not replaced; name another place")
        );
        assert!(refusal("file.zarr").ends_with("is a file, expected a folder; name another place"));
        for name in ["empty.zarr", "ours.zarr", "new.zarr"] {
            assert_eq!(Format::of(&at(name)).unwrap(), Format::Zarr);
        }
    }

    #[test]
    fn an_unknown_extension_is_refused_with_the_known_ones() {
        for name in ["a.jpg", "a", "png", ".png", "a.png.tmp"] {
            let message = Format::of(Path::new(name)).unwrap_err().to_string();
            for known in [".png", ".svg", ".gif", ".npy", ".safetensors", ".csv", ".zarr"] {
                assert!(message.contains(known), "{message}");
            }
        }
        assert_eq!(Format::of(Path::new("x/A.PNG")).unwrap(), Format::Png);
        for name in ["a.foo", "a", "a.gif"] {
            let message = Format::of_chart(Path::new(name)).unwrap_err().to_string();
            assert_eq!(message, format!("{name}: the extension must be .png or .svg"));
        }
        assert_eq!(Format::of_chart(Path::new("a.svg")).unwrap(), Format::Svg);
    }

    #[test]
    fn pictures_show_images_or_points_in_the_plane() {
        let (plane, space) = (Shape::Table { n: 1, dim: 2 }, Shape::Table { n: 1, dim: 3 });
        let spectral = Shape::Images { n: 1, channels: 4, height: 1, width: 1 };
        assert!(Format::Png.check(&plane).is_ok());
        assert!(Format::Png.check(&space).is_err());
        assert!(Format::Gif.check(&spectral).is_err());
        assert!(Format::Svg.check(&plane).is_ok() && Format::Svg.check(&spectral).is_err());
        assert!(Format::Npy.check(&space).is_ok() && Format::Safetensors.check(&spectral).is_ok());
    }

    #[test]
    fn csv_takes_rows_and_chains_and_zarr_takes_chains() {
        let (rows, image) =
            (Shape::Table { n: 1, dim: 3 }, Shape::Images { n: 1, channels: 1, height: 1, width: 1 });
        let chains = Shape::Chains { chains: 1, draws: 1, dim: 3 };
        assert!(Format::Csv.check(&rows).is_ok() && Format::Csv.check(&chains).is_ok());
        assert!(Format::Csv.check(&image).is_err());
        assert!(Format::Zarr.check(&chains).is_ok());
        assert!(Format::Zarr.check(&rows).is_err() && Format::Zarr.check(&image).is_err());
    }
}
