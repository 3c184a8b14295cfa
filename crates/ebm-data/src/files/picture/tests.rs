use image::{GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn read(content: &[u8]) -> Result<Picture, DataError> {
    picture(content, Path::new("x"), &Preparation::default(), None)
}

#[test]
fn a_level_over_another_is_rounded_and_exact_at_both_ends() {
    for (level, below) in [(0, 255), (255, 0), (7, 200), (200, 7)] {
        assert_eq!([0, 255].map(|alpha| over(level, below, alpha)), [below, level]);
        for alpha in 0..=255u8 {
            let share = f64::from(alpha) / 255.0;
            let exact = share * f64::from(level) + (1.0 - share) * f64::from(below);
            assert!((f64::from(over(level, below, alpha)) - exact).abs() <= 0.501, "{level} {below} {alpha}");
        }
    }
}

#[test]
fn a_palette_and_few_bits_become_levels() {
    // A PNG of two bits a pixel, 4×1: black, dark, light, white.
    let grey = png([4, 1], 2, 0, &[(b"IDAT", &deflated(&[0, 0b00_01_10_11]))]);
    assert_eq!(read(&grey).unwrap().pixels, [0, 85, 170, 255]);
    // A palette of two colours, one bit a pixel.
    let palette = [(b"PLTE", &[1, 2, 3, 4, 5, 6][..]), (b"IDAT", &deflated(&[0, 0b1010_0000]))];
    let picture = read(&png([3, 1], 1, 3, &palette)).unwrap();
    assert_eq!((picture.shape.channels, picture.pixels), (3, vec![4, 1, 4, 5, 2, 5, 6, 3, 6]));
}

fn deflated(content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A PNG with these chunks between its header and its end.
fn png([width, height]: [u32; 2], bits: u8, kind: u8, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[bits, kind, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let all = [(b"IHDR", &header[..])].into_iter().chain(chunks.iter().copied()).chain([(b"IEND", &[][..])]);
    for (name, content) in all {
        file.extend((content.len() as u32).to_be_bytes());
        let mut crc = flate2::Crc::new();
        for part in [&name[..], content] {
            file.extend(part);
            crc.update(part);
        }
        file.extend(crc.sum().to_be_bytes());
    }
    file
}

#[test]
fn a_small_file_of_a_huge_image_is_refused() {
    // A GIF of one pixel on a screen of 16,000 × 16,000.
    let mut gif = encoded(RgbaImage::from_pixel(1, 1, Rgba([1, 2, 3, 255])), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0x80, 0x3e, 0x80, 0x3e]);
    let error = read(&gif).unwrap_err();
    assert!(matches!(&error, DataError::Image { .. } | DataError::Malformed { .. }), "{error}");
    // 5,000 × 5,000 grey pixels can be decoded, and are more than an image may have unless it is scaled.
    let large = encoded(GrayImage::from_pixel(5000, 5000, Luma([9])), ImageFormat::Png);
    let error = read(&large).unwrap_err().to_string();
    assert!(error.contains("1×5000×5000") && error.contains("--set data.size=64"), "{error}");
    let wanted = Preparation { size: Some([4, 4]), ..Preparation::default() };
    let scaled = picture(&large, Path::new("x"), &wanted, None).unwrap();
    assert_eq!((scaled.pixels, scaled.changes.sized), (vec![9; 16], true));
}

#[test]
fn a_truncated_file_of_any_format_is_refused() {
    let noisy = RgbImage::from_fn(40, 40, |x, y| Rgb([(x * y) as u8, (7 * x + y) as u8, (x ^ y) as u8]));
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
    for format in [Png, Jpeg, WebP, Bmp, Gif, Tiff] {
        let whole = encoded(noisy.clone(), format);
        read(&whole).unwrap();
        for length in [whole.len() / 2, whole.len() / 4, 30, 3, 0] {
            assert!(read(&whole[..length]).is_err(), "{format:?}: {length} of {}", whole.len());
        }
    }
}

#[test]
fn a_tiff_of_sixteen_bits_is_reduced_and_a_second_page_is_noticed() {
    let deep = image::ImageBuffer::<Luma<u16>, _>::from_fn(4, 1, |x, _| Luma([257 * (60 * x as u16)]));
    let mut tiff = encoded(deep, ImageFormat::Tiff);
    let picture = read(&tiff).unwrap();
    assert_eq!((picture.pixels, picture.changes.bits), (vec![0, 60, 120, 180], Some(16)));
    assert!(!picture.changes.frames);
    // The offset of the next directory lies behind the entries of the first.
    let word = |at: usize| u32::from_le_bytes([tiff[at], tiff[at + 1], tiff[at + 2], tiff[at + 3]]) as usize;
    let first = word(4);
    let entries = usize::from(tiff[first]) + 256 * usize::from(tiff[first + 1]);
    tiff[first + 2 + 12 * entries..][..4].copy_from_slice(&8u32.to_le_bytes());
    assert!(read(&tiff).unwrap().changes.frames);
}
