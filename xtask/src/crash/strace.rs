//! System calls of a program, and faults at them, by strace.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::run::{captured, output, succeeds};

/// System calls that change what is on a disk, or open what is there.
const CALLS: &str = "write,writev,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,mkdir,mkdirat,unlink,\
                     unlinkat,rmdir,openat";

/// A system call that the program made.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// Its number among the calls of that name, from 1.
    number: usize,
    /// The line that strace printed for it.
    pub text: String,
}

impl Call {
    /// Whether it opens a file without making one.
    pub fn only_opens(&self) -> bool {
        self.name == "openat" && !self.text.contains("O_CREAT")
    }

    /// Whether it writes to standard output or standard error.
    pub fn prints(&self) -> bool {
        self.text.starts_with("write(1<") || self.text.starts_with("write(2<")
    }

    /// Whether it removes something, or opens a folder to do that.
    pub fn removes(&self) -> bool {
        ["unlink", "unlinkat", "rmdir"].contains(&self.name.as_str())
            || (self.only_opens() && self.text.contains("O_DIRECTORY"))
    }

    /// Whether it may need room on the disk.
    pub fn fills(&self) -> bool {
        let names = ["write", "writev", "pwrite64", "ftruncate", "mkdir", "mkdirat"];
        names.contains(&self.name.as_str()) || (self.name == "openat" && !self.only_opens())
    }
}

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The process is killed.
    Kill,
    /// This call fails with this error, later ones do not.
    Fail(&'static str),
    /// This call and all later ones of its name fail with this error, as on a disk that stays full.
    FailFromHereOn(&'static str),
}

impl Fault {
    /// What happens, in words.
    pub fn words(self) -> String {
        match self {
            Self::Kill => "killed".into(),
            Self::Fail(error) => error.into(),
            Self::FailFromHereOn(error) => format!("{error} from here on"),
        }
    }

    fn injected(self, Call { name, number, .. }: &Call) -> String {
        match self {
            Self::Kill => format!("{name}:signal=KILL:when={number}"),
            Self::Fail(error) => format!("{name}:error={error}:when={number}"),
            Self::FailFromHereOn(error) => format!("{name}:error={error}:when={number}+"),
        }
    }
}

/// A program that can be run under strace.
pub struct Traced<'a> {
    /// Path of the program.
    pub ebm: &'a Path,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Faults at other calls, in every run of it.
    pub always: Option<&'static str>,
    /// Where strace writes what it sees.
    pub log: PathBuf,
}

impl Traced<'_> {
    /// Runs the program and returns the calls of its first thread for which `is_wanted`.
    ///
    /// # Errors
    /// If the program fails, or strace records nothing.
    pub fn calls(&self, is_wanted: impl Fn(&Call) -> bool) -> Result<Vec<Call>, String> {
        succeeds(&mut self.command(None))?;
        let log = fs::read_to_string(&self.log).map_err(|error| error.to_string())?;
        let mut first = None;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut calls = Vec::new();
        for line in log.lines() {
            let Some((process, call)) = line.split_once(' ') else { continue };
            let Some((name, _)) = call.trim_start().split_once('(') else { continue };
            if *first.get_or_insert(process) != process || !name.chars().all(char::is_alphanumeric) {
                continue;
            }
            let number = counts.entry(name.to_owned()).or_default();
            *number += 1;
            let text = call.trim_start().chars().take(400).collect();
            calls.push(Call { name: name.to_owned(), number: *number, text });
        }
        calls.retain(is_wanted);
        if calls.is_empty() { Err("strace recorded no system call".into()) } else { Ok(calls) }
    }

    /// Runs the program with this fault.
    ///
    /// # Errors
    /// If strace cannot be started, or a kill did not come about.
    pub fn disturbed(&self, call: &Call, fault: Fault) -> Result<Output, String> {
        let output = output(&mut self.command(Some((call, fault))))?;
        if fault == Fault::Kill && output.status.code().is_some() {
            return Err(format!("the program was not killed at {}", call.text));
        }
        Ok(output)
    }

    fn command(&self, fault: Option<(&Call, Fault)>) -> Command {
        let mut command = Command::new("strace");
        command.args(["-f", "-y", "-qq", "-s", "0", "-o"]).arg(&self.log);
        // Faster, but strace delivers no signal then.
        if fault.is_none_or(|(_, fault)| fault != Fault::Kill) {
            command.arg("--seccomp-bpf");
        }
        command.args(["-e", &format!("trace={CALLS}")]);
        let inject = fault.map(|(call, fault)| fault.injected(call));
        for inject in inject.into_iter().chain(self.always.map(str::to_owned)) {
            command.args(["-e", &format!("inject={inject}")]);
        }
        command.arg(self.ebm).args(&self.arguments);
        captured(command)
    }
}

/// Whether there is strace.
///
/// # Errors
/// If there is none.
pub fn check() -> Result<(), String> {
    let version =
        Command::new("strace").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if version.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err("--faults needs strace, which is not installed; nothing was tested".into())
}
