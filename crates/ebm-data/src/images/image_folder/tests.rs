use burn_dataset::Dataset;
use image::{GrayImage, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba};
use tempfile::{TempDir, tempdir};

use super::*;

/// A folder of images of 2×3 pixels, each of one grey level: (path, grey level).
fn folder_of(pictures: &[(&str, u8)]) -> TempDir {
    let folder = tempdir().unwrap();
    for (name, grey) in pictures {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        GrayImage::from_pixel(3, 2, Luma([*grey])).save(file).unwrap();
    }
    folder
}

fn read(folder: &TempDir, split: Split) -> Result<ImageSet, DataError> {
    ImageFolder::new(folder.path()).read(split)
}

#[test]
fn classes_are_folders_in_the_order_of_their_names() {
    let folder = folder_of(&[("dog/b.png", 30), ("cat/z.png", 20), ("cat/a.PNG", 10), (".hidden/x.png", 0)]);
    fs::write(folder.path().join("cat/notes.txt"), "not a picture").unwrap();
    let set = read(&folder, Split::Train).unwrap();
    assert_eq!(set.classes(), ["cat", "dog"]);
    assert_eq!(set.shape(), ImageShape { channels: 1, height: 2, width: 3 });
    let found: Vec<_> = (0..set.len()).map(|i| (set.pixels(i)[0], set.get(i).unwrap().label)).collect();
    assert_eq!(found, [(10, Some(0)), (20, Some(0)), (30, Some(1))]);
    assert!(matches!(read(&folder, Split::Test), Err(DataError::NotFound { .. })));
}

#[test]
fn a_flat_folder_has_no_labels_and_train_and_test_are_splits() {
    let flat = read(&folder_of(&[("1.png", 1), ("2.png", 2)]), Split::Train).unwrap();
    assert_eq!((flat.len(), flat.get(0).unwrap().label), (2, None));

    let folder = folder_of(&[("train/a/1.png", 1), ("train/b/1.png", 2), ("test/a/1.png", 3)]);
    assert_eq!(read(&folder, Split::Train).unwrap().len(), 2);
    let test = read(&folder, Split::Test).unwrap();
    assert_eq!((test.len(), test.pixels(0)[0]), (1, 3));

    let mixed = folder_of(&[("1.png", 1), ("a/2.png", 2)]);
    assert!(matches!(read(&mixed, Split::Train), Err(DataError::Malformed { .. })));
}

#[test]
fn a_file_that_makes_the_decoder_panic_is_refused() {
    // Found by fuzzing: a JPEG whose second component has its identifier twice and is sampled finer than the first.
    let file = include_bytes!("panicking.jpg");
    let error = picture(file, Path::new("a.jpg"), None).unwrap_err().to_string();
    assert!(error.contains("a.jpg"), "{error}");
    // The next read works as usual.
    assert_eq!(read(&folder_of(&[("1.png", 1)]), Split::Train).unwrap().len(), 1);
}

#[test]
fn colour_becomes_planes_and_opaque_alpha_is_dropped() {
    let folder = tempdir().unwrap();
    let colour = RgbImage::from_fn(2, 1, |x, _| Rgb([x as u8, 10 + x as u8, 20 + x as u8]));
    colour.save(folder.path().join("1.png")).unwrap();
    image::RgbaImage::from_pixel(2, 1, Rgba([7, 8, 9, 255])).save(folder.path().join("2.png")).unwrap();
    let set = read(&folder, Split::Train).unwrap();
    assert_eq!(set.pixels(0), [0, 1, 10, 11, 20, 21]);
    assert_eq!(set.pixels(1), [7, 7, 8, 8, 9, 9]);

    let folder = tempdir().unwrap();
    image::GrayAlphaImage::from_pixel(2, 1, LumaA([7, 254])).save(folder.path().join("3.png")).unwrap();
    let error = read(&folder, Split::Train).unwrap_err().to_string();
    assert!(error.contains("3.png") && error.contains("transparent"), "{error}");
}

#[test]
fn the_first_image_of_another_shape_is_named() {
    let folder = folder_of(&[("a.png", 1), ("d.png", 1)]);
    RgbImage::new(3, 2).save(folder.path().join("b.png")).unwrap();
    GrayImage::new(3, 3).save(folder.path().join("c.png")).unwrap();
    let error = read(&folder, Split::Train).unwrap_err().to_string();
    assert!(error.contains("b.png is 3×2×3") && error.contains("a.png is 1×2×3"), "{error}");
}

#[test]
fn empty_folders_and_files_that_are_no_images_are_refused() {
    let folder = tempdir().unwrap();
    assert!(matches!(read(&folder, Split::Train), Err(DataError::Empty { .. })));
    let absent = ImageFolder::new(folder.path().join("absent")).read(Split::Train);
    assert!(matches!(absent, Err(DataError::NotFound { .. })));

    let file = folder.path().join("x.png");
    fs::write(&file, "<!doctype html>").unwrap();
    assert!(matches!(read(&folder, Split::Train), Err(DataError::Magic { .. })));
    GrayImage::new(40, 40).save(&file).unwrap();
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(read(&folder, Split::Train), Err(DataError::Image { .. })));
}

#[test]
fn a_jpeg_is_read_and_a_truncated_one_is_refused() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("x.JPG");
    let picture = RgbImage::from_fn(32, 32, |x, y| Rgb([8 * x as u8, 8 * y as u8, 100]));
    picture.save_with_format(&file, ImageFormat::Jpeg).unwrap();
    let set = read(&folder, Split::Train).unwrap();
    let error = |i: usize, expected: u8| i16::from(set.pixels(0)[i]) - i16::from(expected);
    assert!(error(16 * 32 + 20, 160).abs() < 12 && error(1024 + 16 * 32 + 20, 128).abs() < 12);
    assert!(error(2048 + 16 * 32 + 20, 100).abs() < 12);

    let whole = fs::read(&file).unwrap();
    for length in [whole.len() - 2, whole.len() * 3 / 4, whole.len() / 2, 20] {
        fs::write(&file, &whole[..length]).unwrap();
        assert!(read(&folder, Split::Train).is_err(), "{length} of {} bytes were accepted", whole.len());
    }
}

#[test]
fn an_image_that_claims_to_be_huge_is_refused() {
    // The header of a PNG with 100,000 × 100,000 grey pixels, its checksum right, and no content.
    let folder = tempdir().unwrap();
    let mut header = b"IHDR".to_vec();
    header.extend(100_000u32.to_be_bytes());
    header.extend(100_000u32.to_be_bytes());
    header.extend([8, 0, 0, 0, 0]);
    let mut checksum = flate2::Crc::new();
    checksum.update(&header);
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    file.extend(&header);
    file.extend(checksum.sum().to_be_bytes());
    file.extend(b"\0\0\0\0IDAT");
    fs::write(folder.path().join("huge.png"), file).unwrap();
    let error = read(&folder, Split::Train).unwrap_err();
    let DataError::Image { source, .. } = &error else { panic!("{error}") };
    assert!(matches!(source, image::ImageError::Limits(_)), "{source}");
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_not_followed() {
    let outside = folder_of(&[("secret/1.png", 99)]);
    let folder = folder_of(&[("a/1.png", 1)]);
    std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("b")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret/1.png"), folder.path().join("a/2.png")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("a/1.png"), folder.path().join("a/3.png")).unwrap();
    let set = read(&folder, Split::Train).unwrap();
    assert_eq!((set.len(), set.classes()), (2, &["a".to_string()][..]));
    assert!((0..2).all(|i| set.pixels(i)[0] == 1));
}

/// The checksum of a PNG chunk.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

#[test]
fn an_image_that_claims_more_than_its_bytes_can_hold_is_refused_by_its_header() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("x.png");
    GrayImage::new(40, 40).save(&file).unwrap();
    let mut png = fs::read(&file).unwrap();
    png[16..20].copy_from_slice(&16_000u32.to_be_bytes());
    png[20..24].copy_from_slice(&16_000u32.to_be_bytes());
    let crc = crc(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&crc);
    fs::write(&file, &png).unwrap();
    let error = read(&folder, Split::Train).unwrap_err().to_string();
    assert!(error.contains("claims 16000×16000 pixels"), "{error}");

    fs::remove_file(&file).unwrap();
    let file = folder.path().join("x.jpg");
    RgbImage::new(32, 32).save_with_format(&file, ImageFormat::Jpeg).unwrap();
    let mut jpeg = fs::read(&file).unwrap();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame of a baseline image");
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x1f, 0xff, 0x1f, 0xff]);
    fs::write(&file, &jpeg).unwrap();
    let error = read(&folder, Split::Train).unwrap_err().to_string();
    assert!(error.contains("claims 8191×8191 pixels"), "{error}");
}
