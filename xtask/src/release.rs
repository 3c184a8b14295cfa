//! An archive to give away: the program, its licences and those of the crates in it, a list of these crates, completions,
//! manual pages, and a checksum beside it.

mod dependencies;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use sha2::{Digest, Sha256};

use crate::features;
use crate::program::{cargo, workspace};

/// Shells that have completions, and how the file of each is named.
const SHELLS: [(&str, &str); 3] = [("bash", "ebm.bash"), ("zsh", "_ebm"), ("fish", "ebm.fish")];

/// Files of the workspace that go along.
const ALONG: [&str; 5] = ["LICENSE-MIT", "LICENSE-APACHE", "README.md", "CHANGELOG.md", "datasets/README.md"];

/// What is released.
#[derive(clap::Args)]
pub struct Release {
    /// Backends to compile in besides flex, separated by commas.
    #[arg(long, default_value = "", hide_default_value = true)]
    features: String,
    /// The platform to build for, as rustc names it, such as x86_64-unknown-linux-musl, whose program is static; it must
    /// be installed. Completions and manual pages are made by the program, which has to run here.
    #[arg(long)]
    target: Option<String>,
    /// Where the archive goes [default: target/release-archives].
    #[arg(long)]
    out: Option<PathBuf>,
    /// A built program to pack, instead of one that is built from this workspace.
    #[arg(long, conflicts_with_all = ["features", "target"])]
    ebm: Option<PathBuf>,
}

/// Builds, strips and packs the program.
///
/// # Errors
/// A one-line message for the user.
pub fn release(asked: &Release) -> Result<ExitCode, String> {
    let ebm = match &asked.ebm {
        Some(ebm) => ebm.clone(),
        None => built(&asked.features, asked.target.as_deref())?,
    };
    let version = said(&ebm, &["--version"])?;
    let version = version.trim().rsplit(' ').next().unwrap_or_default().to_owned();
    let host = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let platform = asked.target.clone().unwrap_or(host);
    let name = format!("ebm-{version}-{platform}");
    let out = asked.out.clone().unwrap_or_else(|| workspace().join("target").join("release-archives"));
    let folder = out.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let program = folder.join(format!("ebm{}", std::env::consts::EXE_SUFFIX));
    copy(&ebm, &program)?;
    strip(&program);
    for file in ALONG {
        copy(&workspace().join(file), &folder.join(file))?;
    }
    for (shell, file) in SHELLS {
        let script = said(&ebm, &["completions", shell])?;
        write(&folder.join("completions").join(file), script.as_bytes())?;
    }
    manual(&ebm, &folder.join("man"))?;
    let crates = dependencies::of(&features::parse(&asked.features)?, asked.target.as_deref())?;
    let bill = format!("{:#}\n", dependencies::bill(&version, &crates));
    write(&folder.join("sbom.cdx.json"), bill.as_bytes())?;
    write(&folder.join("LICENSES-OF-OTHERS.txt"), dependencies::licences(&crates).as_bytes())?;
    let archive = out.join(format!("{name}.tar.gz"));
    pack(&out, &name, &archive)?;
    let bytes = fs::read(&archive).map_err(|e| format!("{}: {e}", archive.display()))?;
    let digest = hex(&Sha256::digest(&bytes));
    let line = format!("{digest}  {name}.tar.gz\n");
    write(&out.join(format!("{name}.tar.gz.sha256")), line.as_bytes())?;
    println!("{}, {} bytes\n{digest}", archive.display(), bytes.len());
    Ok(ExitCode::SUCCESS)
}

/// Writes the manual pages by `ebm` to `folder`.
///
/// # Errors
/// If it cannot be run, or cannot write.
pub fn manual(ebm: &Path, folder: &Path) -> Result<(), String> {
    let folder = folder.to_str().ok_or_else(|| format!("{}: not in Unicode", folder.display()))?;
    said(ebm, &["man", folder]).map(|_| ())
}

/// Builds `ebm`, and returns its path.
fn built(backends: &str, target: Option<&str>) -> Result<PathBuf, String> {
    let backends = features::parse(backends)?;
    let Some(target) = target else {
        if backends.is_empty() {
            return crate::program::built();
        }
        return build(&backends, None);
    };
    build(&backends, Some(target))
}

fn build(backends: &[&str], target: Option<&str>) -> Result<PathBuf, String> {
    let mut build = cargo("build");
    build.args(["--release", "--locked", "--package", "ebm-cli", "--bin", "ebm"]);
    if !backends.is_empty() {
        build.arg("--features").arg(backends.join(","));
    }
    if let Some(target) = target {
        build.args(["--target", target]);
    }
    let status = build.status().map_err(|e| format!("could not start cargo: {e}"))?;
    if !status.success() {
        return Err("could not build ebm".into());
    }
    let xtask = std::env::current_exe().map_err(|e| format!("could not find this program: {e}"))?;
    let program = format!("ebm{}", std::env::consts::EXE_SUFFIX);
    Ok(match target {
        None => xtask.with_file_name(program),
        // This program is target/release/xtask.
        Some(target) => xtask.with_file_name("..").join(target).join("release").join(program),
    })
}

/// What the program prints.
fn said(ebm: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(ebm).args(arguments).output();
    let output = output.map_err(|e| format!("could not start {}: {e}", ebm.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("ebm {}: {}: {}", arguments.join(" "), output.status, said.trim_end()));
    }
    String::from_utf8(output.stdout).map_err(|e| format!("ebm {}: {e}", arguments.join(" ")))
}

/// Removes the symbols; a program with them works too.
fn strip(program: &Path) {
    if !Command::new("strip").arg(program).status().is_ok_and(|status| status.success()) {
        eprintln!("strip did not run: {} keeps its symbols", program.display());
    }
}

/// Packs `folder/name`, by `tar`, with the names in order and without the owner and the time, so that the same files
/// give the same archive.
fn pack(folder: &Path, name: &str, archive: &Path) -> Result<(), String> {
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"]);
    tar.args(["--use-compress-program=gzip -9n", "--create", "--file"]).arg(archive);
    let status = tar.arg("--directory").arg(folder).arg(name).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("tar: {status}; GNU tar is needed")),
        Err(error) => Err(format!("could not start tar: {error}")),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    parent(to)?;
    fs::copy(from, to)
        .map(|_| ())
        .map_err(|e| format!("could not copy {} to {}: {e}", from.display(), to.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    parent(path)?;
    fs::write(path, bytes).map_err(|e| format!("could not write {}: {e}", path.display()))
}

fn parent(path: &Path) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|e| format!("could not create {}: {e}", folder.display()))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_as_sha256sum_writes_it() {
        let empty = hex(&Sha256::digest(b""));
        assert_eq!(empty, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn the_files_that_go_along_are_there() {
        for file in ALONG {
            assert!(workspace().join(file).is_file(), "{file}");
        }
    }
}
