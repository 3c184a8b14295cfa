//! Faults at every system call by which a command touches the disk: old or new, whole, and nothing left behind.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::faults::{copy, text};
use super::run::{Program, captured, output, succeeds};
use super::strace::{self, Call, Fault, Traced};

/// The formats of `ebm sample`.
const FORMATS: [&str; 7] = ["png", "svg", "gif", "npy", "safetensors", "csv", "zarr"];

/// The files under a folder with their bytes, and its folders with none, by their paths in it.
type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// A command, and what it writes into the folder `work`.
struct Case {
    /// What it is called; the verb comes first.
    name: String,
    /// The command's arguments.
    arguments: Vec<OsString>,
    /// Its arguments when something is there already.
    again: Option<(PathBuf, Vec<OsString>)>,
    /// The arguments that fill the folder before, if something is to be replaced.
    before: Option<Vec<OsString>>,
    /// An injection that is in force from the start.
    always: Option<&'static str>,
    /// Whether every state on the way is the one before or the one after; training goes through more.
    is_one_step: bool,
}

/// Disturbs the commands whose names begin with `verb` (all of them if it is `all`) at each of their calls in turn, runs
/// them again, and compares what they write with what an undisturbed command writes; returns one line for each failure.
///
/// `data` is the folder with the files of MNIST that `fetch` is to bring; without it, `fetch` is left out.
///
/// # Errors
/// If strace is missing, or the program fails without a fault.
pub fn verbs(ebm: &Path, verb: &str, data: Option<&Path>, folder: &Path) -> Result<Vec<String>, String> {
    strace::check()?;
    let work = folder.join("work");
    let cases: Vec<Case> = cases(ebm, data, folder, &work)?
        .into_iter()
        .filter(|case| verb == "all" || case.name.starts_with(verb))
        .collect();
    if cases.is_empty() {
        return Err(format!("no case begins with {verb}; fetch needs --data"));
    }
    let (mut failures, mut total) = (Vec::new(), 0);
    for case in &cases {
        let (calls, faults, found) = disturbances(ebm, case, folder, &work)?;
        println!("{:32} {calls:4} calls {faults:5} faults {:4} failures", case.name, found.len());
        total += faults;
        failures.extend(found);
    }
    println!("{total} faults in {} commands, {} failures", cases.len(), failures.len());
    Ok(failures)
}

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

/// A command that writes `work/NAME`, onto nothing and onto what the command `before` wrote.
fn both(name: &str, arguments: &[OsString], before: &[OsString]) -> [Case; 2] {
    let case = |suffix: &str, before: Option<Vec<OsString>>| Case {
        name: format!("{name}{suffix}"),
        arguments: arguments.to_vec(),
        again: None,
        before,
        always: None,
        is_one_step: true,
    };
    [case("", None), case(", replacing", Some(before.to_vec()))]
}

fn cases(ebm: &Path, data: Option<&Path>, folder: &Path, work: &Path) -> Result<Vec<Case>, String> {
    let with_out = |line: &str, out: &str| {
        let mut words = words(line);
        words.push(work.join(out).into());
        words
    };
    let chains = "sample banana --backend flex --kernel mala --chains 2 --draws 4 --burn-in 1";
    let mut cases = Vec::new();
    for format in FORMATS {
        let file = format!("a.{format}");
        let [new, old] = [1, 2].map(|seed| with_out(&format!("{chains} --seed {seed} --out"), &file));
        cases.extend(both(&format!("sample .{format}"), &new, &old));
        if format == "zarr" {
            // As on a file system that cannot exchange two folders.
            let [_, replacing] = both("sample .zarr, no exchange", &new, &old);
            cases.push(Case { always: Some("renameat2:error=EINVAL"), is_one_step: false, ..replacing });
        }
    }
    let plots = |seed| {
        let mut words = with_out(&format!("{chains} --seed {seed} --out"), "deep/a.csv");
        words.extend(with_out("--plots", "deep/a.png"));
        words
    };
    cases.extend(both("sample --plots", &plots(1), &plots(2)));

    let run = folder.join("model");
    let small =
        "--backend flex --steps 3 --batch-size 16 --set model.hidden=[8] --set record.picture_samples=0";
    let mut train = words(&format!("train two-moons-nce {small} --out"));
    train.push(run.clone().into());
    succeeds(&mut command(ebm, &train))?;
    let tables = ["0.1,0.2\n-1,0.5\n0.3,-0.7\n", "0.4,0.2\n-1,0\n"];
    let of_run = |verb: &str, more: &str, out: &str| {
        let mut words = vec![OsString::from(verb), run.clone().into()];
        words.extend(with_out(&format!("{more} --backend flex --out"), out));
        words
    };
    let [new, old] =
        [1, 2].map(|seed| of_run("sample", &format!("--n 3 --set chain.steps=3 --seed {seed}"), "a.png"));
    cases.extend(both("sample of a run", &new, &old));
    let mut energy = Vec::new();
    for (i, rows) in tables.into_iter().enumerate() {
        let table = folder.join(format!("table-{i}.csv"));
        fs::write(&table, format!("x,y\n{rows}")).map_err(text)?;
        let mut words = of_run("energy", "", "a.csv");
        words.extend([OsString::from("--data"), table.into()]);
        energy.push(words);
    }
    let [new, old] = [&energy[0], &energy[1]];
    cases.extend(both("energy --out", new, old));
    if let Some(data) = data {
        let fetch = |to: &str| {
            let mut words = words("fetch mnist --from");
            words.push(data.into());
            words.extend(with_out("--to", to));
            words
        };
        let [new, _] = both("fetch --from", &fetch("mnist"), &[]);
        cases.push(new);
    }
    let run = work.join("run");
    // One picture, the last one: those before it are left out where they take too long.
    let mut begin = words(
        "train two-moons --backend flex --seed 5 --batch-size 16 --steps 3 --checkpoint-every 1 --set \
         record.picture_samples=20 --set record.picture_every=3 --set record.journal_every=1 --set \
         record.keep_checkpoints=2 --set record.keep_best=0 --set sample.langevin.levels=3 --out",
    );
    begin.push(run.clone().into());
    cases.push(Case {
        name: "train".into(),
        arguments: begin,
        again: Some((run.join("config.toml"), Program::resumption(&run))),
        before: None,
        always: None,
        is_one_step: false,
    });
    Ok(cases)
}

fn command(ebm: &Path, arguments: &[OsString]) -> std::process::Command {
    let mut command = std::process::Command::new(ebm);
    command.args(arguments);
    captured(command)
}

/// The calls and the faults of a case, and its failures.
fn disturbances(
    ebm: &Path,
    case: &Case,
    folder: &Path,
    work: &Path,
) -> Result<(usize, usize, Vec<String>), String> {
    let base = folder.join("base");
    for at in [&base, &work.to_owned()] {
        if at.exists() {
            fs::remove_dir_all(at).map_err(text)?;
        }
        fs::create_dir_all(at).map_err(text)?;
    }
    if let Some(before) = &case.before {
        succeeds(&mut command(ebm, before))?;
        copy(work, &base)?;
    }
    let old = tree(work)?;
    let log = folder.join("calls.txt");
    let traced = Traced { ebm, arguments: case.arguments.clone(), always: case.always, log };
    let place = work.display().to_string();
    let calls = thinned(traced.calls(|call| call.text.contains(&place) || call.prints())?);
    let new = tree(work)?;
    let (mut faults, mut failures) = (0, Vec::new());
    for call in &calls {
        let mut kinds = vec![Fault::Kill, Fault::Fail("ENOSPC"), Fault::Fail("EIO"), Fault::Fail("EACCES")];
        if call.fills() && call.name != "openat" {
            kinds.push(Fault::FailFromHereOn("ENOSPC"));
        }
        for fault in kinds {
            // The call that is to fail fails already.
            if case.always.is_some() && call.name == "renameat2" {
                continue;
            }
            faults += 1;
            copy(&base, work)?;
            let found = disturb(&traced, case, call, fault, work, [&old, &new])
                .and_then(|()| recovers(ebm, case, work, &new));
            failures.extend(
                found
                    .err()
                    .map(|error| format!("{}, {} at {}: {error}", case.name, fault.words(), call.text)),
            );
        }
    }
    Ok((calls.len(), faults, failures))
}

/// The calls without most of those writes to one file that follow each other: they differ in nothing.
fn thinned(calls: Vec<Call>) -> Vec<Call> {
    const KEPT: usize = 3;
    let is_like = |a: &Call, b: &Call| a.name == "write" && b.name == "write" && a.file() == b.file();
    let runs: Vec<&[Call]> = calls.chunk_by(is_like).collect();
    let kept = runs.into_iter().flat_map(|run| {
        let (first, last) = run.split_at(run.len().min(KEPT));
        first.iter().chain(&last[last.len().saturating_sub(KEPT)..])
    });
    kept.cloned().collect()
}

/// Runs the command with a fault.
///
/// # Errors
/// If something is neither old nor new, the error does not name what the user named, or scratch files are left.
fn disturb(
    traced: &Traced<'_>,
    case: &Case,
    call: &Call,
    fault: Fault,
    work: &Path,
    [old, new]: [&Tree; 2],
) -> Result<(), String> {
    let output = traced.disturbed(call, fault)?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let found = tree(work)?;
    let is_scratch = |path: &Path| {
        path.iter().any(|part| {
            part.to_string_lossy().starts_with('.')
                && part != ".lock"
                && !part.to_string_lossy().starts_with(".z")
        })
    };
    if case.is_one_step {
        for entry in tops(&found).into_iter().filter(|entry| !is_scratch(entry)) {
            let now = below(&found, &entry);
            if now != below(old, &entry) && now != below(new, &entry) {
                return Err(format!("{} is neither old nor new", entry.display()));
            }
        }
        if let Some(gone) = tops(old).into_iter().find(|entry| !found.contains_key(entry)) {
            return Err(format!("{} is gone", gone.display()));
        }
    }
    if fault == Fault::Kill {
        return Ok(());
    }
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error:")).collect();
    match (output.status.code(), errors.as_slice()) {
        (Some(0), []) => {
            let kept: Tree = found
                .iter()
                .filter(|(path, _)| !is_scratch(path))
                .map(|(path, bytes)| (path.clone(), bytes.clone()))
                .collect();
            if differ(&kept, new).is_some() && case.again.is_none() {
                return Err(format!(
                    "it succeeds, but {} is not new",
                    differ(&kept, new).unwrap_or_default()
                ));
            }
        }
        // The write that failed may be that to standard error.
        (Some(1), [])
            if call.prints() || (call.name == "write" && matches!(fault, Fault::FailFromHereOn(_))) => {}
        (Some(1), [error]) => {
            let hidden = [".ebm-draft", ".partial", ".gone", ".tmp", "/room"]
                .iter()
                .find(|part| error.contains(**part));
            if let Some(hidden) = hidden {
                return Err(format!("{hidden} in {error}"));
            }
            if !call.prints() && !error.contains(&work.display().to_string()) {
                return Err(format!("no path of the user's in {error}"));
            }
        }
        _ => return Err(format!("{}: {}", output.status, stderr.trim())),
    }
    let left: Vec<String> =
        found.keys().filter(|path| is_scratch(path)).map(|path| path.display().to_string()).collect();
    if left.is_empty() {
        return Ok(());
    }
    let is_warning = |line: &str| line.starts_with("warning:") && line.contains("remove");
    let is_said = stderr.lines().any(is_warning) || !errors.is_empty();
    if call.removes() && is_said { Ok(()) } else { Err(format!("left: {left:?}; said: {}", stderr.trim())) }
}

/// Runs the command again, without a fault.
///
/// # Errors
/// If it fails, or what is there afterwards is not what an undisturbed command writes.
fn recovers(ebm: &Path, case: &Case, work: &Path, new: &Tree) -> Result<(), String> {
    let arguments = match &case.again {
        Some((there, again)) if there.is_file() => again,
        _ => &case.arguments,
    };
    let output = output(&mut command(ebm, arguments))?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("the next run: {}: {}", output.status, stderr.trim()));
    }
    match differ(&tree(work)?, new) {
        Some(path) => Err(format!("after the next run {path} is not as undisturbed")),
        None => Ok(()),
    }
}

/// The first path that is not the same in both.
fn differ(found: &Tree, expected: &Tree) -> Option<String> {
    let mut paths = expected.keys().chain(found.keys());
    paths.find(|path| found.get(*path) != expected.get(*path)).map(|path| path.display().to_string())
}

/// What is under `folder`; of a journal, a page that tells of it, and a lock, which are not the same twice, only that they
/// are there.
fn tree(folder: &Path) -> Result<Tree, String> {
    fn add(folder: &Path, within: &Path, tree: &mut Tree) -> Result<(), String> {
        for entry in fs::read_dir(folder).map_err(text)? {
            let path = entry.map_err(text)?.path();
            let within = within.join(path.file_name().unwrap_or_default());
            if path.is_dir() {
                tree.insert(within.clone(), None);
                add(&path, &within, tree)?;
            } else {
                let varies =
                    ["journal.jsonl", "report.html", ".lock"].iter().any(|name| path.ends_with(name));
                let bytes = if varies { Vec::new() } else { fs::read(&path).map_err(text)? };
                tree.insert(within, Some(bytes));
            }
        }
        Ok(())
    }
    let mut tree = Tree::new();
    add(folder, Path::new(""), &mut tree)?;
    Ok(tree)
}

/// The files and `.zarr` folders that a command may replace: each is whole or absent.
fn tops(tree: &Tree) -> Vec<PathBuf> {
    let is_part =
        |path: &Path| path.ancestors().skip(1).any(|above| above.extension().is_some_and(|e| e == "zarr"));
    let is_unit = |path: &&PathBuf| {
        !is_part(path) && (tree[*path].is_some() || path.extension().is_some_and(|e| e == "zarr"))
    };
    tree.keys().filter(is_unit).cloned().collect()
}

/// What is at and under a path.
fn below<'a>(tree: &'a Tree, at: &Path) -> Vec<(&'a PathBuf, &'a Option<Vec<u8>>)> {
    tree.iter().filter(|(path, _)| path.starts_with(at)).collect()
}
