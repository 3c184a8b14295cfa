//! Builds `ebm` and runs it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::features::Asked;

/// Builds `ebm` in release mode with the backends asked for, and runs its command `verb` with the other arguments.
///
/// On Unix this process is replaced by cargo, and cargo by `ebm`, so signals reach `ebm` and the exit code is its own.
///
/// # Errors
/// A one-line message for the user.
pub fn run(verb: &str, given: Vec<OsString>) -> Result<ExitCode, String> {
    let Asked { features, arguments } = Asked::of(verb, given)?;
    let mut cargo = cargo("run");
    cargo.args(["--release", "--package", "ebm-cli", "--bin", "ebm"]);
    if !features.is_empty() {
        cargo.arg("--features").arg(features.join(","));
    }
    // The commands that `ebm` suggests then begin as this one did.
    cargo.env("EBM_PROGRAM", "cargo xtask");
    cargo.arg("--").arg(verb).args(arguments);
    replace_by(cargo)
}

/// Builds `ebm` in this workspace and returns its path.
///
/// # Errors
/// If it cannot be built.
pub fn built() -> Result<PathBuf, String> {
    built_with(&[])
}

/// The same with features of `ebm-cli` besides the default ones.
///
/// # Errors
/// As [`built`].
pub fn built_with(features: &[&str]) -> Result<PathBuf, String> {
    let mut build = cargo("build");
    build.args(["--quiet", "--release", "--package", "ebm-cli", "--bin", "ebm"]);
    if !features.is_empty() {
        build.arg("--features").arg(features.join(","));
    }
    let status = build.status().map_err(|e| format!("could not start cargo: {e}"))?;
    if !status.success() {
        return Err("could not build ebm".into());
    }
    let xtask =
        std::env::current_exe().map_err(|e| format!("could not find the folder of this program: {e}"))?;
    Ok(xtask.with_file_name(format!("ebm{}", std::env::consts::EXE_SUFFIX)))
}

/// A command of the cargo that started this program, for this workspace.
///
/// The variables that cargo sets for xtask are removed: build scripts that read them would run again each time.
pub fn cargo(verb: &str) -> Command {
    let mut cargo = Command::new(program());
    cargo.arg(verb).arg("--manifest-path").arg(workspace().join("Cargo.toml"));
    for (name, _) in std::env::vars_os() {
        let is_ours = |prefix: &str| name.to_str().is_some_and(|name| name.starts_with(prefix));
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_NAME", "CARGO_CRATE_NAME"].into_iter().any(is_ours) {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// The path of the cargo that started this program, or else `cargo`.
#[expect(clippy::disallowed_methods, reason = "cargo sets CARGO for the programs that it starts")]
pub fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Replaces this process by the command.
///
/// # Errors
/// If the command cannot be started.
#[cfg(unix)]
pub fn replace_by(mut command: Command) -> Result<ExitCode, String> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(format!("could not start {}: {error}", command.get_program().display()))
}

/// Runs the command, and returns its exit code.
///
/// # Errors
/// If the command cannot be started.
#[cfg(not(unix))]
pub fn replace_by(mut command: Command) -> Result<ExitCode, String> {
    let status = command.status().map_err(|e| format!("could not start cargo: {e}"))?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// The folder of the workspace: as cargo says, or else where this program was built.
#[expect(clippy::disallowed_methods, reason = "cargo sets CARGO_MANIFEST_DIR for the programs that it runs")]
pub fn workspace() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(here).join("..")
}
