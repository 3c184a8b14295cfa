//! Every command that the program suggests works as it is printed.
#![cfg(unix)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{ebm, stderr, stdout};

const SMALL: [&str; 10] = [
    "--steps",
    "4",
    "--set",
    "record.picture_samples=4",
    "--batch-size",
    "8",
    "--set",
    "sample.heun.levels=4",
    "--backend",
    "flex",
];

/// What one or the other of the two streams suggests: between backquotes, or after `more of them:`.
fn hints(output: &Output) -> Vec<String> {
    let said = stdout(output) + &stderr(output);
    let mut hints: Vec<String> = said
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    hints.extend(said.lines().filter_map(|line| line.strip_prefix("more of them: ")).map(str::to_owned));
    hints.retain(|hint| ["ebm ", "cargo xtask ", "--"].iter().any(|start| hint.starts_with(start)));
    hints
}

/// A folder where the program is called `ebm`.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ebm"), bin.join("ebm")).unwrap();
        let at = folder.path();
        fs::create_dir(at.join("empty")).unwrap();
        fs::write(at.join("one.csv"), "x\n1\n2\n3\n4\n").unwrap();
        fs::write(at.join("three.csv"), "x,y,z\n1,2,3\n2,5,1\n3,1,1\n4,2,2\n").unwrap();
        let rows = |at: usize, last: &str| -> String {
            (0..40).map(|i| if i == at { last.to_owned() } else { format!("{i},{}\n", i % 7) }).collect()
        };
        fs::write(at.join("gaps.csv"), "x,y\n".to_owned() + &rows(3, "1,\n")).unwrap();
        fs::write(at.join("dates.csv"), "when,x\n2026-01-01,1\n2026-01-02,3\n2026-01-03,4\n").unwrap();
        fs::write(at.join("more.csv"), "z,y,x\n1,2,3\n4,5,7\n").unwrap();
        fs::write(at.join("pairs.csv"), "x,y\n".to_owned() + &rows(40, "")).unwrap();
        Self { folder }
    }

    fn at(&self) -> &Path {
        self.folder.path()
    }

    /// Types a line, as a person would.
    fn typed(&self, line: &str) -> Output {
        let path = format!("{}:/usr/bin:/bin", self.at().join("bin").display());
        Command::new("sh").args(["-c", line]).env("PATH", path).current_dir(self.at()).output().unwrap()
    }

    /// Runs a line that suggests something, and then what it suggests; the suggestions.
    fn follow(&self, line: &str) -> Vec<String> {
        let first = self.typed(line);
        let found = hints(&first);
        assert!(!found.is_empty(), "{line} suggests nothing: {}", stderr(&first));
        for (i, hint) in found.iter().enumerate() {
            let next = match hint.strip_prefix("--") {
                // A flag is for the command that was typed.
                // A run that was made stays.
                Some(_) if first.status.success() => {
                    format!("{} {hint}", line.replace("--out ", "--out again-"))
                }
                // The run of an earlier suggestion stays too.
                Some(_) if 0 < i => format!("{} {hint}", line.replace("--out ", &format!("--out {i}-"))),
                Some(_) => format!("{line} {hint}"),
                None => hint.clone(),
            };
            // No test downloads: a folder in which nothing is found is a failure, and no wrong use.
            let (next, code) = match next.starts_with("ebm fetch ") {
                true => (format!("{next} --from empty"), 1),
                false => (next, 0),
            };
            // A build for a GPU would look for one.
            let takes_backend = ["train", "sample", "eval", "energy"].iter().any(|verb| {
                next.starts_with(&format!("ebm {verb} "))
                    && !next.contains("--backend")
                    && !next.contains("--list")
            });
            let next = if takes_backend { next + " --backend flex" } else { next };
            let output = self.typed(&next);
            assert_eq!(output.status.code(), Some(code), "{line}\nsuggests {next}\n{}", stderr(&output));
        }
        found
    }
}

fn small(line: &str) -> String {
    let quoted: Vec<String> = SMALL.iter().map(|word| (*word).to_owned()).collect();
    format!("{line} {}", quoted.join(" "))
}

/// The suggestions in the sources: of every text with a command, what stands before its first value.
fn in_sources() -> BTreeSet<String> {
    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => files(&path, found),
                path if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
                _ => {}
            }
        }
    }
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut sources = Vec::new();
    for name in fs::read_dir(crates).unwrap().flatten() {
        files(&name.path().join("src"), &mut sources);
    }
    let text = |path: &PathBuf| fs::read_to_string(path).unwrap();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let mut found = BTreeSet::new();
    for source in sources {
        let text = text(&source);
        let own = text.split("#[cfg(test)]").next().unwrap();
        for line in own.lines().filter(is_code) {
            for part in line.split("`ebm ").skip(1) {
                // Not a name alone, as in the pattern that puts the program's own name in its place.
                let command = part.split(['`', '{', '"']).next().unwrap().trim();
                if !command.is_empty() {
                    found.insert(format!("ebm {command}"));
                }
            }
        }
    }
    found
}

#[test]
fn every_command_that_is_suggested_works_as_printed() {
    let place = Place::new();
    let mut followed: Vec<String> = Vec::new();
    let mut follow = |line: &str| followed.extend(place.follow(line));

    // What a run says at its end: for points in the plane, other tables, and pictures; in a folder with a space.
    follow(&small("ebm train two-moons --out 'my run'"));
    follow(&small("ebm train table --data one.csv --out one"));
    follow(&small("ebm train table --data three.csv --out three"));
    follow(&small("ebm train glyphs --set model.widths=[8] --set model.blocks=[1] --out pictures"));
    follow(&small("ebm train two-moons --out 'my run'"));
    follow("ebm train --backend flex --resume 'my run'");
    // The same of one that is stopped.
    let stop = "ebm train two-moons --steps 1000000 --set model.hidden=8 --set record.picture_samples=0 \
                --set record.journal_every=1 --backend flex --out stopped & \
                child=$!; until grep -q '\"step\":9' stopped/journal.jsonl 2>/dev/null; do sleep 0.02; done; \
                kill -INT $child; wait $child";
    let stopped = place.typed(stop);
    assert!(hints(&stopped)[0].starts_with("ebm train --resume stopped"), "{}", stdout(&stopped));
    let step = stdout(&stopped).split("stopped after ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let output = place.typed(&format!("ebm train --resume stopped --steps {step} --backend flex"));
    assert!(output.status.success(), "{}", stderr(&output));

    follow("ebm train --backend flex --resume 'my run' --set seed=3");
    follow("ebm train --backend flex --resume 'my run' --set model.hidden=8");
    follow("ebm energy 'my run' --data one.csv --backend flex");
    follow("ebm energy pictures --data empty --backend flex");
    follow("ebm train mnist");
    follow("cp one/model.safetensors lone.safetensors; ebm train --from lone.safetensors");
    follow(&small("ebm train table --data gaps.csv --out gaps"));
    follow(&small("ebm train table --data dates.csv --out dates"));
    assert!(
        place
            .typed(&small(
                "ebm train table --data pairs.csv --set model=mlp-energy \
        --set objective=sliced --set sample.sampler=mala --out pairs"
            ))
            .status
            .success()
    );
    follow("ebm energy pairs --data more.csv --backend flex");
    follow("ebm sample three --n 3 --backend flex");
    follow(&small("ebm train two-moons --set objective=sliced --out wants-energy"));
    follow(&small("ebm train two-moons-ssm --set objective=denoising --out wants-levels"));
    follow(&small("ebm train table --data three.csv --set model.dim=2 --out wide"));
    follow("ebm sample 'my run' --step-size 0.1 --sampler langevin --backend flex --out a.npy");
    follow(
        "ebm sample --target gaussian --sampler preconditioned-langevin --draws 20 --chains 2 --out b.npy",
    );

    let followed: BTreeSet<String> = followed.into_iter().collect();
    let begins = |start: &String| followed.iter().any(|hint| hint.starts_with(start.as_str()));
    // What help texts say is printed by no error.
    let in_help = ["ebm sample --list", "ebm train", "ebm sample RUN --class 7"];
    // A verb that is named, without what it is to be given.
    let named = ["ebm merge", "ebm sample --part"];
    // What a panic says, which no test provokes; `first_words.rs` runs it.
    let in_panics = ["ebm inspect --bug-report"];
    let never: Vec<String> = in_sources()
        .into_iter()
        .filter(|start| ![&in_help[..], &named, &in_panics].concat().contains(&start.as_str()))
        .filter(|start| !begins(start))
        .collect();
    assert!(never.is_empty(), "suggested by a text that this test does not provoke: {never:?}");
}

#[test]
fn a_program_that_xtask_started_suggests_xtask() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        ebm(&["train", "mnist"]).env("EBM_PROGRAM", "cargo xtask").current_dir(&folder).output().unwrap();
    assert_eq!(hints(&output), ["cargo xtask fetch mnist"], "{}", stderr(&output));
    let run = folder.path().join("run");
    let small = small("");
    let mut train = ebm(&["train", "two-moons", "--out"]);
    train.arg(&run).args(small.split_whitespace()).env("EBM_PROGRAM", "cargo xtask");
    let hints = hints(&train.output().unwrap());
    assert!(hints[0].starts_with("cargo xtask sample "), "{hints:?}");
    // Nothing else is taken for a command.
    let output = ebm(&["train", "mnist"]).env("EBM_PROGRAM", "rm -rf").current_dir(&folder).output().unwrap();
    assert!(stderr(&output).contains("`ebm fetch mnist`"));
}
