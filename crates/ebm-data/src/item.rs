//! The items of a dataset.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Channels, height and width of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageShape {
    /// 1 for grey images; 3 for red, green and blue.
    pub channels: usize,
    /// Pixels in a column.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
}

impl ImageShape {
    /// The number of values of an image: channels × height × width.
    pub fn dim(&self) -> usize {
        self.channels * self.height * self.width
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}×{}", self.channels, self.height, self.width)
    }
}

/// What an item of a dataset is, with its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemShape {
    /// An image.
    Image(ImageShape),
    /// A point.
    Point {
        /// Its number of coordinates.
        dim: usize,
    },
}

/// An image of bytes: 0 is black, 255 is white.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Channel by channel, row by row: the pixel of channel c, row y, column x is at `(c · height + y) · width + x`.
    pub pixels: Vec<u8>,
    /// The index of its class, if known.
    pub label: Option<u32>,
}

/// A point: a row of a table, or a sample of a density.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// One value for each dimension.
    pub coordinates: Vec<f32>,
    /// The index of its class or component, if known.
    pub label: Option<u32>,
}
