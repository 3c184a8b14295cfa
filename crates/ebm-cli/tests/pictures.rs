//! Pictures as people have them: read, trained on, and drawn at their size.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{ebm, stderr, stdout};
use image::{GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage};
use tempfile::TempDir;

/// A network and a sampler that take no time.
const SMALL: [&str; 22] = [
    "--steps",
    "2",
    "--batch-size",
    "4",
    "--set",
    "model.widths=[8,8]",
    "--set",
    "model.blocks=[1,1]",
    "--set",
    "model.groups=4",
    "--set",
    "model.embedding=8",
    "--set",
    "model.frequencies=4",
    "--set",
    "record.picture_samples=2",
    "--set",
    "sample.heun.levels=3",
    "--set",
    "sample.langevin.levels=3",
    "--backend",
    "flex",
];

struct Data(TempDir);

impl Data {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Eight grey images of this size, different from each other, named by `name`.
    fn images(&self, [width, height]: [u32; 2], name: impl Fn(u32) -> String) {
        for i in 0..8 {
            let level = |x: u32, y: u32| Luma([(37 * i + 11 * x + 5 * y) as u8]);
            GrayImage::from_fn(width, height, level).save(self.at(&name(i))).unwrap();
        }
    }

    /// Runs the program in the folder, which ends well; what it said, and what it printed.
    fn ebm(&self, arguments: &[&str]) -> [String; 2] {
        let output = ebm(arguments).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        [stderr(&output), stdout(&output)]
    }

    /// Runs the program in the folder, which refuses; the error.
    fn refusal(&self, arguments: &[&str]) -> String {
        let output = ebm(arguments).current_dir(self.0.path()).output().unwrap();
        let message = stderr(&output);
        assert!(!output.status.success(), "{arguments:?}: {}", stdout(&output));
        assert!(!message.contains("panicked"), "{message}");
        message
    }

    /// A run on `data`, and the shape of a sample of it: channels, height, width.
    fn trained(&self, data: &str, more: &[&str]) -> [usize; 3] {
        let run = "run";
        let _ = fs::remove_dir_all(self.at(run));
        let arguments = [&["train", "images", "--data", data, "--out", run], &SMALL[..], more].concat();
        self.ebm(&arguments);
        self.ebm(&["sample", run, "--n", "2", "--out", "drawn.npy"]);
        match shape(&self.at("drawn.npy"))[..] {
            [2, height, width] => [1, height, width],
            [2, channels, height, width] => [channels, height, width],
            ref shape => panic!("two pictures of shape {shape:?}"),
        }
    }
}

/// The shape in the header of a `.npy` file.
fn shape(file: &Path) -> Vec<usize> {
    let content = fs::read(file).unwrap();
    let header = content[10..].split(|&byte| byte == b'\n').next().unwrap();
    let header = str::from_utf8(header).unwrap();
    let inner = header.split_once('(').unwrap().1.split_once(')').unwrap().0;
    inner.split(',').filter_map(|n| n.trim().parse().ok()).collect()
}

fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\0".as_slice(), &length, header.as_bytes(), values].concat()
}

#[test]
fn images_of_any_size_train_and_are_drawn_at_their_size() {
    let data = Data::new();
    for [width, height] in [[17, 11], [15, 13], [5, 5], [3, 2]] {
        data.images([width, height], |i| format!("{width}/{i}.png"));
        assert_eq!(data.trained(&width.to_string(), &[]), [1, height as usize, width as usize]);
    }
    // An energy of images, whose score is its exact gradient, pads likewise.
    let energy = ["--set", "model=unet-energy", "--set", "model.widths=[8,8]"];
    let set = ["model.blocks=[1,1]", "model.groups=4", "model.embedding=8"];
    let set: Vec<&str> = set.iter().flat_map(|value| ["--set", *value]).collect();
    let arguments =
        [&["train", "images", "--data", "17", "--out", "energy", "--steps", "2", "--batch-size", "4"][..]];
    let quiet = ["--set", "record.picture_samples=0", "--backend", "flex"];
    data.ebm(&[&arguments.concat()[..], &energy, &set, &quiet].concat());
    data.ebm(&["energy", "energy", "--data", "17", "--out", "e.csv"]);
    assert_eq!(fs::read_to_string(data.at("e.csv")).unwrap().lines().count(), 9);
}

#[test]
fn a_size_is_brought_about_by_cropping_and_different_sizes_are_refused_with_the_way_out() {
    let data = Data::new();
    data.images([60, 40], |i| format!("wide/{i}.jpg"));
    data.images([30, 30], |i| format!("wide/s{i}.png"));
    let error = data.refusal(&[&["train", "images", "--data", "wide", "--out", "run"], &SMALL[..]].concat());
    assert!(error.contains("s0.png is 1×30×30") && error.contains("0.jpg is 1×40×60"), "{error}");
    let way_out = error.split('`').find(|part| part.starts_with("--set data.size=")).expect("a way out");
    let way_out: Vec<&str> = way_out.split(' ').collect();
    assert_eq!(data.trained("wide", &way_out), [1, 30, 30]);
    let size = ["--set", "data.size=16", "--set", "data.fit=crop"];
    assert_eq!(data.trained("wide", &size), [1, 16, 16]);
    let size = ["--set", "data.size=[10,14]", "--set", "data.fit=pad", "--set", "data.background=#ff8800"];
    assert_eq!(data.trained("wide", &size), [1, 10, 14]);
    assert_eq!(data.trained("wide", &["--set", "data.size=8", "--set", "data.channels=3"]), [3, 8, 8]);
}

#[test]
fn sixteen_bits_and_transparency_and_classes_at_any_depth_are_read() {
    let data = Data::new();
    for i in 0..8u8 {
        let deep = ImageBuffer::<Luma<u16>, _>::from_fn(6, 6, |x, y| Luma([257 * (x * y) as u16]));
        deep.save(data.at(&format!("mixed/a/deep/er/{i}.png"))).unwrap();
        let clear = ImageBuffer::from_fn(6, 6, |x, _| LumaA([40, 40 * x as u8]));
        clear.save(data.at(&format!("mixed/b/{i}.PNG"))).unwrap();
        RgbImage::from_pixel(6, 6, Rgb([i, 2, 3])).save(data.at(&format!("mixed/b/{i}.webp"))).unwrap();
    }
    fs::write(data.at("mixed/a/notes.txt"), "no image").unwrap();
    assert_eq!(data.trained("mixed", &[]), [3, 6, 6]);
    let journal = fs::read_to_string(data.at("run/journal.jsonl")).unwrap();
    for note in ["of 16 bits a channel, reduced to 8", "transparent, laid over white", "all read in colour"] {
        assert!(journal.contains(note), "{note}: {journal}");
    }
    assert!(journal.contains("1 file of another kind left out: a/notes.txt"), "{journal}");
}

#[test]
fn arrays_of_images_are_trained_on() {
    let data = Data::new();
    let values: Vec<u8> = (0..8 * 36 * 3).map(|i| (i * 7) as u8).collect();
    fs::write(data.at("grey.npy"), npy("|u1", "(8, 6, 6)", &values[..8 * 36])).unwrap();
    assert_eq!(data.trained("grey.npy", &[]), [1, 6, 6]);
    fs::write(data.at("colour.npy"), npy("|u1", "(8, 6, 6, 3)", &values)).unwrap();
    assert_eq!(data.trained("colour.npy", &["--set", "data.size=4"]), [3, 4, 4]);
    fs::write(data.at("one.npy"), npy("|u1", "(8, 6, 3)", &values[..8 * 18])).unwrap();
    let arguments = [&["train", "images", "--data", "one.npy", "--out", "one"], &SMALL[..]].concat();
    assert!(data.refusal(&arguments).contains("save it as (1, 8, 6, 3)"));
}

#[test]
fn the_validation_part_is_held_out_and_a_flat_folder_is_taken_whole_against_it() {
    let data = Data::new();
    data.images([6, 6], |i| format!("split/train/{i}.png"));
    data.images([6, 6], |i| format!("split/val/{i}.png"));
    data.images([6, 6], |i| format!("flat/{i}.png"));
    fs::remove_file(data.at("split/val/0.png")).unwrap();
    let energy = ["--set", "model=unet-energy", "--set", "model.widths=[8,8]"];
    let set = ["model.blocks=[1,1]", "model.groups=4", "model.embedding=8"];
    let set: Vec<&str> = set.iter().flat_map(|value| ["--set", *value]).collect();
    let arguments =
        ["train", "images", "--data", "split", "--out", "run", "--steps", "2", "--batch-size", "4"];
    let quiet = ["--set", "record.picture_samples=0", "--backend", "flex"];
    data.ebm(&[&arguments[..], &energy, &set, &quiet].concat());

    let arguments = ["energy", "run", "--data", "split", "--test", "--against", "flat", "--out", "e.csv"];
    let [said, _] = data.ebm(&arguments);
    assert!(said.contains("flat has no held-out part") && said.contains("all of it"), "{said}");
    let table = fs::read_to_string(data.at("e.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 7);
    assert!(table.contains("split/val/1.png") && !table.contains("split/train"), "{table}");
    // What is scored itself must have what was asked for.
    assert!(data.refusal(&["energy", "run", "--data", "flat", "--test"]).contains("no held-out part"));
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_refused_by_name_and_followed_if_asked_to() {
    let data = Data::new();
    data.images([6, 6], |i| format!("nested/fish/{i}.png"));
    std::os::unix::fs::symlink("../nested/fish", data.at("linked/fish")).unwrap();
    let arguments = [&["train", "images", "--data", "linked", "--out", "run"], &SMALL[..]].concat();
    let error = data.refusal(&arguments);
    assert!(error.contains("linked/fish is a link") && error.contains("--follow-links"), "{error}");
    assert_eq!(data.trained("linked", &["--set", "data.follow_links=true"]), [1, 6, 6]);
}
