//! PNG and JPEG images.

use std::io::Cursor;
use std::path::Path;

use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::contained::contained;
use crate::{DataError, ImageShape};

/// Most rows, and most columns, of an image.
const MAX_SIDE: u32 = 16_384;

/// Most bytes of memory for decoding one image, and most bytes of its file.
pub const MAX_BYTES: u64 = 256 << 20;

/// The shape of a PNG or JPEG image and its bytes, channel by channel.
///
/// The image is not decoded if its header gives another shape than that of the `first` image, or more pixels than its
/// bytes can hold.
///
/// # Errors
/// If the content is neither PNG nor JPEG, is truncated or damaged, or differs in shape from the first image.
pub fn picture(
    content: &[u8],
    file: &Path,
    first: Option<(&Path, ImageShape)>,
) -> Result<(ImageShape, Vec<u8>), DataError> {
    // The decoder of JPEG panics on some files: https://github.com/etemesi254/zune-image/issues/409
    let outcome = contained(|| decoded(content, file, first));
    outcome.unwrap_or_else(|panic| Err(DataError::malformed(file, format!("its decoder panicked: {panic}"))))
}

/// [`picture`], which may panic in the decoder.
fn decoded(
    content: &[u8],
    file: &Path,
    first: Option<(&Path, ImageShape)>,
) -> Result<(ImageShape, Vec<u8>), DataError> {
    let failed = |source| DataError::Image { file: file.into(), source };
    let mut reader = ImageReader::new(Cursor::new(content))
        .with_guessed_format()
        .map_err(|source| DataError::io(file, source))?;
    let format = match reader.format() {
        Some(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => format,
        _ => return Err(DataError::magic(file, "a PNG or JPEG image", content)),
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let found = header(&decoder, format, content.len(), file)?;
    if let Some((first, expected)) = first.filter(|(_, expected)| *expected != found) {
        return Err(DataError::ImageSize { file: file.into(), found, first: first.into(), expected });
    }
    if format == ImageFormat::Jpeg && !is_whole_jpeg(content) {
        return Err(DataError::malformed(
            file,
            "the JPEG stream is truncated: expected an end marker, found the end of the file",
        ));
    }
    limits.reserve(decoder.total_bytes()).map_err(failed)?;
    decoder.set_limits(limits).map_err(failed)?;
    let bytes = opaque(DynamicImage::from_decoder(decoder).map_err(failed)?, file)?;
    Ok((found, planes(bytes, found.channels)))
}

/// The shape in an image's header, if a file of `length` bytes can hold so many pixels.
fn header(
    decoder: &impl ImageDecoder,
    format: ImageFormat,
    length: usize,
    file: &Path,
) -> Result<ImageShape, DataError> {
    // A byte of deflate decompresses to at most 1,032 bytes, each of up to eight pixels; in a JPEG, each block of 8×8
    // pixels takes at least one bit.
    let pixels_of_a_byte = if format == ImageFormat::Png { 8 * 1032 } else { 8 * 64 };
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels_of_a_byte * (length as u64) < pixels {
        let problem = format!("its header claims {height}×{width} pixels, more than {length} bytes can hold");
        return Err(DataError::malformed(file, problem));
    }
    let channels = match decoder.color_type() {
        ColorType::L8 | ColorType::La8 => 1,
        ColorType::Rgb8 | ColorType::Rgba8 => 3,
        other => return unsupported(file, format!("an image of {} bits per pixel", other.bits_per_pixel())),
    };
    Ok(ImageShape { channels, height: height as usize, width: width as usize })
}

/// Whether an end marker follows the last start of a scan; decoders fill in what is missing from a truncated file.
///
/// Neither marker occurs within the coded data, and those of a thumbnail come before the image's scans.
fn is_whole_jpeg(content: &[u8]) -> bool {
    let last = |marker: [u8; 2]| content.windows(2).rposition(|pair| pair == marker);
    last([0xff, 0xd9]).is_some_and(|end| last([0xff, 0xda]).is_some_and(|scan| scan < end))
}

/// The bytes of an image without its alpha channel, pixel by pixel.
fn opaque(picture: DynamicImage, file: &Path) -> Result<Vec<u8>, DataError> {
    let without_alpha = |bytes: Vec<u8>, channels: usize| {
        if bytes.chunks_exact(channels + 1).any(|pixel| pixel[channels] != 255) {
            return unsupported(file, "an image with transparent pixels".into());
        }
        Ok(bytes.chunks_exact(channels + 1).flat_map(|pixel| &pixel[..channels]).copied().collect())
    };
    match picture.color() {
        ColorType::L8 | ColorType::Rgb8 => Ok(picture.into_bytes()),
        ColorType::La8 => without_alpha(picture.into_bytes(), 1),
        ColorType::Rgba8 => without_alpha(picture.into_bytes(), 3),
        other => unsupported(file, format!("an image of {} bits per pixel", other.bits_per_pixel())),
    }
}

fn unsupported<T>(file: &Path, found: String) -> Result<T, DataError> {
    Err(DataError::Unsupported { file: file.into(), found, expected: "grey or colour of 8 bits, opaque" })
}

/// From pixel by pixel to channel by channel.
fn planes(bytes: Vec<u8>, channels: usize) -> Vec<u8> {
    if channels == 1 {
        return bytes;
    }
    (0..channels).flat_map(|channel| bytes.iter().skip(channel).step_by(channels)).copied().collect()
}
