//! What the continuous integration runs, and anyone else.

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};

use crate::features;
use crate::program::{become_it, cargo, program, workspace};

/// Runs the tests of the whole workspace in release, with these backends besides flex.
///
/// # Errors
/// An unknown backend, or cargo cannot be started.
pub fn test(backends: &str, arguments: &[OsString]) -> Result<ExitCode, String> {
    let mut tests = with_features(cargo("test"), backends)?;
    tests.args(["--release", "--workspace"]);
    tests.arg("--").args(arguments);
    become_it(tests)
}

/// Checks the format, clippy's lints and, if cargo-deny is installed, the dependencies; stops at the first failure.
///
/// # Errors
/// An unknown backend, or cargo cannot be started.
pub fn lint(backends: &str) -> Result<ExitCode, String> {
    let mut format = cargo("fmt");
    format.args(["--all", "--check"]);
    let mut clippy = with_features(cargo("clippy"), backends)?;
    clippy.args(["--release", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
    let mut steps = vec![format, clippy];
    if has_deny() {
        let mut deny = cargo("deny");
        deny.arg("check");
        steps.push(deny);
    } else {
        eprintln!("cargo-deny is not installed: licences and advisories are not checked");
    }
    for mut step in steps {
        let status = step.status().map_err(|e| format!("could not start cargo: {e}"))?;
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the samplers' certificate with NUTS; the whole of it is written to the documentation.
///
/// # Errors
/// Cargo cannot be started.
pub fn certificate(mut arguments: Vec<OsString>) -> Result<ExitCode, String> {
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if !has("--quick") && !has("--out") {
        arguments.push("--out".into());
        arguments.push(workspace().join("docs").join("certificate.md").into());
    }
    let mut program = cargo("run");
    program.args(["--release", "--package", "ebm-sample", "--features", "nuts", "--example", "certificate"]);
    program.arg("--").args(arguments);
    become_it(program)
}

fn with_features(mut cargo: Command, backends: &str) -> Result<Command, String> {
    let backends = features::parse(backends)?;
    if !backends.is_empty() {
        cargo.arg("--features").arg(backends.join(","));
    }
    Ok(cargo)
}

fn has_deny() -> bool {
    let mut version = Command::new(program());
    let found = version.args(["deny", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}
