//! The checks that continuous integration runs.

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};

use crate::features;
use crate::program::{cargo, program, replace_by, workspace};

/// Runs the tests of the workspace in release mode, with `backends` compiled in besides flex.
///
/// # Errors
/// If a backend is unknown or cargo cannot be started.
pub fn test(backends: &str, arguments: &[OsString]) -> Result<ExitCode, String> {
    let mut tests = with_features(cargo("test"), backends)?;
    tests.args(["--release", "--workspace"]);
    tests.arg("--").args(arguments);
    replace_by(tests)
}

/// Checks formatting, clippy's lints and, if cargo-deny is installed, the dependencies; stops at the first failure.
///
/// # Errors
/// If a backend is unknown or cargo cannot be started.
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
        eprintln!("cargo-deny is not installed; licences and advisories were not checked");
    }
    for mut step in steps {
        let status = step.status().map_err(|e| format!("could not start cargo: {e}"))?;
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the certificate of the samplers, including NUTS; writes `docs/certificate.md` unless told otherwise.
///
/// # Errors
/// If cargo cannot be started.
pub fn certificate(mut arguments: Vec<OsString>) -> Result<ExitCode, String> {
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if !has("--quick") && !has("--out") {
        arguments.push("--out".into());
        arguments.push(workspace().join("docs").join("certificate.md").into());
    }
    let mut program = cargo("run");
    program.args(["--release", "--package", "ebm-sample", "--features", "nuts", "--example", "certificate"]);
    program.arg("--").args(arguments);
    replace_by(program)
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
