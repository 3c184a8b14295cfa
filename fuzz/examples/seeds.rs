//! Writes small good files of every format to `fuzz/corpus/TARGET/`; none is anybody else's.
#![forbid(unsafe_code)]

use std::path::Path;

use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};

#[path = "../../crates/ebm-run/src/mutations/seeds.rs"]
mod seeds;

use seeds::{
    CSV, IMAGES_XZ, batches, cifar, colour, gray, gzip, idx, image_tar, npy, npz, pickle, stack, tar,
};

const PTH: [&[u8]; 2] = [
    include_bytes!("../../crates/ebm-run/tests/foreign/ncsn.pth"),
    include_bytes!("../../crates/ebm-run/tests/foreign/ncsnv2.pth"),
];

fn main() -> std::io::Result<()> {
    let idx = [idx(&[3, 4, 5]), idx(&[7]), idx(&[1, 1, 1, 1])];
    let formats = [Png, Jpeg, WebP, Bmp, Tiff, Gif];
    let pictures = formats.map(|format| [gray(9, 7, format), colour(16, 8, format)]).concat();
    write("gzip", &idx.each_ref().map(|file| gzip(file)))?;
    write("idx", &idx)?;
    write("cifar", &[cifar(3)])?;
    write("cifar_pickle", &[pickle(1), pickle(2)])?;
    write("members", &[batches(), gzip(&batches()), image_tar(), IMAGES_XZ.to_vec()])?;
    write("csv", &CSV.map(|text| text.as_bytes().to_vec()))?;
    write("npy", &[npy("<f8", 8), npy("<f4", 4), npy(">i2", 2), stack("|u1", 1)])?;
    write("npz", &[npz(false), npz(true)])?;
    write("picture", &pictures)?;
    write("safetensors", &[safetensors()])?;
    write("pth", &PTH.map(<[u8]>::to_vec))?;
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

fn safetensors() -> Vec<u8> {
    let header = r#"{"__metadata__":{"ebm":"about"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"F32","shape":[1],"data_offsets":[24,28]}}"#;
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 28]].concat()
}
