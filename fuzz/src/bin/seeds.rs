//! Writes small good files of every format to `fuzz/corpus/TARGET/`; none is anybody else's.
#![forbid(unsafe_code)]

use std::io::{Cursor, Write};
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};

fn main() -> std::io::Result<()> {
    let idx = [idx(&[3, 4, 5]), idx(&[7]), idx(&[1, 1, 1, 1])];
    let csv = ["x,y\n1,2\n-3.5e2,\"4\"\n5,6\n", "1\n2\n3\n", "\u{feff}a, b ,c\r\n1,2,3\r\n\r\n4,5,6"];
    let gray = GrayImage::from_fn(9, 7, |x, y| image::Luma([(9 * x + 5 * y) as u8]));
    let colour = RgbImage::from_fn(16, 8, |x, y| image::Rgb([(9 * x) as u8, (5 * y) as u8, 80]));
    let picture = |picture: DynamicImage, format| {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).expect("memory takes it");
        bytes.into_inner()
    };
    let pictures = [
        picture(gray.clone().into(), ImageFormat::Png),
        picture(colour.clone().into(), ImageFormat::Png),
        picture(gray.into(), ImageFormat::Jpeg),
        picture(colour.into(), ImageFormat::Jpeg),
    ];
    write("gzip", &idx.each_ref().map(|file| gzip(file)))?;
    write("idx", &idx)?;
    write("cifar", &[(0..3).flat_map(|label| std::iter::once(label).chain([7 * label; 3072])).collect()])?;
    write("csv", &csv.map(|text| text.as_bytes().to_vec()))?;
    write("npy", &[npy("<f8", 8), npy("<f4", 4)])?;
    write("picture", &pictures)?;
    write("safetensors", &[safetensors()])?;
    write("archive", &[tar(), gzip(&tar())])?;
    write("datasets", &[ebm_fuzz::MANIFEST.as_bytes().to_vec()])
}

fn write(target: &str, files: &[Vec<u8>]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    std::fs::create_dir_all(&folder)?;
    for (i, file) in files.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{i}")), file)?;
    }
    Ok(())
}

fn idx(dimensions: &[u32]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|n| file.extend(n.to_be_bytes()));
    file.extend((0..dimensions.iter().product::<u32>()).map(|i| i as u8));
    file
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).and_then(|()| encoder.finish()).expect("memory takes it")
}

fn npy(kind: &str, size: usize) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (3, 2), }}          \n");
    let mut file = b"\x93NUMPY\x01\0".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend(vec![0; 6 * size]);
    file
}

fn safetensors() -> Vec<u8> {
    let header = r#"{"__metadata__":{"ebm":"about"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"F32","shape":[1],"data_offsets":[24,28]}}"#;
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 28]].concat()
}

fn tar() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in [("in/one", &b"first"[..]), ("in/two", b"the second")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, content).expect("memory takes it");
    }
    builder.into_inner().expect("memory takes it")
}
