//! Small good files of the formats, made by ourselves; `fuzz/` begins with the same.

use std::io::{Cursor, Write};

use flate2::{Compression, write::GzEncoder};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};

/// Tables.
pub const CSV: [&str; 3] =
    ["x,y\n1,2\n-3.5e2,\"4\"\n5,6\n", "1\n2\n3\n", "\u{feff}a, b ,c\r\n1,2,3\r\n\r\n4,5,6"];

/// What is in the archive of [`tar`], within the folder `in`.
pub const MEMBERS: [(&str, &[u8]); 2] = [("one", b"first"), ("two", b"the second")];

pub fn idx(dimensions: &[u32]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|n| file.extend(n.to_be_bytes()));
    file.extend((0..dimensions.iter().product()).map(|i: u32| i as u8));
    file
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub fn cifar(n: u8) -> Vec<u8> {
    (0..n).flat_map(|label| std::iter::once(label).chain([7 * label; 3072])).collect()
}

/// A batch of CIFAR-10 as Python 2 pickled it.
pub fn pickle(n: u8) -> Vec<u8> {
    let mut file = b"\x80\x02}q\x01(U\x06labelsq\x04]q\x05(".to_vec();
    (0..n).for_each(|label| file.extend([b'K', label]));
    file.extend(
        b"eU\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K",
    );
    file.extend([n]);
    file.extend(b"M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNK\x00K\x00K\x00tb\x89T");
    file.extend((3072 * u32::from(n)).to_le_bytes());
    file.extend(vec![7; 3072 * usize::from(n)]);
    file.extend(b"tbu.");
    file
}

/// An archive of the version in records.
pub fn batches() -> Vec<u8> {
    archive(&[("cifar-10-batches-bin/test_batch.bin", &cifar(2))])
}

/// An archive of images in folders of classes.
pub fn image_tar() -> Vec<u8> {
    let images = [gray(5, 4, ImageFormat::Png), gray(5, 4, ImageFormat::Bmp)];
    archive(&[("train/a/1.png", &images[0]), ("train/b/2.bmp", &images[1]), ("test/a/3.png", &images[0])])
}

/// The same, packed by `xz -9`, whose encoder is none of ours.
pub const IMAGES_XZ: &[u8] = include_bytes!("images.tar.xz");

pub fn npy(kind: &str, size: usize) -> Vec<u8> {
    array(kind, "(3, 2)", 6 * size)
}

/// An array of images.
pub fn stack(kind: &str, size: usize) -> Vec<u8> {
    array(kind, "(2, 2, 6)", 24 * size)
}

/// An archive of images and labels, deflated or stored.
pub fn npz(deflated: bool) -> Vec<u8> {
    let members = [("images.npy", stack("|u1", 1)), ("labels.npy", array("|u1", "(2,)", 2))];
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in &members {
        let at = bytes.len() as u32;
        let packed = if deflated { deflate(content) } else { content.clone() };
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let mut fields = [20u16, 0, if deflated { 8 } else { 0 }, 0, 0].map(u16::to_le_bytes).concat();
        for number in [crc.sum(), packed.len() as u32, content.len() as u32] {
            fields.extend(number.to_le_bytes());
        }
        fields.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        bytes.extend([b"PK\x03\x04".as_slice(), &fields, name.as_bytes(), &packed].concat());
        directory.extend([b"PK\x01\x02\x14\0".as_slice(), &fields, &[0; 10], &at.to_le_bytes()].concat());
        directory.extend(name.bytes());
    }
    let (start, n) = (bytes.len() as u32, members.len() as u16);
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([n, n].map(u16::to_le_bytes).concat());
    bytes.extend([directory.len() as u32, start].map(u32::to_le_bytes).concat());
    bytes.extend([0, 0]);
    bytes
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn array(kind: &str, shape: &str, bytes: usize) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}          \n");
    let mut file = b"\x93NUMPY\x01\0".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend(vec![0; bytes]);
    file
}

pub fn gray(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    encoded(GrayImage::from_fn(width, height, |x, y| image::Luma([(9 * x + 5 * y) as u8])).into(), format)
}

pub fn colour(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    encoded(
        RgbImage::from_fn(width, height, |x, y| image::Rgb([(9 * x) as u8, (5 * y) as u8, 80])).into(),
        format,
    )
}

fn encoded(picture: DynamicImage, format: ImageFormat) -> Vec<u8> {
    // There is no grey in these formats.
    let has_grey = !matches!(format, ImageFormat::WebP | ImageFormat::Gif);
    let picture = if has_grey { picture } else { picture.into_rgb8().into() };
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub fn tar() -> Vec<u8> {
    let names = MEMBERS.map(|(name, content)| (format!("in/{name}"), content));
    archive(&names.each_ref().map(|(name, content)| (&**name, *content)))
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}
