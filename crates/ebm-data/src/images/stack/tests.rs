use std::fs;

use burn_dataset::Dataset;
use tempfile::TempDir;

use super::*;
use crate::files::npz::tests::{npy, zip};
use crate::{Background, DataSpec, DatasetName, ImageShape};

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let file = self.0.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        file
    }

    fn read(&self, name: &str, split: Split) -> Result<ImageSet, DataError> {
        Stack::new(self.0.path().join(name), Preparation::default()).read(split)
    }

    /// The images of an array, and the notes on it.
    fn images(&self, descr: &str, shape: &str, values: &[u8]) -> (ImageShape, Vec<Vec<u8>>, Vec<String>) {
        self.file("x.npy", &npy(descr, shape, values));
        let set = self.read("x.npy", Split::Train).unwrap();
        let images = (0..set.len()).map(|i| set.pixels(i).to_vec()).collect();
        (set.shape(), images, set.notes().to_vec())
    }
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn stacks_are_recognised_by_their_dimensions() {
    let files = Files::new();
    let found = |path: &Path| DataSpec::detect(path).unwrap().dataset;
    assert_eq!(found(&files.file("x.npy", &npy("|u1", "(2, 2, 2)", &[0; 8]))), DatasetName::Stack);
    assert_eq!(found(&files.file("t.npy", &npy("|u1", "(2, 4)", &[0; 8]))), DatasetName::Table);
    assert_eq!(found(&files.file("x.NPZ", b"")), DatasetName::Stack);
    let folder = files.file("both/train.npy", &npy("|u1", "(2, 2, 2)", &[0; 8]));
    assert_eq!(found(folder.parent().unwrap()), DatasetName::Stack);
}

#[test]
fn bytes_of_every_layout_become_images_channel_by_channel() {
    let files = Files::new();
    let (shape, images, notes) = files.images("|u1", "(2, 2, 5)", &(0..20).collect::<Vec<u8>>());
    assert_eq!(shape, ImageShape { channels: 1, height: 2, width: 5 });
    assert_eq!((images[1].clone(), notes.len()), ((10..20).collect(), 0));

    let last: Vec<u8> = (0..24).collect(); // 1 × 2 × 4 × 3
    let (shape, images, _) = files.images("|u1", "(1, 2, 4, 3)", &last);
    assert_eq!(shape, ImageShape { channels: 3, height: 2, width: 4 });
    assert_eq!(images[0][..9], [0, 3, 6, 9, 12, 15, 18, 21, 1]);

    let (shape, images, _) = files.images("|u1", "(1, 3, 4, 2)", &last);
    assert_eq!((shape.channels, images[0].clone()), (3, last));

    let (shape, images, notes) = files.images("|u1", "(1, 1, 2, 4)", &[9, 0, 0, 0, 1, 2, 3, 128]);
    assert_eq!((shape.channels, shape.height, shape.width), (3, 1, 2), "the last is the channels");
    assert_eq!(images[0], [255, 128, 255, 128, 255, 129]);
    assert_eq!(
        notes,
        ["the last dimension taken for the channels", "1 of them transparent, laid over white"]
    );
}

#[test]
fn levels_are_found_out_from_the_range() {
    let files = Files::new();
    let read = |descr: &str, values: &[u8], n: usize| {
        let (_, images, notes) = files.images(descr, &format!("(1, 1, {n})"), values);
        (images.concat(), notes)
    };
    let said = |text: &str| vec![text.to_string()];
    assert_eq!(
        read("<f4", &floats(&[0.0, 0.5, 1.0, 0.2, 0.0]), 5),
        (vec![0, 128, 255, 51, 0], said("levels from 0 to 1"))
    );
    assert_eq!(
        read("<f4", &floats(&[-1.0, 0.0, 1.0, 0.5, -0.5]), 5),
        (vec![0, 128, 255, 191, 64], said("levels from -1 to 1"))
    );
    assert_eq!(read("<f4", &floats(&[0.0, 7.0, 254.6, 200.0, 1.0]), 5).0, [0, 7, 255, 200, 1]);
    assert_eq!(read("|b1", &[0, 1, 1, 0, 0], 5).0, [0, 255, 255, 0, 0]);
    assert_eq!(read("|u1", &[0, 1, 1, 0, 0], 5), (vec![0, 255, 255, 0, 0], said("levels from 0 to 1")));
    assert_eq!(read("|i1", &[255, 1, 1, 255, 255], 5).0, [0, 255, 255, 0, 0]);
    let words: Vec<u8> = [0u16, 257, 65_535, 1000, 5].iter().flat_map(|word| word.to_be_bytes()).collect();
    assert_eq!(read(">u2", &words, 5), (vec![0, 1, 255, 4, 0], said("levels of 16 bits, reduced to 8")));
    assert_eq!(read("|u1", &[0; 5], 5), (vec![0; 5], vec![]));

    let refused = |values: &[f32]| {
        files.file("x.npy", &npy("<f4", "(1, 1, 2)", &floats(values)));
        files.read("x.npy", Split::Train).unwrap_err().to_string()
    };
    assert!(refused(&[-2.1, 2.6]).contains("numbers from -2.0999"));
    assert!(refused(&[0.0, f32::NAN]).contains("1 number is NaN"));
    assert!(refused(&[0.0, f32::INFINITY]).contains("infinite"));
    assert!(refused(&[0.0, 300.0]).contains("from 0 to 255"));
}

#[test]
fn an_archive_has_images_labels_and_a_held_out_part() {
    let files = Files::new();
    let images = |n: u8| npy("|u1", &format!("({n}, 2, 2)"), &(0..4 * n).collect::<Vec<_>>());
    let labels = |values: &[u8]| npy("|u1", &format!("({},)", values.len()), values);
    for (names, deflated) in [
        (["x_train", "y_train", "x_test", "y_test"], false),
        (["train_images", "train_labels", "test_images", "test_labels"], true),
        (["images", "labels", "val_images", "val_labels"], false),
    ] {
        let [a, b, c, d] = names.map(|name| format!("{name}.npy"));
        let content = zip(
            &[
                (&*a, &images(3)),
                (&*b, &labels(&[7, 2, 7])),
                (&*c, &images(2)),
                (&*d, &labels(&[7, 9])),
                ("other.npy", &labels(&[1])),
            ],
            deflated,
        );
        files.file("x.npz", &content);
        let train = files.read("x.npz", Split::Train).unwrap();
        assert_eq!(
            (train.len(), train.classes(), train.counts()),
            (3, &["2".into(), "7".into()][..], vec![1, 2])
        );
        assert_eq!(train.notes(), [format!("the array {}", names[0]), "arrays left out: other".into()]);
        let test = files.read("x.npz", Split::Test).unwrap();
        assert_eq!((test.len(), test.classes()), (2, &["2".into(), "7".into(), "9".into()][..]));
        assert_eq!(test.get(0).unwrap().label, Some(1), "a class has the label of training");
    }
    files.file(
        "one.npz",
        &zip(&[("whatever.npy", &images(2)), ("t.npy", &npy("|u1", "(2, 2)", &[0; 4]))], false),
    );
    assert_eq!(files.read("one.npz", Split::Train).unwrap().len(), 2);
    assert!(matches!(files.read("one.npz", Split::Test), Err(DataError::NoHeldOut { .. })));
}

#[test]
fn an_archive_without_images_or_with_many_is_refused_by_its_shapes() {
    let files = Files::new();
    let image = npy("|u1", "(1, 2, 2)", &[0; 4]);
    let error = |members: &[(&str, &[u8])]| {
        files.file("x.npz", &zip(members, false));
        files.read("x.npz", Split::Train).unwrap_err().to_string()
    };
    let table = npy("|u1", "(2, 2)", &[0; 4]);
    assert!(error(&[("t.npy", &table)]).contains("t (2, 2)"));
    assert!(error(&[("a.npy", &image), ("b.npy", &image)]).contains("a (1, 2, 2), b (1, 2, 2)"));
    let few = error(&[("images.npy", &image), ("labels.npy", &npy("|u1", "(2,)", &[0, 1]))]);
    assert!(few.contains("2 labels for 1 images"), "{few}");
    assert!(error(&[]).contains("x.npz holds no arrays"));
    let damaged = error(&[("images.npy", b"\x93NUMPY\x02\0\xff\xff\xff\xff")]);
    assert!(damaged.contains("images.npy") && damaged.contains("a header of 4294967295 bytes"), "{damaged}");
    files.file("x.npz", b"no archive");
    assert!(files.read("x.npz", Split::Train).unwrap_err().to_string().contains("x.npz"));
}

#[test]
fn a_folder_has_a_file_for_each_split_and_images_are_brought_to_a_size() {
    let files = Files::new();
    files.file("both/train.npy", &npy("|u1", "(1, 2, 2)", &[11; 4]));
    files.file("both/val.npy", &npy("|u1", "(1, 2, 2)", &[2; 4]));
    assert_eq!(files.read("both", Split::Test).unwrap().pixels(0), [2; 4]);
    let wanted = Preparation {
        size: Some([3, 5]),
        background: Background([9; 3]),
        fit: crate::Fit::Pad,
        channels: Some(3),
    };
    let set = Stack::new(files.0.path().join("both"), wanted).read(Split::Train).unwrap();
    assert_eq!(set.shape(), ImageShape { channels: 3, height: 3, width: 5 });
    assert_eq!(set.pixels(0)[..5], [9, 11, 11, 11, 9]);
    assert_eq!(set.notes(), ["1×2×2 brought to 3×3×5"]);
}
