//! Faults at every system call by which one save changes the disk: the process is killed there, or the call fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::run::{Program, captured, leftovers, output, restarted, results, skipped_a_checkpoint, succeeds};

/// System calls that change what is on a disk.
const CALLS: &str = "write,writev,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,mkdir,mkdirat,unlink,\
                     unlinkat,rmdir,openat";

/// Training steps of the run; the last save is the one that is disturbed.
const STEPS: u32 = 6;

/// A system call that the program made.
#[derive(Clone, Debug)]
struct Call {
    name: String,
    /// Its number among the calls of that name, from 1.
    number: usize,
    /// The line that strace printed for it.
    text: String,
}

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// The process is killed.
    Kill,
    /// This call fails, later ones do not.
    FailOnce,
    /// This call and all later ones of its name fail, as on a disk that stays full.
    FailFromHereOn,
}

impl Fault {
    /// What happens, in words.
    fn words(self) -> &'static str {
        match self {
            Self::Kill => "killed",
            Self::FailOnce => "one failure",
            Self::FailFromHereOn => "failures from here on",
        }
    }
}

/// Disturbs the last save of a run at each of its calls in turn, resumes the run, and compares its results with those
/// of an undisturbed run; returns one line for each failure.
///
/// # Errors
/// If strace is missing, or the program fails without a fault.
pub fn faults(program: &Program, folder: &Path) -> Result<Vec<String>, String> {
    let version =
        Command::new("strace").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        return Err("--faults needs strace, which is not installed; nothing was tested".into());
    }
    let undisturbed = folder.join("undisturbed");
    succeeds(&mut program.train(STEPS, &undisturbed))?;
    let expected = results(&undisturbed, STEPS)?;
    let mut failures = Vec::new();
    for replaced in [false, true] {
        let prepared = folder.join(if replaced { "replaced" } else { "new" });
        prepare(&undisturbed, &prepared, replaced)?;
        let run = folder.join("run");
        let calls = calls(program, &prepared, &run, folder)?;
        let mut tried: BTreeMap<String, usize> = BTreeMap::new();
        for call in &calls {
            for fault in [Fault::Kill, Fault::FailOnce, Fault::FailFromHereOn] {
                // It would also fail to open files for reading, which a full disk does not.
                if fault == Fault::FailFromHereOn && call.name == "openat" {
                    continue;
                }
                copy(&prepared, &run)?;
                let error = disturb(program, &run, call, fault, folder)
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

/// The calls by which the program changes the disk during the last step.
fn calls(program: &Program, prepared: &Path, run: &Path, folder: &Path) -> Result<Vec<Call>, String> {
    copy(prepared, run)?;
    let log = folder.join("calls.txt");
    succeeds(&mut traced(program, run, &log, None))?;
    let log = fs::read_to_string(log).map_err(text)?;
    let mut first = None;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let Some((process, call)) = line.split_once(' ') else { continue };
        let Some((name, arguments)) = call.trim_start().split_once('(') else { continue };
        if *first.get_or_insert(process) != process || !name.chars().all(char::is_alphanumeric) {
            continue;
        }
        let number = counts.entry(name.to_owned()).or_default();
        *number += 1;
        if name != "openat" || arguments.contains("O_CREAT") {
            let text: String = call.trim_start().chars().take(150).collect();
            calls.push(Call { name: name.to_owned(), number: *number, text });
        }
    }
    if calls.is_empty() { Err("strace recorded no system call".into()) } else { Ok(calls) }
}

/// The command that resumes the run under strace, with a fault to inject if there is one.
fn traced(program: &Program, run: &Path, log: &Path, inject: Option<String>) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "--seccomp-bpf", "-o"]).arg(log).args(["-e", &format!("trace={CALLS}")]);
    if let Some(inject) = inject {
        command.args(["-e", &format!("inject={inject}")]);
    }
    command.arg(&program.ebm).args(Program::resumption(run));
    captured(command)
}

/// Resumes the run with this fault.
///
/// # Errors
/// If the program neither succeeds nor reports one error, or leaves temporary files.
fn disturb(program: &Program, run: &Path, call: &Call, fault: Fault, folder: &Path) -> Result<(), String> {
    let Call { name, number, .. } = call;
    let full =
        ["write", "writev", "pwrite64", "ftruncate", "openat", "mkdir", "mkdirat"].contains(&name.as_str());
    let error = if full { "ENOSPC" } else { "EIO" };
    let inject = match fault {
        Fault::Kill => format!("{name}:signal=KILL:when={number}"),
        Fault::FailOnce => format!("{name}:error={error}:when={number}"),
        Fault::FailFromHereOn => format!("{name}:error={error}:when={number}+"),
    };
    let output = output(&mut traced(program, run, &folder.join("fault.txt"), Some(inject)))?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if fault == Fault::Kill {
        return Ok(());
    }
    let errors = stderr.lines().filter(|line| line.starts_with("error:")).count();
    // The write that failed may be that to standard error.
    let reported = errors == 1 || (errors == 0 && name == "write");
    match output.status.code() {
        Some(0) => {}
        Some(1) if reported => {}
        _ => return Err(format!("{}: {}", output.status, stderr.trim())),
    }
    // A file that could not be removed is still there; the next start removes it.
    let removes = ["unlink", "unlinkat", "rmdir"].contains(&name.as_str());
    let left: Vec<String> = leftovers(run)
        .into_iter()
        .filter(|name| name.starts_with(".ebm-draft-") || name.ends_with(".partial"))
        .collect();
    if removes || left.is_empty() { Ok(()) } else { Err(format!("temporary files left: {left:?}")) }
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
fn copy(from: &Path, to: &Path) -> Result<(), String> {
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

fn text(error: std::io::Error) -> String {
    error.to_string()
}
