//! The parsers of files, each as a function of bytes: the workspace's own source files, without what surrounds them.
//!
//! ```text
//! cargo install cargo-fuzz
//! cargo run --release --manifest-path fuzz/Cargo.toml --example seeds
//! RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none npy -- -max_total_time=600 -rss_limit_mb=512 -timeout=1
//! ```
//! from the workspace's root; `--sanitizer none` because stable Rust is enough, and no parser has `unsafe`.
#![forbid(unsafe_code)]
// The files are those of other crates, of which this one needs a part.
#![allow(dead_code, unused_imports)]

#[path = "../../crates/ebm-data/src/bytes.rs"]
mod bytes;
#[path = "../../crates/ebm-data/src/comma_separated.rs"]
mod comma_separated;
#[path = "../../crates/ebm-data/src/contained.rs"]
mod contained;
#[path = "../../crates/ebm-data/src/error.rs"]
mod error;
#[path = "../../crates/ebm-model/src/weights/format.rs"]
mod format;
#[path = "../../crates/ebm-data/src/idx.rs"]
mod idx_file;
#[path = "../../crates/ebm-data/src/item.rs"]
mod item;
#[path = "../../crates/ebm-data/src/npy.rs"]
mod npy_file;
#[path = "../../crates/ebm-data/src/image_folder/picture.rs"]
mod picture_file;
#[path = "../../crates/ebm-data/src/cifar10/records.rs"]
mod records;
#[path = "../../crates/ebm-data/src/rows.rs"]
mod rows;

#[path = "../../crates/ebm-cli/src/fetch/manifest.rs"]
mod manifest;
#[path = "../../crates/ebm-cli/src/fetch/unpack.rs"]
mod unpack;

/// Names that the built-in manifest is tested against.
const DATASETS: [&str; 3] = ["mnist", "fashion-mnist", "cifar10"];

use std::io::{Read, Seek, Write};
use std::path::Path;

use error::DataError;
use item::ImageShape;

fn file() -> &'static Path {
    Path::new("file")
}

/// The IDX format, plain.
pub fn idx(bytes: &[u8]) {
    if let Ok(idx) = idx_file::Idx::parse(bytes, file()) {
        assert_eq!(idx.values.len(), idx.dimensions.iter().product::<usize>());
    }
}

/// Whatever is or is not gzip, up to the cap that its length sets.
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
    if records::records(bytes, file(), &mut pixels, &mut labels).is_ok() {
        assert_eq!(pixels.len(), 3072 * labels.len());
    }
}

/// Rows separated by commas.
pub fn csv(bytes: &[u8]) {
    if let Ok(rows) = comma_separated::read(bytes, b',', file()) {
        assert!(0 < rows.dim && rows.values.len().is_multiple_of(rows.dim));
    }
}

/// NumPy's arrays.
pub fn npy(bytes: &[u8]) {
    if let Ok(rows) = npy_file::read(bytes, file()) {
        assert!(0 < rows.dim && rows.values.len().is_multiple_of(rows.dim));
    }
}

/// PNG and JPEG.
pub fn picture(bytes: &[u8]) {
    if let Ok((shape, values)) = picture_file::picture(bytes, file(), None) {
        assert_eq!(values.len(), shape.dim());
    }
}

/// Weights.
pub fn safetensors(bytes: &[u8]) {
    if let Ok(parsed) = format::parse(bytes) {
        for tensor in parsed.tensors.values() {
            assert_eq!(tensor.bytes.len(), 4 * tensor.shape.iter().product::<usize>());
        }
    }
}

/// A dataset of two files in an archive, plain or gzip.
pub fn archive(bytes: &[u8]) {
    let manifest = manifest::Manifest::parse(MANIFEST).expect("it is right");
    let download = &manifest.dataset("small").expect("it is there").downloads[0];
    let root = tempfile::tempdir().expect("a folder can be made");
    let folder = root.path().join("to");
    let mut packed = tempfile::tempfile().expect("a file can be made");
    packed.write_all(bytes).and_then(|()| packed.rewind()).expect("it can be written");
    let accepted = unpack::accept(&packed, "archive", download, &folder).is_ok();
    assert_eq!(std::fs::read_dir(&folder).map_or(0, Iterator::count), if accepted { 2 } else { 0 });
    assert!(std::fs::read_dir(root.path()).expect("it is there").count() <= 1, "a file outside the folder");
}

/// The manifest of downloads.
pub fn datasets(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = manifest::Manifest::parse(text);
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
