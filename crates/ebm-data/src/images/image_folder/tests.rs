use burn_dataset::Dataset;
use image::{GrayImage, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba};
use tempfile::{TempDir, tempdir};

use super::*;
use crate::Data;
use crate::images::preparation::planes;

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
    assert!(matches!(read(&folder, Split::Test), Err(DataError::NoHeldOut { .. })));
    let notes = ["1 file of another kind left out: cat/notes.txt", "1 hidden file left out"];
    assert_eq!(set.notes(), notes);
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
    let error = picture(file, Path::new("a.jpg"), &Preparation::default(), None).unwrap_err().to_string();
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
    assert!(set.notes().is_empty(), "{:?}", set.notes());
}

#[test]
fn transparent_pixels_are_laid_over_the_background() {
    let folder = tempdir().unwrap();
    image::GrayAlphaImage::from_fn(3, 1, |x, _| LumaA([100, [0, 128, 255][x as usize]]))
        .save(folder.path().join("1.png"))
        .unwrap();
    let on = |background: &str| {
        let preparation = Preparation { background: background.parse().unwrap(), ..Preparation::default() };
        let folder = ImageFolder { preparation, ..ImageFolder::new(folder.path()) };
        folder.read(Split::Train).unwrap()
    };
    assert_eq!(on("white").pixels(0), [255, 177, 100]);
    assert_eq!(on("white").notes(), ["all transparent, laid over white"]);
    assert_eq!(on("black").pixels(0), [0, 50, 100]);
    let orange = on("#ff8000");
    assert_eq!(orange.shape().channels, 3);
    assert_eq!(orange.pixels(0), [255, 177, 100, 128, 114, 100, 0, 50, 100]);
}

#[test]
fn the_first_image_of_another_shape_is_named() {
    let folder = folder_of(&[("a.png", 1), ("d.png", 1)]);
    GrayImage::new(4, 3).save(folder.path().join("b.png")).unwrap();
    GrayImage::new(3, 3).save(folder.path().join("c.png")).unwrap();
    let error = read(&folder, Split::Train).unwrap_err().to_string();
    assert!(error.contains("b.png is 1×3×4") && error.contains("a.png is 1×2×3"), "{error}");
    assert!(error.contains("--set data.size=2"), "{error}");
}

#[test]
fn grey_and_coloured_images_are_all_read_in_colour() {
    let folder = folder_of(&[("a.png", 1), ("d.png", 4)]);
    RgbImage::from_pixel(3, 2, Rgb([5, 6, 7])).save(folder.path().join("b.png")).unwrap();
    let set = read(&folder, Split::Train).unwrap();
    assert_eq!(set.shape(), ImageShape { channels: 3, height: 2, width: 3 });
    assert_eq!(set.pixels(0), [1; 18]);
    assert_eq!(set.pixels(1), [[5; 6], [6; 6], [7; 6]].concat());
    assert_eq!(set.pixels(2), [4; 18]);
    assert_eq!(set.notes(), ["2 of them grey, 1 in colour: all read in colour"]);

    let preparation = Preparation { channels: Some(1), ..Preparation::default() };
    let set = ImageFolder { preparation, ..ImageFolder::new(folder.path()) }.read(Split::Train).unwrap();
    assert_eq!((set.shape().channels, set.pixels(0)), (1, &[1; 6][..]));
    assert_eq!(set.notes(), ["1 of them turned to grey"]);
}

#[test]
fn images_of_many_sizes_are_brought_to_one() {
    let folder = tempdir().unwrap();
    for (name, w, h) in [("a.png", 60, 40), ("b.png", 16, 16), ("c.png", 9, 30)] {
        GrayImage::from_pixel(w, h, Luma([77])).save(folder.path().join(name)).unwrap();
    }
    let preparation = Preparation { size: Some([16, 16]), ..Preparation::default() };
    let set = ImageFolder { preparation, ..ImageFolder::new(folder.path()) }.read(Split::Train).unwrap();
    assert_eq!((set.shape(), set.len()), (ImageShape { channels: 1, height: 16, width: 16 }, 3));
    assert!((0..3).all(|i| set.pixels(i) == [77; 256]));
    assert_eq!(set.notes(), ["2 of them scaled and cropped to 16×16"]);
}

#[test]
fn a_class_is_the_first_folder_and_its_images_lie_at_any_depth() {
    let folder = folder_of(&[
        ("fish/1.png", 1),
        ("fish/deep/er/2.PNG", 2),
        ("bird/3.png", 3),
        ("fish/__MACOSX/9.png", 9),
        ("none/notes.txt.png", 4),
    ]);
    fs::rename(folder.path().join("none/notes.txt.png"), folder.path().join("none/notes.txt")).unwrap();
    let set = read(&folder, Split::Train).unwrap();
    assert_eq!((set.classes(), set.counts()), (&["bird".to_string(), "fish".to_string()][..], vec![1, 2]));
    let found: Vec<u8> = (0..3).map(|i| set.pixels(i)[0]).collect();
    assert_eq!(found, [3, 1, 2]);
    let notes = [
        "1 file of another kind left out: none/notes.txt",
        "1 folder without images left out: none",
        "1 hidden file left out",
    ];
    assert_eq!(set.notes(), notes);
}

#[test]
fn the_held_out_part_has_many_names_and_test_is_before_validation() {
    for name in ["test", "val", "valid", "validation", "dev", "VAL", "Testing"] {
        let folder = folder_of(&[("train/1.png", 1), (&format!("{name}/2.png"), 2)]);
        let part = |split| read(&folder, split).unwrap().pixels(0)[0];
        assert_eq!((part(Split::Train), part(Split::Test)), (1, 2), "{name}");
        assert_eq!(read(&folder, Split::Train).unwrap().notes(), [format!("{name}/ is held out")]);
    }
    let folder = folder_of(&[("training/1.png", 1), ("val/2.png", 2), ("test/3.png", 3), ("more/4.png", 4)]);
    let test = read(&folder, Split::Test).unwrap();
    assert_eq!((test.len(), test.pixels(0)[0]), (1, 3));
    let notes = ["the held-out part, test/", "val/ is not used", "beside the parts and left out: more"];
    assert_eq!(test.notes(), notes);

    // Without a folder for training, the rest is for training.
    let folder = folder_of(&[("cat/1.png", 1), ("dog/2.png", 2), ("val/dog/3.png", 3), ("val/ant/4.png", 4)]);
    let train = read(&folder, Split::Train).unwrap();
    assert_eq!((train.len(), train.classes()), (2, &["cat".to_string(), "dog".to_string()][..]));
    // Classes of the held-out part have the labels of training.
    let test = read(&folder, Split::Test).unwrap();
    assert_eq!(test.classes(), ["cat", "dog", "ant"]);
    assert_eq!((test.get(0).unwrap().label, test.get(1).unwrap().label), (Some(2), Some(1)));

    // What an archive leaves: one folder with the parts in it.
    let folder = folder_of(&[("unpacked/train/1.png", 1), ("unpacked/test/2.png", 2)]);
    assert_eq!(read(&folder, Split::Test).unwrap().pixels(0)[0], 2);
    let only = folder_of(&[("test/2.png", 2)]);
    assert!(matches!(read(&only, Split::Train), Err(DataError::NotFound { .. })));
    let both = folder_of(&[("train/2.png", 2), ("Train/1.png", 1), ("test/1.png", 1)]);
    let names = fs::read_dir(both.path()).unwrap().count();
    if names == 3 {
        let error = read(&both, Split::Train).unwrap_err().to_string();
        assert!(error.contains("both Train/ and train/"), "{error}");
    }
}

#[test]
fn an_image_is_turned_as_its_orientation_says_before_its_sides_are_compared() {
    // Dark at the left of 2 wide × 3 high, stored turned: orientation 8 says a quarter to the left.
    let folder = tempdir().unwrap();
    let exif = |orientation: u16| {
        let mut block = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
        block.extend(orientation.to_be_bytes());
        block.extend([0; 6]);
        block
    };
    let upright = GrayImage::from_fn(2, 3, |x, _| Luma([if x == 0 { 10 } else { 200 }]));
    let stored = [
        (1, upright.clone()),
        (8, image::imageops::rotate90(&upright)),
        (3, image::imageops::rotate180(&upright)),
    ];
    for (orientation, image) in stored {
        let file = fs::File::create(folder.path().join(format!("{orientation}.png"))).unwrap();
        let mut encoder = image::codecs::png::PngEncoder::new(file);
        image::ImageEncoder::set_exif_metadata(&mut encoder, exif(orientation)).unwrap();
        image.write_with_encoder(encoder).unwrap();
    }
    let set = read(&folder, Split::Train).unwrap();
    assert_eq!(set.shape(), ImageShape { channels: 1, height: 3, width: 2 });
    assert!((0..3).all(|i| set.pixels(i) == [10, 200, 10, 200, 10, 200]));
    assert_eq!(set.notes(), ["2 of them turned as their Exif orientation says (3.png, 8.png)"]);
}

#[test]
fn every_format_is_read() {
    let colour = RgbImage::from_fn(5, 4, |x, y| Rgb([50 * x as u8, 60 * y as u8, 100]));
    let formats =
        [("png", 0), ("bmp", 0), ("tiff", 0), ("webp", 0), ("gif", 0), ("tif", 0), ("jpg", 90), ("jpeg", 90)];
    for (ending, tolerance) in formats {
        let folder = tempdir().unwrap();
        colour.save(folder.path().join(format!("1.{ending}"))).unwrap();
        let set = read(&folder, Split::Train).unwrap();
        assert_eq!(set.shape(), ImageShape { channels: 3, height: 4, width: 5 }, "{ending}");
        for (i, (&found, expected)) in set.pixels(0).iter().zip(planes(colour.as_raw(), 3)).enumerate() {
            assert!(found.abs_diff(expected) <= tolerance, "{ending}: {i}: {found} for {expected}");
        }
    }
    // Formats without a kind for grey are grey where all pixels are.
    for ending in ["bmp", "webp", "gif"] {
        let folder = tempdir().unwrap();
        let grey = RgbImage::from_fn(5, 4, |x, _| Rgb([60 * x as u8; 3]));
        grey.save(folder.path().join(format!("1.{ending}"))).unwrap();
        let set = read(&folder, Split::Train).unwrap();
        assert_eq!((set.shape().channels, &set.pixels(0)[..5]), (1, &[0, 60, 120, 180, 240][..]), "{ending}");
    }
}

#[test]
fn sixteen_bits_become_eight_and_only_the_first_frame_is_read() {
    let folder = tempdir().unwrap();
    let deep = image::ImageBuffer::<Luma<u16>, _>::from_fn(4, 2, |x, _| Luma([257 * (60 * x as u16)]));
    deep.save(folder.path().join("1.png")).unwrap();
    let set = read(&folder, Split::Train).unwrap();
    assert_eq!(set.pixels(0)[..4], [0, 60, 120, 180]);
    assert_eq!(set.notes(), ["all of 16 bits a channel, reduced to 8"]);

    let folder = tempdir().unwrap();
    let file = fs::File::create(folder.path().join("1.gif")).unwrap();
    let mut encoder = image::codecs::gif::GifEncoder::new(file);
    for level in [40, 90] {
        let frame = image::RgbaImage::from_pixel(3, 2, Rgba([level, level, level, 255]));
        encoder.encode_frame(image::Frame::new(frame)).unwrap();
    }
    drop(encoder);
    let set = read(&folder, Split::Train).unwrap();
    assert_eq!((set.shape().channels, set.pixels(0)), (1, &[40; 6][..]));
    assert_eq!(set.notes(), ["all of several frames or pages, the first read"]);
}

#[test]
fn a_share_of_a_folder_without_parts_is_held_out() {
    let folder = tempdir().unwrap();
    for i in 0..40 {
        GrayImage::from_pixel(2, 2, Luma([i])).save(folder.path().join(format!("{i}.png"))).unwrap();
    }
    let open = |split, holdout| {
        let spec = DataSpec::new(crate::DatasetName::Folder, Some(folder.path().into()));
        let data = Data::open(&DataSpec { split, holdout, ..spec }, &ebm_ops::Noise::seeded(3));
        data.map(|data| (data.files().to_vec(), data.summary().notes))
    };
    let [(mut train, said), (test, _)] =
        [Split::Train, Split::Test].map(|split| open(split, Some(0.25)).unwrap());
    assert!(!test.is_empty() && test.iter().all(|file| !train.contains(file)), "{test:?}");
    assert_eq!(said, [format!("{} of 40 are held out (data.holdout = 0.25)", test.len())]);
    train.extend(test);
    assert_eq!(train.len(), 40);
    let error = open(Split::Test, None).unwrap_err().to_string();
    assert!(error.contains("--set data.holdout=0.1"), "{error}");
    assert!(open(Split::Train, Some(1e-9)).unwrap_err().to_string().contains("leaves none"));
}

#[test]
fn what_is_left_out_is_named_when_nothing_is_left() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("a.heic"), "no").unwrap();
    let error = read(&folder, Split::Train).unwrap_err().to_string();
    assert!(error.contains("no PNG, JPEG, WebP") && error.contains("a.heic"), "{error}");
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
fn links_are_followed_within_the_folder_and_out_of_it_only_if_asked_to() {
    use std::os::unix::fs::symlink;

    let outside = folder_of(&[("fish/deep/1.png", 99)]);
    let folder = folder_of(&[("a/1.png", 1)]);
    let at = |name: &str| folder.path().join(name);
    symlink(at("a/1.png"), at("a/3.png")).unwrap();
    symlink("../a", at("a/again")).unwrap();
    symlink("a", at("b")).unwrap();
    symlink(at("nothing.png"), at("a/4.png")).unwrap();
    let set = read(&folder, Split::Train).unwrap();
    assert_eq!((set.classes(), set.counts()), (&["a".to_string(), "b".to_string()][..], vec![2, 2]));
    let notes = [
        "2 links to nothing left out: a/4.png, b/4.png",
        "2 links to folders that were read left out: a/again, b/again",
    ];
    assert_eq!(set.notes(), notes);

    for (link, target) in [("c", "fish"), ("a/5.png", "fish/deep/1.png")] {
        symlink(outside.path().join(target), at(link)).unwrap();
        let error = read(&folder, Split::Train).unwrap_err();
        assert!(matches!(error, DataError::LinkOut { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains(link) && error.contains("--follow-links"), "{error}");
        let follow = ImageFolder { follow_links: true, ..ImageFolder::new(folder.path()) };
        let set = follow.read(Split::Train).unwrap();
        assert!((0..set.len()).any(|i| set.pixels(i)[0] == 99), "{link}");
        fs::remove_file(at(link)).unwrap();
    }
    // A loop is no loop for ever.
    symlink(folder.path(), at("a/loop")).unwrap();
    assert_eq!(read(&folder, Split::Train).unwrap().len(), 4);
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
