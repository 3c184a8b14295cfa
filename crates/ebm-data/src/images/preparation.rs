//! How images are brought to what a network takes.

use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Pixel, Rgb, RgbImage};

use super::background::Background;
use crate::{DataError, DataSpec, Fit, ImageShape, ImageSize};

/// Most values of an image that is kept: one of 2,364×2,364 pixels in three colours, or of 4,096×4,096 in grey.
pub(crate) const MAX_VALUES: usize = 1 << 24;

/// How images are brought to one size, onto one ground, and to one number of channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preparation {
    /// Height and width of every image; those that the images have, if there is none.
    pub size: Option<[usize; 2]>,
    /// How an image is brought to that size.
    pub fit: Fit,
    /// What lies beneath transparent pixels and beside images that are smaller.
    pub background: Background,
    /// 1 for grey, 3 for colour; what the images have, if there is none: colour, if one of them has.
    pub channels: Option<usize>,
}

impl Preparation {
    /// What a configuration asks for.
    ///
    /// # Errors
    /// [`DataError::Spec`] for a size or a number of channels that no image has, or a fit without a size.
    pub fn of(spec: &DataSpec) -> Result<Self, DataError> {
        let refuse = |problem: String| Err(DataError::Spec(problem));
        let size = spec.size.map(ImageSize::sides);
        if let Some(size @ [height, width]) = size {
            let pixels = height.checked_mul(width).filter(|pixels| (1..=MAX_VALUES / 3).contains(pixels));
            if pixels.is_none() {
                let most = MAX_VALUES / 3;
                return refuse(format!(
                    "data.size: expected 1 to {most} pixels, found {}×{}",
                    size[0], size[1]
                ));
            }
        }
        if size.is_none() && spec.fit.is_some() {
            return refuse("data.fit needs a size: `--set data.size=32`".into());
        }
        if let Some(channels) = spec.channels.filter(|channels| ![1, 3].contains(channels)) {
            return refuse(format!("data.channels: expected 1 (grey) or 3 (colour), found {channels}"));
        }
        Ok(Self {
            size,
            fit: spec.fit.unwrap_or_default(),
            background: spec.background.unwrap_or_default(),
            channels: spec.channels,
        })
    }

    /// Whether images of these sides are scaled, cut or padded.
    pub(crate) fn changes(&self, sides: [usize; 2]) -> bool {
        self.size.is_some_and(|size| size != sides)
    }

    /// An image without transparent pixels as it is kept: grey or in three colours, of the size that is wanted.
    pub(crate) fn applied(&self, image: DynamicImage) -> (ImageShape, Vec<u8>) {
        let grey = !image.color().has_color();
        match self.channels.map_or(grey, |channels| channels == 1) {
            true => {
                let level = Luma([luma(self.background)]);
                let image = image.into_luma8();
                let (sides, bytes) = sized(image, self, level);
                (ImageShape { channels: 1, height: sides[0], width: sides[1] }, bytes)
            }
            false => {
                let image = image.into_rgb8();
                let (sides, bytes) = sized(image, self, Rgb(self.background.0));
                (ImageShape { channels: 3, height: sides[0], width: sides[1] }, planes(&bytes, 3))
            }
        }
    }

    /// An image in planes, `shape` one of one or three channels, as [`applied`](Self::applied) makes it.
    ///
    /// # Panics
    /// Unless there are as many bytes as `shape` says.
    pub(crate) fn applied_to_planes(&self, shape: ImageShape, bytes: &[u8]) -> (ImageShape, Vec<u8>) {
        let ImageShape { channels, height, width } = shape;
        let same = self.channels.is_none_or(|wanted| wanted == channels);
        if same && !self.changes([height, width]) {
            return (shape, bytes.to_vec());
        }
        let (w, h) = (width as u32, height as u32);
        let image = match channels {
            1 => GrayImage::from_raw(w, h, bytes.to_vec()).map(DynamicImage::from),
            _ => RgbImage::from_raw(w, h, pixels(bytes, channels)).map(DynamicImage::from),
        };
        self.applied(image.expect("as many bytes as its shape says"))
    }
}

/// The grey level of a colour, weighted as `image` does.
pub(crate) fn luma(background: Background) -> u8 {
    Rgb(background.0).to_luma().0[0]
}

/// From pixel by pixel to channel by channel.
pub(crate) fn planes(bytes: &[u8], channels: usize) -> Vec<u8> {
    (0..channels).flat_map(|channel| bytes.iter().skip(channel).step_by(channels)).copied().collect()
}

/// From channel by channel to pixel by pixel.
pub(crate) fn pixels(bytes: &[u8], channels: usize) -> Vec<u8> {
    planes(bytes, bytes.len() / channels)
}

/// The bytes of an image at the size that is wanted, pixel by pixel.
fn sized<P>(image: ImageBuffer<P, Vec<u8>>, wanted: &Preparation, background: P) -> ([usize; 2], Vec<u8>)
where
    P: Pixel<Subpixel = u8> + 'static,
{
    let (width, height) = image.dimensions();
    let found = [height as usize, width as usize];
    let Some(size) = wanted.size.filter(|&size| size != found) else { return (found, image.into_raw()) };
    let [rows, columns] = size.map(|side| side as u32);
    // Down or up by whole pixels of the source, which is exact to half of one.
    let part = |side: u32, wanted: u32, of: u32, other: u32| {
        let share = f64::from(wanted) * f64::from(of) / f64::from(other);
        (share.round() as u32).clamp(1, side)
    };
    let scaled = match wanted.fit {
        Fit::Stretch => imageops::resize(&image, columns, rows, FilterType::CatmullRom),
        Fit::Crop => {
            let (w, h) = (part(width, columns, height, rows), part(height, rows, width, columns));
            let middle = imageops::crop_imm(&image, (width - w) / 2, (height - h) / 2, w, h);
            imageops::resize(&*middle, columns, rows, FilterType::CatmullRom)
        }
        Fit::Pad => {
            let (w, h) = (part(columns, width, rows, height), part(rows, height, columns, width));
            let small = imageops::resize(&image, w, h, FilterType::CatmullRom);
            let mut ground = ImageBuffer::from_pixel(columns, rows, background);
            imageops::replace(&mut ground, &small, ((columns - w) / 2).into(), ((rows - h) / 2).into());
            ground
        }
    };
    (size, scaled.into_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(size: [usize; 2], fit: Fit) -> Preparation {
        Preparation { size: Some(size), fit, ..Preparation::default() }
    }

    /// 4 high, 8 wide: black, then white from the middle on, and grey in the first and last two columns.
    fn bars() -> DynamicImage {
        GrayImage::from_fn(8, 4, |x, _| Luma([[128, 128, 0, 0, 255, 255, 128, 128][x as usize]])).into()
    }

    #[test]
    fn crop_keeps_the_middle_pad_the_whole_and_stretch_neither() {
        let (shape, bytes) = prepared([4, 4], Fit::Crop).applied(bars());
        assert_eq!(shape, ImageShape { channels: 1, height: 4, width: 4 });
        assert_eq!(bytes, [0, 0, 255, 255].repeat(4));

        let (_, bytes) = prepared([8, 8], Fit::Pad).applied(bars());
        assert_eq!((&bytes[..16], &bytes[48..]), (&[255; 16][..], &[255; 16][..]));
        assert_eq!(bytes[16..24], [128, 128, 0, 0, 255, 255, 128, 128]);
        let black = Preparation { background: Background([0; 3]), ..prepared([8, 8], Fit::Pad) };
        assert_eq!(black.applied(bars()).1[..16], [0; 16]);

        let (shape, bytes) = prepared([2, 3], Fit::Stretch).applied(bars());
        assert_eq!((shape.height, shape.width, bytes.len()), (2, 3, 6));
    }

    #[test]
    fn scaling_down_averages_and_keeps_the_mean() {
        // Stripes one pixel wide: a filter that looks at single pixels gives black or white.
        let stripes = GrayImage::from_fn(64, 64, |x, _| Luma([if x % 2 == 0 { 0 } else { 255 }]));
        for fit in [Fit::Crop, Fit::Pad, Fit::Stretch] {
            let (_, bytes) = prepared([8, 8], fit).applied(stripes.clone().into());
            assert!(bytes.iter().all(|byte| (120..=136).contains(byte)), "{fit:?}: {bytes:?}");
        }
    }

    #[test]
    fn any_shape_is_brought_to_any_size() {
        for (w, h) in [(1, 1), (1, 9), (7, 3), (5000, 1)] {
            for size in [[1, 1], [16, 16], [3, 40]] {
                for fit in [Fit::Crop, Fit::Pad, Fit::Stretch] {
                    let image = RgbImage::from_pixel(w, h, Rgb([9, 99, 199]));
                    let (shape, bytes) = prepared(size, fit).applied(image.into());
                    assert_eq!(shape, ImageShape { channels: 3, height: size[0], width: size[1] });
                    assert_eq!(bytes.len(), shape.dim());
                    let middle = size[0] / 2 * size[1] + size[1] / 2;
                    if fit != Fit::Pad {
                        assert!((8..=10).contains(&bytes[middle]), "{w}×{h} to {size:?} by {fit:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn planes_and_pixels_are_inverse_and_an_image_in_planes_is_prepared_likewise() {
        let bytes: Vec<u8> = (0..24).collect();
        assert_eq!(pixels(&planes(&bytes, 3), 3), bytes);
        let shape = ImageShape { channels: 3, height: 2, width: 4 };
        let kept = Preparation::default().applied_to_planes(shape, &bytes);
        assert_eq!(kept, (shape, bytes.clone()));
        let wanted = Preparation { channels: Some(1), ..prepared([2, 2], Fit::Crop) };
        let image = RgbImage::from_raw(4, 2, pixels(&bytes, 3)).unwrap();
        assert_eq!(wanted.applied_to_planes(shape, &bytes), wanted.applied(image.into()));
    }

    #[test]
    fn what_no_image_has_is_refused() {
        let spec = DataSpec::new(crate::DatasetName::Folder, None);
        let error = |spec: DataSpec| Preparation::of(&spec).unwrap_err().to_string();
        assert!(error(DataSpec { size: Some(ImageSize::Square(0)), ..spec.clone() }).contains("found 0×0"));
        let huge = ImageSize::Rectangle([1 << 40, 1 << 40]);
        assert!(error(DataSpec { size: Some(huge), ..spec.clone() }).contains("data.size"));
        assert!(error(DataSpec { fit: Some(Fit::Pad), ..spec.clone() }).contains("--set data.size"));
        assert!(error(DataSpec { channels: Some(2), ..spec.clone() }).contains("data.channels"));
        assert_eq!(Preparation::of(&spec).unwrap(), Preparation::default());
    }
}
