//! What a dataset consists of.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Channels, height and width of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageShape {
    /// 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageShape {
    /// Values of a flattened image: channels × height × width.
    pub fn dim(&self) -> usize {
        self.channels * self.height * self.width
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}×{}", self.channels, self.height, self.width)
    }
}

/// An image of bytes: 0 is black, 255 is white.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Channel by channel, row by row: the pixel of channel c, row y, column x is at `(c · height + y) · width + x`.
    pub pixels: Vec<u8>,
    /// The number of its class, if known.
    pub label: Option<u32>,
}

/// A point of a space of few dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// One value a dimension.
    pub coordinates: Vec<f32>,
    /// The number of its class or component, if known.
    pub label: Option<u32>,
}
