//! Every parser of files as a function of bytes, with the properties that hold whatever the bytes are.
//!
//! ```text
//! cargo install cargo-fuzz
//! cargo run --release --manifest-path fuzz/Cargo.toml --example seeds
//! RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none npy -- -max_total_time=600 -rss_limit_mb=512 -timeout=1
//! ```
//! from the workspace's root; `--sanitizer none` because stable Rust is enough, and no parser has `unsafe`.
#![forbid(unsafe_code)]

use std::io::{Seek, Write};
use std::path::Path;

use ebm_data::files::comma_separated::{self, TextForm};
use ebm_data::files::{archive as packed, bytes, cifar10, npy, pickle, picture};
use ebm_data::{Data, DataSpec, DatasetName, Idx, Preparation};
use ebm_model::weights;
use ebm_ops::Noise;

use ebm_run::fetch::manifest::Manifest;
use ebm_run::fetch::unpack::accept;
use ebm_run::foreign::{Checkpoint, Weights};

fn file() -> &'static Path {
    Path::new("file")
}

/// The IDX format, plain.
pub fn idx(bytes: &[u8]) {
    if let Ok(idx) = Idx::parse(bytes, file()) {
        assert_eq!(idx.values.len(), idx.dimensions.iter().product::<usize>());
    }
}

/// Gzip or anything else, up to the limit for its length.
pub fn gzip(bytes: &[u8]) {
    let cap = (64 << 20) + 64 * bytes.len();
    if let Ok(content) = bytes::decompressed(bytes, bytes.len() as u64) {
        let mut content = content;
        if let Ok(content) = bytes::read_at_most(&mut content, bytes::MAX_BYTES, file()) {
            assert!(content.len() <= cap);
        }
    }
}

/// Records of CIFAR-10.
pub fn cifar(bytes: &[u8]) {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    if cifar10::records(bytes, file(), &mut pixels, &mut labels).is_ok() {
        assert_eq!(pixels.len(), (cifar10::RECORD - 1) * labels.len());
    }
}

/// Batches of CIFAR-10's Python version, and pickles of any values.
pub fn cifar_pickle(bytes: &[u8]) {
    let _ = pickle::numpy(bytes);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    if cifar10::batch(bytes, file(), &mut pixels, &mut labels).is_ok() {
        assert_eq!(pixels.len(), (cifar10::RECORD - 1) * labels.len());
    }
}

/// Members of archives, plain or packed by gzip or xz.
pub fn members(bytes: &[u8]) {
    let each = |member: packed::Member| {
        let parts: Vec<&str> = member.name.split('/').collect();
        assert!(!parts.contains(&"..") && !member.name.starts_with('/'));
        let size = member.size;
        assert_eq!(member.bytes(1 << 20)?.len() as u64, size);
        Ok(std::ops::ControlFlow::Continue(()))
    };
    let _ = packed::members(bytes, bytes.len() as u64, file(), each);
}

/// Tables of text, of a form that is found out.
pub fn csv(bytes: &[u8]) {
    if let Ok(rows) = comma_separated::read(bytes, TextForm::default(), file()) {
        assert!(0 < rows.n_rows && !rows.values.is_empty() && rows.values.len().is_multiple_of(rows.n_rows));
    }
}

/// NumPy's arrays.
pub fn npy(bytes: &[u8]) {
    if let Ok(rows) = npy::read(bytes, file()) {
        assert!(0 < rows.dim && rows.values.len().is_multiple_of(rows.dim));
    }
}

/// PNG, JPEG, WebP, BMP, TIFF and GIF, as they are and brought to a size.
pub fn picture(bytes: &[u8]) {
    for size in [None, Some([5, 7])] {
        let wanted = Preparation { size, ..Preparation::default() };
        if let Ok(picture) = picture::picture(bytes, file(), &wanted, None) {
            assert_eq!(picture.pixels.len(), picture.shape.dim());
        }
    }
}

/// Images in an archive of arrays.
pub fn npz(bytes: &[u8]) {
    let mut archive = tempfile::Builder::new().suffix(".npz").tempfile().expect("a temporary file");
    archive.write_all(bytes).expect("the bytes are written");
    let spec = DataSpec::new(DatasetName::Stack, Some(archive.path().into()));
    if let Ok(images) = Data::open(&spec, &Noise::seeded(0)) {
        assert!(images.len().is_some_and(|n| 0 < n));
    }
}

/// Weights.
pub fn safetensors(bytes: &[u8]) {
    if let Ok((tensors, _)) = weights::from_bytes(bytes) {
        for tensor in tensors.values() {
            let n = tensor.shape().as_slice().iter().product::<usize>();
            assert_eq!(tensor.as_slice::<f32>().expect("weights are 32-bit floats").len(), n);
        }
    }
}

/// Checkpoints of PyTorch.
pub fn pth(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("the bytes are written");
    if let Ok(tensors) = Checkpoint::open(file.path()).and_then(|checkpoint| checkpoint.weights(Weights::Raw)) {
        assert!(!tensors.is_empty());
    }
}

/// A dataset of two files in an archive, plain or gzip.
pub fn archive(bytes: &[u8]) {
    let manifest = Manifest::parse(MANIFEST).expect("it is right");
    let download = &manifest.dataset("small").expect("it is there").downloads[0];
    let root = tempfile::tempdir().expect("a folder can be made");
    let folder = root.path().join("to");
    let mut packed = tempfile::tempfile().expect("a file can be made");
    packed.write_all(bytes).and_then(|()| packed.rewind()).expect("it can be written");
    let accepted = accept(&packed, "archive", download, &folder).is_ok();
    assert_eq!(std::fs::read_dir(&folder).map_or(0, Iterator::count), if accepted { 2 } else { 0 });
    assert!(std::fs::read_dir(root.path()).expect("it is there").count() <= 1, "a file outside the folder");
}

/// The manifest of downloads.
pub fn datasets(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Manifest::parse(text);
    }
}

/// What [`archive`] expects: `in/one` holds "first", `in/two` "the second".
pub const MANIFEST: &str = "[[dataset]]
name = 'small'
title = 't'
source = 's'
licence = 'l'
[[dataset.download]]
name = 'both.tar.gz'
urls = ['http://127.0.0.1:1/both.tar.gz']
[[dataset.download.files]]
name = 'one'
member = 'in/one'
bytes = 5
sha256 = 'a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e'
[[dataset.download.files]]
name = 'two'
member = 'in/two'
bytes = 10
sha256 = '066085a464c84cc7b1517dd07b6004b4808b91236491eebf645e6a6b95436d38'
";
