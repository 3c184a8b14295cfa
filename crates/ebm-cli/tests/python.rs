//! The scripts of `docs/python`, those whose packages are installed.
#![cfg(unix)]
#![allow(clippy::print_stderr, reason = "what was skipped is said")]

use std::path::Path;
use std::process::Command;

#[test]
fn the_scripts_for_python_run_where_their_packages_are() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/python/all.py");
    let mut python = Command::new("python3");
    python.arg(script).env("EBM", env!("CARGO_BIN_EXE_ebm")).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = match python.output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("skipped: there is no python3 ({error})");
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    eprintln!("{said}");
    assert!(output.status.success(), "{said}\n{errors}");
    // It needs no package, so it has run wherever there is Python.
    assert!(said.contains("done in "), "{said}");
}
