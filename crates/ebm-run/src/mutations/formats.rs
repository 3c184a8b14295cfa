//! Every format that is read, with good files of it and what reads it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use ebm_data::{Cifar10, Data, DataSpec, DatasetName, Idx, ImageFolder, Split, Table};
use ebm_model::{Init, Network, NetworkConfig, weights};
use ebm_ops::Noise;
use ebm_train::{Checkpoints, TrainState};
use image::ImageFormat;
use sha2::{Digest, Sha256};

use super::seeds::{
    CSV, IMAGES_XZ, MEMBERS, batches, cifar, colour, gray, gzip, idx, image_tar, npy, npz, pickle, stack, tar,
};
use crate::card::{Content, ModelCard};
use crate::config::{Config, Overrides};
use crate::fetch::manifest::Manifest;
use crate::fetch::unpack::accept;
use crate::foreign::{Checkpoint, Weights};

/// A format.
pub struct Format {
    pub name: &'static str,
    /// Where in a folder a file of it lies.
    pub file: &'static str,
    /// Good files.
    pub seeds: Vec<Vec<u8>>,
    /// Puts into the folder what a file needs beside it.
    pub prepare: fn(&Path),
    /// What a forger would mend in file number `i`, so that the rest is looked at.
    pub repair: fn(&mut [u8], usize),
    /// Reads the file in the folder; whether it was taken.
    pub read: Box<dyn Fn(&Path) -> bool>,
}

/// Both forms of PyTorch's files.
fn pytorch() -> [&'static [u8]; 2] {
    [include_bytes!("../../tests/foreign/ncsn.pth"), include_bytes!("../../tests/foreign/ncsnv2.pth")]
}

/// All of them.
pub fn all() -> Vec<Format> {
    let idx = [idx(&[3, 4, 5]), idx(&[7]), idx(&[1, 1, 1])];
    let png = [gray(9, 7, ImageFormat::Png), colour(8, 8, ImageFormat::Png)];
    let jpeg = [gray(16, 16, ImageFormat::Jpeg), colour(20, 12, ImageFormat::Jpeg)];
    vec![
        plain("idx", "images", idx.to_vec(), |folder| taken(Idx::read(&folder.join("images")))),
        plain("gz", "images.gz", idx.iter().map(|file| gzip(file)).collect(), |folder| {
            taken(Idx::read(&folder.join("images.gz")))
        }),
        plain("cifar", "test_batch.bin", vec![cifar(1), cifar(3)], |folder| {
            taken(Cifar10.read(folder, Split::Test))
        }),
        plain("cifar-pickle", "test_batch", vec![pickle(1), pickle(2)], |folder| {
            taken(Cifar10.read(folder, Split::Test))
        }),
        plain("cifar-tar", "batches.tar.gz", vec![gzip(&batches()), batches()], |folder| {
            taken(Cifar10.read(&folder.join("batches.tar.gz"), Split::Test))
        }),
        plain("image-tar", "images.tar", vec![image_tar(), gzip(&image_tar())], |folder| {
            taken(ImageFolder::new(folder.join("images.tar")).read(Split::Train))
        }),
        plain("image-tar-xz", "images.tar.xz", vec![IMAGES_XZ.to_vec()], |folder| {
            taken(ImageFolder::new(folder.join("images.tar.xz")).read(Split::Train))
        }),
        plain("csv", "table.csv", CSV.map(|text| text.as_bytes().to_vec()).to_vec(), |folder| {
            taken(Table::read(&folder.join("table.csv"), Split::Train, true))
        }),
        plain("npy", "table.npy", vec![npy("<f8", 8), npy("<f4", 4), npy(">i2", 2)], |folder| {
            taken(Table::read(&folder.join("table.npy"), Split::Train, true))
        }),
        Format { repair: repaired_png, ..plain("png", "class/x.png", png.to_vec(), pictures) },
        plain("jpeg", "class/x.jpg", jpeg.to_vec(), pictures),
        plain("webp", "class/x.webp", images(ImageFormat::WebP), pictures),
        plain("bmp", "class/x.bmp", images(ImageFormat::Bmp), pictures),
        plain("tiff", "class/x.tiff", images(ImageFormat::Tiff), pictures),
        plain("gif", "class/x.gif", images(ImageFormat::Gif), pictures),
        plain("stack", "x.npy", vec![stack("|u1", 1), stack("<f4", 4), stack(">u2", 2)], |folder| {
            taken(arrays(&folder.join("x.npy")))
        }),
        plain("npz", "x.npz", vec![npz(false), npz(true)], |folder| taken(arrays(&folder.join("x.npz")))),
        plain("safetensors", "model.safetensors", model_files(), |folder| {
            let path = folder.join("model.safetensors");
            let bytes = fs::read(&path).unwrap();
            taken(weights::from_bytes(&bytes)) & taken(ModelCard::load(&path, &Device::flex()))
        }),
        plain("pth", "x.pth", pytorch().map(<[u8]>::to_vec).to_vec(), |folder| {
            let read = Checkpoint::open(&folder.join("x.pth"));
            taken(read.and_then(|checkpoint| checkpoint.weights(Weights::Raw)))
        }),
        checkpoint("checkpoint", "manifest.json"),
        checkpoint("weights", "weights.safetensors"),
        plain("config", "run.toml", configs(), |folder| {
            taken(Config::resolve(folder.join("run.toml").to_str().unwrap(), &Overrides::default()))
        }),
        plain(
            "tar.gz",
            "both.tar.gz",
            vec![gzip(&tar()), tar(), gzip(&[tar(), tar()].concat()[..])],
            |folder| {
                let manifest = Manifest::parse(&manifest()).unwrap();
                let download = &manifest.dataset("small").unwrap().downloads[0];
                let file = fs::File::open(folder.join("both.tar.gz")).unwrap();
                let to = folder.join("to");
                let result = accept(&file, "both.tar.gz", download, &to);
                // Whole, or nothing.
                let found = fs::read_dir(&to).unwrap().count();
                assert_eq!(found, if result.is_ok() { 2 } else { 0 });
                fs::remove_dir_all(&to).unwrap();
                fs::create_dir(&to).unwrap();
                result.is_ok()
            },
        )
        .with(|folder| fs::create_dir(folder.join("to")).unwrap()),
        plain("datasets", "manifest.toml", vec![manifest().into_bytes()], |folder| {
            let bytes = fs::read(folder.join("manifest.toml")).unwrap();
            str::from_utf8(&bytes).is_ok_and(|text| taken(Manifest::parse(text)))
        }),
    ]
}

impl Format {
    fn with(self, prepare: fn(&Path)) -> Self {
        Self { prepare, ..self }
    }
}

fn plain(
    name: &'static str,
    file: &'static str,
    seeds: Vec<Vec<u8>>,
    read: impl Fn(&Path) -> bool + 'static,
) -> Format {
    Format { name, file, seeds, prepare: |_| {}, repair: |_, _| {}, read: Box::new(read) }
}

/// Whether it was taken; the message of an error can be written.
fn taken<T, E: std::fmt::Display>(result: Result<T, E>) -> bool {
    match result {
        Ok(_) => true,
        Err(error) => {
            assert!(!format!("{error:#}").is_empty());
            false
        }
    }
}

fn images(format: ImageFormat) -> Vec<Vec<u8>> {
    vec![gray(9, 7, format), colour(8, 8, format)]
}

/// The images of an array or an archive.
fn arrays(path: &Path) -> Result<Data, ebm_data::DataError> {
    Data::open(&DataSpec::new(DatasetName::Stack, Some(path.into())), &Noise::seeded(0))
}

fn pictures(folder: &Path) -> bool {
    taken(ImageFolder::new(folder).read(Split::Train))
}

/// In every second file, the checksum of each chunk that is whole.
fn repaired_png(file: &mut [u8], i: usize) {
    let mut at = 8;
    while i.is_multiple_of(2) && at + 12 <= file.len() {
        let length = u32::from_be_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]]) as usize;
        let Some(end) = (at + 8).checked_add(length).filter(|end| end + 4 <= file.len()) else { return };
        let mut crc = flate2::Crc::new();
        crc.update(&file[at + 4..end]);
        let sum = crc.sum().to_be_bytes();
        file[end..end + 4].copy_from_slice(&sum);
        at = end + 4;
    }
}

fn config() -> Config {
    let set = ["model.hidden=4", "model.layers=1", "model.embedding=2", "model.frequencies=2"];
    let set = set.map(str::to_owned).to_vec();
    Config::resolve("two-moons", &Overrides { set }).unwrap()
}

fn configs() -> Vec<Vec<u8>> {
    let energy = Config::resolve("two-moons-cd", &Overrides::default()).unwrap();
    let images = Config::resolve("glyphs", &Overrides::default()).unwrap();
    [config(), energy, images].map(|config| config.to_toml().unwrap().into_bytes()).to_vec()
}

fn network() -> Network {
    config().model.build(&Init::new(Noise::seeded(1), &Device::flex())).unwrap()
}

fn model_files() -> Vec<Vec<u8>> {
    let Config { name, model, sample, .. } = config();
    let card = ModelCard::new(name, 5, model, Content::Row { transform: None, columns: Vec::new() }, sample);
    let bytes = weights::to_bytes(&weights::collect(&network()), &serde_json::to_string(&card).unwrap());
    vec![bytes.unwrap()]
}

/// A file of a checkpoint whose other files are good.
fn checkpoint(name: &'static str, file: &'static str) -> Format {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path().into(), "hash".into(), 1);
    let state = TrainState::new(network(), Noise::seeded(2));
    let saved = checkpoints.save(&state).unwrap();
    let files: BTreeMap<String, Vec<u8>> = fs::read_dir(&saved)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    let (seed, network) = (files[file].clone(), network());
    let inside = if file == "manifest.json" { "step-0/manifest.json" } else { "step-0/weights.safetensors" };
    let whole = seed.clone();
    let read = move |folder: &Path| {
        for (name, bytes) in &files {
            let path = folder.join("step-0").join(name);
            if name != file && !path.exists() {
                fs::write(path, bytes).unwrap();
            }
        }
        let checkpoints = Checkpoints::new(folder.into(), "hash".into(), 1);
        let accepted = taken(checkpoints.latest(&network));
        // Only what was written is taken, whatever the forger did.
        assert!(
            !accepted || fs::read(folder.join(inside)).unwrap() == whole,
            "a forged checkpoint was taken"
        );
        accepted
    };
    plain(name, inside, vec![seed], read)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn manifest() -> String {
    let file = |(name, content): (&str, &[u8])| {
        let (bytes, hash) = (content.len(), sha256(content));
        format!(
            "[[dataset.download.files]]\nname = '{name}'\nmember = 'in/{name}'\nbytes = {bytes}\nsha256 = '{hash}'\n"
        )
    };
    format!(
        "[[dataset]]\nname = 'small'\ntitle = 't'\nsource = 's'\nlicence = 'l'\n[[dataset.download]]\n\
         name = 'both.tar.gz'\nurls = ['http://127.0.0.1:1/both.tar.gz']\n{}",
        MEMBERS.map(file).concat()
    )
}
