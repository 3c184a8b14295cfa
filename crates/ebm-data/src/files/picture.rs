//! Images in the files of PNG, JPEG, WebP, BMP, TIFF and GIF.

mod budget;
mod pages;

use std::io::Cursor;
use std::path::Path;

use image::codecs::{
    bmp::BmpDecoder, gif::GifDecoder, jpeg::JpegDecoder, png::PngDecoder, tiff::TiffDecoder,
    webp::WebPDecoder,
};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::contained::contained;
use crate::images::background::Background;
use crate::images::preparation::{MAX_VALUES, Preparation};
use crate::{DataError, ImageShape};

use budget::Budget;

/// Most rows, and most columns, of an image.
const MAX_SIDE: u32 = 16_384;

/// Most bytes of memory for decoding one image, and most bytes of its file.
pub const MAX_BYTES: u64 = 256 << 20;

/// Bytes that any image may decode to, and how many more for each byte of its file: 8 for a photograph in JPEG.
const DECODED: u64 = 64 << 20;
const EXPANSION: u64 = 64;

/// What all threads together may decode at a time; an image that needs more is decoded alone.
static MEMORY: Budget = Budget::new(DECODED);

/// The endings of the files that are read.
pub const ENDINGS: [&str; 9] = ["png", "jpg", "jpeg", "jfif", "webp", "bmp", "tif", "tiff", "gif"];

/// The formats, for a sentence.
pub const FORMATS: &str = "PNG, JPEG, WebP, BMP, TIFF or GIF images";

/// An image as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// One channel or three.
    pub shape: ImageShape,
    /// Channel by channel, row by row.
    pub pixels: Vec<u8>,
    /// What was done to it.
    pub changes: Changes,
}

/// What reading an image left out or changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// It was turned or mirrored as its Exif orientation says.
    pub turned: bool,
    /// It had more than eight bits a channel: how many.
    pub bits: Option<u16>,
    /// It had pixels that are not opaque.
    pub transparent: bool,
    /// It has further frames or pages.
    pub frames: bool,
    /// It was scaled, cut or padded.
    pub sized: bool,
    /// Whether it was grey, and was turned to colour, or the other way round.
    pub recoloured: bool,
}

/// The image in a file.
///
/// It is turned as its orientation says, reduced to eight bits a channel, laid over the background, and brought to the
/// size and channels that are wanted. Of several frames or pages, it is the first.
/// A WebP, BMP or GIF, formats without a kind for grey, is grey if all of its pixels are.
///
/// The image is not decoded if its header gives other sides than those of the `first` image and no size is wanted, or
/// more pixels than its bytes can hold.
///
/// # Errors
/// If the content is of no such format, is truncated or damaged, or differs in its sides from the first image.
pub fn picture(
    content: &[u8],
    file: &Path,
    wanted: &Preparation,
    first: Option<(&Path, ImageShape)>,
) -> Result<Picture, DataError> {
    // The decoder of JPEG panics on some files: https://github.com/etemesi254/zune-image/issues/409
    let outcome = contained(|| decoded(content, file, wanted, first));
    outcome.unwrap_or_else(|panic| Err(DataError::malformed(file, format!("its decoder panicked: {panic}"))))
}

/// [`picture`], which may panic in the decoder.
fn decoded(
    content: &[u8],
    file: &Path,
    wanted: &Preparation,
    first: Option<(&Path, ImageShape)>,
) -> Result<Picture, DataError> {
    let reader = ImageReader::new(Cursor::new(content)).with_guessed_format();
    let format = reader.map_err(|source| DataError::io(file, source))?.format();
    let source = Source { content, file, wanted, first };
    let bytes = Cursor::new(content);
    let failed = |source| DataError::Image { file: file.into(), source };
    match format {
        Some(ImageFormat::Png) => {
            let decoder = PngDecoder::with_limits(bytes, limits(content)).map_err(failed)?;
            let frames = decoder.is_apng().map_err(failed)?;
            source.read(decoder, ImageFormat::Png, || frames)
        }
        Some(ImageFormat::Jpeg) => {
            source.read(JpegDecoder::new(bytes).map_err(failed)?, ImageFormat::Jpeg, || false)
        }
        Some(ImageFormat::WebP) => {
            let decoder = WebPDecoder::new(bytes).map_err(failed)?;
            let frames = decoder.has_animation();
            source.read(decoder, ImageFormat::WebP, || frames)
        }
        Some(ImageFormat::Bmp) => {
            source.read(BmpDecoder::new(bytes).map_err(failed)?, ImageFormat::Bmp, || false)
        }
        Some(ImageFormat::Tiff) => {
            let decoder = TiffDecoder::new(bytes).map_err(failed)?;
            source.read(decoder, ImageFormat::Tiff, || pages::has_two_pages(content))
        }
        Some(ImageFormat::Gif) => {
            let decoder = GifDecoder::new(bytes).map_err(failed)?;
            source.read(decoder, ImageFormat::Gif, || pages::has_two_frames(content))
        }
        _ => Err(DataError::magic(file, FORMATS, content)),
    }
}

fn limits(content: &[u8]) -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some((DECODED + EXPANSION * content.len() as u64).min(MAX_BYTES));
    limits
}

/// A file whose format is known, and what is wanted of it.
struct Source<'a> {
    content: &'a [u8],
    file: &'a Path,
    wanted: &'a Preparation,
    first: Option<(&'a Path, ImageShape)>,
}

impl Source<'_> {
    fn read(
        &self,
        mut decoder: impl ImageDecoder,
        format: ImageFormat,
        frames: impl FnOnce() -> bool,
    ) -> Result<Picture, DataError> {
        let Self { content, file, wanted, .. } = *self;
        let failed = |source| DataError::Image { file: file.into(), source };
        // An orientation that cannot be read is none, as for every viewer.
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let sides = self.sides(&decoder, format, orientation)?;
        if format == ImageFormat::Jpeg && !is_whole_jpeg(content) {
            return Err(DataError::malformed(
                file,
                "the JPEG stream is truncated: expected an end marker, found the end of the file",
            ));
        }
        let mut limits = limits(content);
        limits.reserve(decoder.total_bytes()).map_err(failed)?;
        let _share = MEMORY.take(decoder.total_bytes());
        decoder.set_limits(limits).map_err(failed)?;
        let (color, has_frames) = (decoder.color_type(), frames());
        let image = DynamicImage::from_decoder(decoder).map_err(failed)?;
        let (mut image, transparent) = on_ground(image, wanted.background);
        let has_no_grey = matches!(format, ImageFormat::Gif | ImageFormat::Bmp | ImageFormat::WebP);
        if has_no_grey && image.as_rgb8().is_some_and(|image| image.pixels().all(|p| p.0 == [p.0[0]; 3])) {
            image = image.into_luma8().into();
        }
        image.apply_orientation(orientation);
        let was_grey = !image.color().has_color();
        let (shape, pixels) = wanted.applied(image);
        let changes = Changes {
            turned: orientation != Orientation::NoTransforms,
            bits: Some(color.bits_per_pixel() / u16::from(color.channel_count())).filter(|&bits| 8 < bits),
            transparent,
            frames: has_frames,
            sized: wanted.changes(sides),
            recoloured: was_grey != (shape.channels == 1),
        };
        Ok(Picture { shape, pixels, changes })
    }

    /// Height and width of the turned image by its header, if a file of this length can hold it and it is wanted.
    fn sides(
        &self,
        decoder: &impl ImageDecoder,
        format: ImageFormat,
        orientation: Orientation,
    ) -> Result<[usize; 2], DataError> {
        let Self { content, file, wanted, first } = *self;
        // A byte of deflate decompresses to at most 1,032 bytes, each of up to eight pixels; in a JPEG, each block of 8×8
        // pixels takes at least one bit. A GIF may be small within its screen, a code of LZW in a TIFF stands for
        // thousands of pixels, and a WebP may be a single colour: there, the limit of memory must do.
        let pixels_of_a_byte = match format {
            ImageFormat::Jpeg => 8 * 64,
            ImageFormat::Bmp => 255,
            _ => 8 * 1032,
        };
        let (width, height) = decoder.dimensions();
        let (pixels, length) = (u64::from(width) * u64::from(height), content.len());
        let may_be_short = matches!(format, ImageFormat::WebP | ImageFormat::Gif | ImageFormat::Tiff);
        if pixels == 0 || !may_be_short && pixels_of_a_byte * (length as u64) < pixels {
            let problem =
                format!("its header claims {height}×{width} pixels, more than {length} bytes can hold");
            return Err(DataError::malformed(file, problem));
        }
        let (height, width) = (height as usize, width as usize);
        let [height, width] = if is_sideways(orientation) { [width, height] } else { [height, width] };
        let has_color = decoder.color_type().has_color();
        let channels = wanted.channels.unwrap_or(if has_color { 3 } else { 1 });
        if wanted.size.is_none() {
            let found = ImageShape { channels, height, width };
            if let Some((first, shape)) =
                first.filter(|(_, shape)| [shape.height, shape.width] != [height, width])
            {
                let (first, expected) = (first.into(), shape);
                return Err(DataError::ImageSize { file: file.into(), found, first, expected });
            }
            if MAX_VALUES < found.dim() {
                let problem = format!(
                    "an image of {found}, expected at most {MAX_VALUES} values; `--set data.size=64` scales it down"
                );
                return Err(DataError::malformed(file, problem));
            }
        }
        Ok([height, width])
    }
}

fn is_sideways(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// Whether an end marker follows the last start of a scan; decoders fill in what is missing from a truncated file.
///
/// Neither marker occurs within the coded data, and those of a thumbnail come before the image's scans.
fn is_whole_jpeg(content: &[u8]) -> bool {
    let last = |marker: [u8; 2]| content.windows(2).rposition(|pair| pair == marker);
    last([0xff, 0xd9]).is_some_and(|end| last([0xff, 0xda]).is_some_and(|scan| scan < end))
}

/// An image of eight bits a channel without alpha, and whether it had pixels that are not opaque.
///
/// A grey image with such pixels becomes coloured if the ground is.
fn on_ground(image: DynamicImage, background: Background) -> (DynamicImage, bool) {
    let color = image.color();
    match (color.has_alpha(), color.has_color()) {
        (false, false) => (image.into_luma8().into(), false),
        (false, true) => (image.into_rgb8().into(), false),
        (true, grey_or_not) => {
            let is_opaque = match &image {
                DynamicImage::ImageLumaA8(image) => image.pixels().all(|pixel| pixel.0[1] == 255),
                DynamicImage::ImageRgba8(image) => image.pixels().all(|pixel| pixel.0[3] == 255),
                _ => false,
            };
            if is_opaque {
                let image = if grey_or_not { image.into_rgb8().into() } else { image.into_luma8().into() };
                return (image, false);
            }
            if !grey_or_not && background.is_grey() {
                let (mut found, image) = (false, image.into_luma_alpha8());
                let grey = image::GrayImage::from_fn(image.width(), image.height(), |x, y| {
                    let [level, alpha] = image.get_pixel(x, y).0;
                    found |= alpha < 255;
                    image::Luma([over(level, background.0[0], alpha)])
                });
                return (grey.into(), found);
            }
            let (mut found, image) = (false, image.into_rgba8());
            let colour = image::RgbImage::from_fn(image.width(), image.height(), |x, y| {
                let [red, green, blue, alpha] = image.get_pixel(x, y).0;
                found |= alpha < 255;
                let [below_red, below_green, below_blue] = background.0;
                let levels = [(red, below_red), (green, below_green), (blue, below_blue)];
                image::Rgb(levels.map(|(level, below)| over(level, below, alpha)))
            });
            (colour.into(), found)
        }
    }
}

/// A level over another, rounded.
pub(crate) fn over(level: u8, below: u8, alpha: u8) -> u8 {
    let [level, below, alpha] = [level, below, alpha].map(u32::from);
    ((level * alpha + below * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests;
