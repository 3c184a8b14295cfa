//! Pictures restored from the command line: what is written, what is kept, and what is refused.

mod common;

use std::fs;
use std::path::Path;

use common::{ebm, stderr, stdout};
use serde_json::Value;

const SIDE: usize = 28;

/// A small network of glyphs in the folder `run`, and two pictures in the folder `given`.
fn prepare(at: &Path, preset: &str) {
    let settings = [
        "model.widths=[8,16]",
        "model.blocks=[1,1]",
        "train.average_decay=0.9",
        "record.picture_samples=0",
        "sample.heun.levels=6",
        "sample.langevin.levels=4",
        "sample.langevin.steps_per_level=2",
    ];
    let mut command = ebm(&["train", preset, "--steps", "20", "--batch-size", "16", "--backend", "flex"]);
    command.args(["--out", "run"]);
    let output = settings.iter().fold(&mut command, |command, setting| command.args(["--set", setting]));
    let output = output.current_dir(at).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    fs::create_dir(at.join("given")).unwrap();
    for i in 0..2 {
        let side = SIDE as u32;
        image::GrayImage::from_fn(side, side, |x, y| image::Luma([byte(i, y as usize * SIDE + x as usize)]))
            .save(at.join(format!("given/{}.png", ["first", "second"][i])))
            .unwrap();
    }
}

/// Pixel `at` of picture `i`: every byte comes up.
fn byte(i: usize, at: usize) -> u8 {
    ((7 + 100 * i) * at % 256) as u8
}

fn restore(at: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = ebm(&["restore", "run", "--image", "given", "--backend", "flex"]);
    command.args(arguments).current_dir(at).output().unwrap()
}

/// What a restoration that ends well prints with `--json`.
fn report(at: &Path, arguments: &[&str]) -> Value {
    let output = restore(at, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    serde_json::from_str(stdout(&output).trim()).unwrap()
}

/// The numbers of a NumPy array.
fn numbers(path: &Path) -> Vec<f32> {
    let file = fs::read(path).unwrap();
    let begin = file.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    file[begin..].chunks_exact(4).map(|number| f32::from_le_bytes(number.try_into().unwrap())).collect()
}

#[test]
fn known_pixels_are_kept_to_the_bit_and_the_answers_do_not_depend_on_how_many_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    prepare(at, "glyphs");
    let found = report(at, &["--mask", "right", "--n", "3", "--seed", "4", "--out", "a"]);
    assert_eq!((&found["images"], &found["n"], &found["task"]), (&2.into(), &3.into(), &"inpaint".into()));
    assert!(found["acceptance"].is_null() && found["error_of_mean"].is_null(), "{found}");

    let answers = numbers(&at.join("a/answers.npy"));
    let (mean, deviation) = (numbers(&at.join("a/mean.npy")), numbers(&at.join("a/deviation.npy")));
    assert_eq!((answers.len(), mean.len(), deviation.len()), (6 * 784, 2 * 784, 2 * 784));
    for (i, name) in ["first", "second"].into_iter().enumerate() {
        let picture = image::open(at.join(format!("a/pictures/{name}/answer-002.png"))).unwrap().into_luma8();
        let mut differs = 0;
        for pixel in 0..784 {
            let (byte, is_known) = (byte(i, pixel), pixel % SIDE < SIDE / 2);
            let drawn: Vec<f32> = (0..3).map(|k| answers[(3 * i + k) * 784 + pixel]).collect();
            if is_known {
                assert_eq!(drawn, [f32::from(byte) / 255.0; 3], "pixel {pixel}");
                assert_eq!((mean[i * 784 + pixel], deviation[i * 784 + pixel]), (drawn[0], 0.0));
                assert_eq!(picture.as_raw()[pixel], byte);
            } else {
                differs += usize::from(drawn[0] != drawn[1]);
            }
        }
        assert!(300 < differs, "the answers are all one: {differs} of 392 pixels differ");
    }
    assert!(at.join("a/sheet.png").is_file() && at.join("a/restored.json").is_file());

    report(at, &["--mask", "right", "--n", "5", "--seed", "4", "--out", "b"]);
    let more = numbers(&at.join("b/answers.npy"));
    assert_eq!((&more[..3 * 784], &more[5 * 784..8 * 784]), (&answers[..3 * 784], &answers[3 * 784..]));
    // in place of the folder before
    report(at, &["--mask", "right", "--n", "3", "--seed", "5", "--out", "b"]);
    let others = numbers(&at.join("b/answers.npy"));
    assert_eq!(others.len(), answers.len());
    assert_ne!(others, answers);
}

#[test]
fn every_task_and_method_writes_its_answers() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    prepare(at, "glyphs-energy");
    let of = |arguments: &[&str]| {
        let found = report(at, &[arguments, &["--n", "2", "--out", "out"]].concat());
        let answers = numbers(&at.join("out/answers.npy"));
        assert_eq!(answers.len(), 4 * 784, "{arguments:?}");
        assert!(answers.iter().all(|value| (0.0..=1.0).contains(value)), "{arguments:?}");
        found
    };
    of(&["--task", "denoise", "--noise", "0.2"]);
    of(&["--task", "deblur", "--blur", "1"]);
    of(&["--task", "enlarge", "--factor", "4"]);
    of(&["--mask", "box", "--method", "posterior-sampling", "--strength", "0.5"]);
    of(&["--mask", "random=0.7", "--method", "replacement", "--resampling", "2"]);
    let tested = of(&["--mask", "bottom", "--method", "metropolis"]);
    assert!((0.0..=1.0).contains(&tested["acceptance"].as_f64().unwrap()), "{tested}");
    for sampler in ["annealed-langevin", "heun"] {
        let output = restore(at, &["--mask", "bottom", "--method", "metropolis", "--sampler", sampler]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{sampler}: {message}");
        let expected = format!("{sampler} has no Metropolis test, which --method metropolis needs; samplers");
        assert!(message.contains(&expected) && message.contains("this one: annealed-mala"), "{message}");
    }
    let whole = of(&["--task", "enlarge", "--degrade"]);
    // the mean of several answers is nearer than each of them
    let error = |of: &str| whole[of].as_f64().unwrap();
    assert!(0.0 < error("error_of_mean") && error("error_of_mean") < error("error_of_answers"), "{whole}");
    let mut command = ebm(&["restore", "run", "--image", "given/first.png", "--n", "1", "--out", "one"]);
    let output = command.current_dir(at).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("1 picture, 1 answers each"), "{}", stdout(&output));
}

#[test]
fn what_does_not_fit_together_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    prepare(at, "glyphs");
    fs::write(at.join("table.csv"), "1,2\n3,4\n").unwrap();
    fs::create_dir(at.join("full")).unwrap();
    fs::write(at.join("full/letter.txt"), "dear").unwrap();
    let refused = |arguments: &[&str], part: &str| {
        let output = restore(at, arguments);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(part), "{arguments:?}: {message}");
    };
    refused(&["--mask", "rihgt"], "did you mean right?");
    refused(&["--mask", "random=1.5"], "expected a share from 0 to 1");
    refused(&["--mask", "random=0"], "some pixels known and some missing");
    refused(&["--task", "denoise"], "--noise 0.2");
    refused(&["--task", "deblur", "--noise", "0"], "needs some");
    refused(&["--noise=-1"], "0 or more");
    refused(&["--factor", "2"], "--factor is for --task enlarge");
    refused(&["--task", "enlarge", "--factor", "3"], "a multiple of the factor 3");
    refused(&["--task", "deblur", "--blur", "0"], "deviation of the blur");
    refused(&["--task", "colour"], "for networks of coloured pictures");
    refused(&["--strength", "2"], "--strength is for --method posterior-sampling");
    refused(&["--method", "metropolis"], "needs an energy, the network is a score");
    refused(&["--task", "denoise", "--noise", "0.1", "--method", "replacement"], "for missing pixels");
    refused(&["--sampler", "hmc"], "samplers for it: annealed-langevin");
    refused(&["--sampler", "annealed-mala"], "for --method metropolis");
    refused(&["--n", "0"], "--n 0: expected at least 1");
    refused(&["--out", "full"], "name another place");
    refused(&["--set", "heun.levles=3"], "levles");
    let output = ebm(&["restore", "run", "--image", "table.csv"]).current_dir(at).output().unwrap();
    assert!(stderr(&output).contains("a table, expected pictures"), "{}", stderr(&output));
    assert!(!at.join("restored").exists() && fs::read_dir(at.join("full")).unwrap().count() == 1);
}
