//! Faults at every system call by which one save changes the disk: the process is killed there, or the call fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::run::{Program, leftovers, restarted, results, skipped_a_checkpoint, succeeds};
use super::strace::{self, Call, Fault, Traced};

/// Training steps of the run; the last save is the one that is disturbed.
const STEPS: u32 = 6;

/// Disturbs the last save of a run at each of its calls in turn, resumes the run, and compares its results with those
/// of an undisturbed run; returns one line for each failure.
///
/// # Errors
/// If strace is missing, or the program fails without a fault.
pub fn faults(program: &Program, folder: &Path) -> Result<Vec<String>, String> {
    strace::check()?;
    let undisturbed = folder.join("undisturbed");
    succeeds(&mut program.train(STEPS, &undisturbed))?;
    let expected = results(&undisturbed, STEPS)?;
    let mut failures = Vec::new();
    for replaced in [false, true] {
        let prepared = folder.join(if replaced { "replaced" } else { "new" });
        prepare(&undisturbed, &prepared, replaced)?;
        let run = folder.join("run");
        copy(&prepared, &run)?;
        let log = folder.join("calls.txt");
        let traced = Traced { ebm: &program.ebm, arguments: Program::resumption(&run), always: None, log };
        let calls = traced.calls(|call| !call.only_opens())?;
        let mut tried: BTreeMap<String, usize> = BTreeMap::new();
        for call in &calls {
            let error = if call.fills() { "ENOSPC" } else { "EIO" };
            for fault in [Fault::Kill, Fault::Fail(error), Fault::FailFromHereOn(error)] {
                // It would also fail to open files for reading, which a full disk does not.
                if fault == Fault::FailFromHereOn(error) && call.name == "openat" {
                    continue;
                }
                copy(&prepared, &run)?;
                let error = disturb(&traced, &run, call, fault)
                    .and_then(|()| recovers(program, &run, replaced, &expected))
                    .err();
                failures.extend(error.map(|error| format!("{} at {}: {error}", fault.words(), call.text)));
                *tried.entry(call.name.clone()).or_default() += 1;
            }
        }
        let total: usize = tried.values().sum();
        let kinds: Vec<String> = tried.iter().map(|(name, n)| format!("{n} at {name}")).collect();
        let what = if replaced { "checkpoint that replaces a damaged one" } else { "new checkpoint" };
        println!("save of a {what}: {} calls, {total} faults ({})", calls.len(), kinds.join(", "));
    }
    println!("{} failures", failures.len());
    Ok(failures)
}

/// Copies the finished run as it was before its last save; with `replaced`, the last checkpoint is there, but damaged.
fn prepare(undisturbed: &Path, prepared: &Path, replaced: bool) -> Result<(), String> {
    copy(undisturbed, prepared)?;
    let last = prepared.join(format!("checkpoints/step-{STEPS}"));
    let done = if replaced {
        fs::write(last.join("weights.safetensors"), b"damaged")
    } else {
        fs::remove_dir_all(&last)
    };
    let done = done.and_then(|()| fs::remove_file(prepared.join("model.safetensors")));
    done.and_then(|()| fs::remove_file(prepared.join(format!("samples/step-{STEPS}.png")))).map_err(text)
}

/// Resumes the run with this fault.
///
/// # Errors
/// If the program neither succeeds nor reports one error, or leaves temporary files.
fn disturb(traced: &Traced<'_>, run: &Path, call: &Call, fault: Fault) -> Result<(), String> {
    let output = traced.disturbed(call, fault)?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if fault == Fault::Kill {
        return Ok(());
    }
    let errors = stderr.lines().filter(|line| line.starts_with("error:")).count();
    // The write that failed may be that to standard error.
    let reported = errors == 1 || (errors == 0 && call.name == "write");
    match output.status.code() {
        Some(0) => {}
        Some(1) if reported => {}
        _ => return Err(format!("{}: {}", output.status, stderr.trim())),
    }
    // A file that could not be removed is still there; the next start removes it.
    let left: Vec<String> = leftovers(run)
        .into_iter()
        .filter(|name| name.starts_with(".ebm-draft-") || name.ends_with(".partial"))
        .collect();
    // Until the names are on the disk, what was replaced is kept.
    let keeps = call.name == "fsync" && call.text.contains("/checkpoints>");
    if call.removes() || keeps || left.is_empty() {
        Ok(())
    } else {
        Err(format!("temporary files left: {left:?}"))
    }
}

/// Resumes the run without a fault.
///
/// # Errors
/// If a checkpoint was lost, the results differ from those expected, or temporary files are left.
fn recovers(
    program: &Program,
    run: &Path,
    replaced: bool,
    expected: &BTreeMap<String, Vec<u8>>,
) -> Result<(), String> {
    let stderr = succeeds(&mut program.resume(run))?;
    // Only the checkpoint that was damaged on purpose may be skipped.
    let damaged = stderr.lines().filter(|line| skipped_a_checkpoint(line)).count();
    if usize::from(replaced) < damaged || restarted(&stderr) {
        return Err(format!("a checkpoint was lost: {}", stderr.trim()));
    }
    if results(run, STEPS)? != *expected {
        return Err("the results differ from those of the undisturbed run".into());
    }
    let left = leftovers(run);
    if left.is_empty() { Ok(()) } else { Err(format!("temporary files left: {left:?}")) }
}

/// Copies the folder `from` to `to`, which is replaced.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), String> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(text)?;
    }
    fs::create_dir_all(to).map_err(text)?;
    for entry in fs::read_dir(from).map_err(text)? {
        let from: PathBuf = entry.map_err(text)?.path();
        let target = to.join(from.file_name().unwrap_or_default());
        if from.is_dir() {
            copy(&from, &target)?;
        } else {
            fs::copy(&from, &target).map_err(text)?;
        }
    }
    Ok(())
}

pub(super) fn text(error: std::io::Error) -> String {
    error.to_string()
}
