//! Building the program and becoming it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::features::Asked;

/// Builds `ebm` in release with the backends asked for, and runs `verb` with the other arguments.
///
/// On Unix this process becomes cargo, and cargo becomes the program, so signals and exit codes are the program's.
///
/// # Errors
/// A line for the person who typed the command.
pub fn run(verb: &str, given: Vec<OsString>) -> Result<ExitCode, String> {
    let Asked { features, arguments } = Asked::of(verb, given)?;
    let mut cargo = cargo("run");
    cargo.args(["--release", "--package", "ebm-cli", "--bin", "ebm"]);
    if !features.is_empty() {
        cargo.arg("--features").arg(features.join(","));
    }
    cargo.arg("--").arg(verb).args(arguments);
    become_it(cargo)
}

/// The cargo that started us, at work on this workspace.
///
/// What cargo told this program about itself is not passed on: build scripts that heed it would run again each time.
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

/// The cargo that started us, or the one in the path.
#[expect(clippy::disallowed_methods, reason = "cargo tells its subcommands so which cargo it is")]
pub fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Ends this process with what the command ends with.
///
/// # Errors
/// If the command cannot be started.
#[cfg(unix)]
pub fn become_it(mut command: Command) -> Result<ExitCode, String> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(format!("could not start {}: {error}", command.get_program().display()))
}

/// Ends this process with what the command ends with.
///
/// # Errors
/// If the command cannot be started.
#[cfg(not(unix))]
pub fn become_it(mut command: Command) -> Result<ExitCode, String> {
    let status = command.status().map_err(|e| format!("could not start cargo: {e}"))?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// The workspace's folder, where this program was built unless cargo says otherwise.
#[expect(clippy::disallowed_methods, reason = "cargo tells the programs that it runs so where they lie")]
pub fn workspace() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(here).join("..")
}
