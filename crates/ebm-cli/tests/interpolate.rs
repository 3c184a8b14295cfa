//! The way between two samples from the command line.

mod common;

use std::fs;

use common::{ebm, stderr, stdout};

#[test]
fn the_way_between_two_rows_begins_and_ends_at_them_and_a_film_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let run = |arguments: &[&str]| {
        let output = ebm(arguments).current_dir(at).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    };
    let settings = ["--set", "model.hidden=16", "--set", "record.picture_samples=0", "--batch-size", "64"];
    let train = ["train", "two-moons", "--steps", "100", "--backend", "flex", "--out", "run"];
    run(&[&train[..], &settings].concat());
    run(&[
        "interpolate",
        "run",
        "-0.9,0.3",
        "1.2,-0.4",
        "--n",
        "5",
        "--out",
        "way.csv",
        "--set",
        "heun.levels=60",
    ]);
    let text = fs::read_to_string(at.join("way.csv")).unwrap();
    let rows: Vec<Vec<f64>> =
        text.lines().skip(1).map(|row| row.split(',').map(|x| x.parse().unwrap()).collect()).collect();
    assert_eq!(rows.len(), 5, "{text}");
    for (row, expected) in [(&rows[0], [-0.9, 0.3]), (&rows[4], [1.2, -0.4])] {
        assert!(row.iter().zip(expected).all(|(x, e)| (x - e).abs() < 0.02), "{text}");
    }
    let between = |x: f64| (-0.89..1.19).contains(&x);
    assert!(rows[1..4].iter().any(|row| between(row[0])), "{text}");
    run(&["interpolate", "run", "-0.9,0.3", "1.2,-0.4", "--out", "film.gif"]);
    assert!(fs::read(at.join("film.gif")).unwrap().starts_with(b"GIF89a"));

    let refused = |arguments: &[&str], part: &str| {
        let output = ebm(&[&["interpolate", "run"], arguments].concat()).current_dir(at).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(part), "{arguments:?}: {}", stderr(&output));
    };
    refused(&["1,2,3", "1,2"], "expected 2 numbers, found 3");
    refused(&["one", "1,2"], "expected 2 numbers with commas between");
    refused(&["1,2", "3,4", "--n", "1"], "expected at least 2");
    refused(&["1,2", "3,4", "--out", "film.txt"], ".gif");
}
