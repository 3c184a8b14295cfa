//! A process that is killed, or a disk that fails, at each call to the system that writes something in one save.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::crash::{Program, end, ends, leftovers, succeeds};

/// Calls that change what is on a disk.
const CALLS: &str = "write,writev,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,mkdir,mkdirat,unlink,\
                     unlinkat,rmdir,openat";

/// Steps of the run; the save that is disturbed is the last.
const STEPS: u32 = 6;

/// One call of the program.
#[derive(Clone, Debug)]
struct Call {
    name: String,
    /// Which one of that name, from 1.
    number: usize,
    /// The call as it is traced.
    text: String,
}

/// What is done at a call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Killed,
    FailsOnce,
    /// As a disk that is full and stays so.
    FailsFromThereOn,
}

/// Disturbs the last save of a run at each of its calls in turn, lets it go on, and compares what it ends in; what
/// was lost.
///
/// # Errors
/// If the program does not do what it should without a fault.
pub fn faults(program: &Program, folder: &Path) -> Result<Vec<String>, String> {
    let version =
        Command::new("strace").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        return Err("strace is not installed: no call can be made to fail, nothing was tried".into());
    }
    let whole = folder.join("whole");
    succeeds(&mut program.train(STEPS, &whole))?;
    let expected = end(&whole, STEPS)?;
    let mut lost = Vec::new();
    for replaced in [false, true] {
        let prepared = folder.join(if replaced { "replaced" } else { "new" });
        prepare(&whole, &prepared, replaced)?;
        let run = folder.join("run");
        let calls = calls(program, &prepared, &run, folder)?;
        let mut tried: BTreeMap<String, usize> = BTreeMap::new();
        for call in &calls {
            for fault in [Fault::Killed, Fault::FailsOnce, Fault::FailsFromThereOn] {
                // No file could be opened for reading either, which is another fault than a full disk.
                if fault == Fault::FailsFromThereOn && call.name == "openat" {
                    continue;
                }
                copy(&prepared, &run)?;
                let error = disturb(program, &run, call, fault, folder)
                    .and_then(|()| goes_on(program, &run, replaced, &expected))
                    .err();
                lost.extend(error.map(|error| format!("{fault:?} at {}: {error}", call.text)));
                *tried.entry(call.name.clone()).or_default() += 1;
            }
        }
        let total: usize = tried.values().sum();
        let kinds: Vec<String> = tried.iter().map(|(name, n)| format!("{n} at {name}")).collect();
        let what = if replaced { "one that replaces a damaged checkpoint" } else { "a new checkpoint" };
        println!("a save of {what}: {} calls, {total} faults ({})", calls.len(), kinds.join(", "));
    }
    println!("{} lost", lost.len());
    Ok(lost)
}

/// The finished run as it was before its last save, which is to be made, or made again in the place of a damaged one.
fn prepare(whole: &Path, prepared: &Path, replaced: bool) -> Result<(), String> {
    copy(whole, prepared)?;
    let last = prepared.join(format!("checkpoints/step-{STEPS}"));
    let done = if replaced {
        fs::write(last.join("weights.safetensors"), b"damaged")
    } else {
        fs::remove_dir_all(&last)
    };
    let done = done.and_then(|()| fs::remove_file(prepared.join("model.safetensors")));
    done.and_then(|()| fs::remove_file(prepared.join(format!("samples/step-{STEPS}.png")))).map_err(text)
}

/// Every call of the program that changes the disk while it does the last step.
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
    if calls.is_empty() { Err("strace saw no call".into()) } else { Ok(calls) }
}

fn traced(program: &Program, run: &Path, log: &Path, inject: Option<String>) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "--seccomp-bpf", "-o"]).arg(log).args(["-e", &format!("trace={CALLS}")]);
    if let Some(inject) = inject {
        command.args(["-e", &format!("inject={inject}")]);
    }
    command.arg(program.path()).args(Program::resumption(run));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Lets the run go on with this fault; a word if it ends in another way than it should.
fn disturb(program: &Program, run: &Path, call: &Call, fault: Fault, folder: &Path) -> Result<(), String> {
    let Call { name, number, .. } = call;
    let full =
        ["write", "writev", "pwrite64", "ftruncate", "openat", "mkdir", "mkdirat"].contains(&name.as_str());
    let error = if full { "ENOSPC" } else { "EIO" };
    let inject = match fault {
        Fault::Killed => format!("{name}:signal=KILL:when={number}"),
        Fault::FailsOnce => format!("{name}:error={error}:when={number}"),
        Fault::FailsFromThereOn => format!("{name}:error={error}:when={number}+"),
    };
    let output = ends(&mut traced(program, run, &folder.join("fault.txt"), Some(inject)))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if fault == Fault::Killed {
        return Ok(());
    }
    let errors = said.lines().filter(|line| line.starts_with("error:")).count();
    // Standard error may be what failed.
    let clear = errors == 1 || (errors == 0 && name == "write");
    match output.status.code() {
        Some(0) => {}
        Some(1) if clear => {}
        _ => return Err(format!("{} and said: {}", output.status, said.trim())),
    }
    // What could not be removed is still there; the next start removes it.
    let removes = ["unlink", "unlinkat", "rmdir"].contains(&name.as_str());
    let left: Vec<String> = leftovers(run)
        .into_iter()
        .filter(|name| name.starts_with(".ebm-draft-") || name.ends_with(".partial"))
        .collect();
    if removes || left.is_empty() { Ok(()) } else { Err(format!("left {left:?} behind")) }
}

/// Lets the run go on without a fault; a word if a checkpoint was damaged or it ends in other bytes.
fn goes_on(
    program: &Program,
    run: &Path,
    replaced: bool,
    expected: &BTreeMap<String, Vec<u8>>,
) -> Result<(), String> {
    let said = succeeds(&mut program.resume(run))?;
    // The damage that the run began with may be still there; nothing else may be.
    let damaged = said.lines().filter(|line| line.contains("not used")).count();
    if usize::from(replaced) < damaged || said.contains("beginning") {
        return Err(format!("a checkpoint was lost: {}", said.trim()));
    }
    if end(run, STEPS)? != *expected {
        return Err("it ends in other bytes".into());
    }
    let left = leftovers(run);
    if left.is_empty() { Ok(()) } else { Err(format!("left {left:?} behind")) }
}

/// Copies a folder in the place of another.
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
