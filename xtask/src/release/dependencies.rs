//! What is linked into the program: a list in CycloneDX's form, and the licences that must go along.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::program::{cargo, program};

/// How the names of files begin that hold a licence, or what it wants to be passed on.
const NOTICES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];

/// A crate that is linked into the program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    name: String,
    version: String,
    /// Its licence as an SPDX expression; empty if it names none.
    licence: String,
    /// Where its source is.
    folder: PathBuf,
}

/// The crates of others in `ebm` with these backends, for this platform or `target`.
///
/// # Errors
/// If cargo cannot tell.
pub fn of(backends: &[&str], target: Option<&str>) -> Result<Vec<Dependency>, String> {
    let mut tree = cargo("tree");
    tree.args(["--locked", "--package", "ebm-cli", "--edges", "normal,no-proc-macro", "--prefix", "none"]);
    tree.args(["--format", "{p}", "--features", &backends.join(",")]);
    let mut metadata = cargo("metadata");
    metadata.args(["--locked", "--format-version", "1"]);
    let target = target.map_or_else(host, |target| Ok(target.to_owned()))?;
    tree.args(["--target", &target]);
    metadata.args(["--filter-platform", &target]);
    let linked = linked(&said(tree)?);
    let metadata: Value =
        serde_json::from_str(&said(metadata)?).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata: no packages")?;
    let mut found: Vec<Dependency> = packages.iter().filter_map(dependency).collect();
    found.retain(|one| linked.contains(&(one.name.clone(), one.version.clone())));
    found.sort();
    Ok(found)
}

/// The platform of this machine.
fn host() -> Result<String, String> {
    let mut version = Command::new(program());
    version.arg("-vV");
    let said = said(version)?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "cargo -vV names no host".to_owned())
}

/// Names and versions in what `cargo tree` prints.
fn linked(tree: &str) -> BTreeSet<(String, String)> {
    let pair = |line: &str| {
        let (name, rest) = line.trim().split_once(" v")?;
        Some((name.to_owned(), rest.split_whitespace().next()?.to_owned()))
    };
    tree.lines().filter_map(pair).collect()
}

/// A package of `cargo metadata`, unless it is one of ours.
fn dependency(package: &Value) -> Option<Dependency> {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let folder = PathBuf::from(text("manifest_path")).parent()?.to_owned();
    let dependency =
        Dependency { name: text("name"), version: text("version"), licence: text("license"), folder };
    package["source"].is_string().then_some(dependency)
}

/// The list of what is in the program, as CycloneDX 1.5.
pub fn bill(version: &str, dependencies: &[Dependency]) -> Value {
    let component = |Dependency { name, version, licence, .. }: &Dependency| {
        let mut component = json!({
            "type": "library",
            "name": name,
            "version": version,
            "purl": format!("pkg:cargo/{name}@{version}"),
        });
        if !licence.is_empty() {
            // The older way to write OR, which SPDX does not know.
            component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
        }
        component
    };
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": { "type": "application", "name": "ebm", "version": version } },
        "components": dependencies.iter().map(component).collect::<Vec<_>>(),
    })
}

/// The licences of the crates, each text once with those it is of.
pub fn licences(dependencies: &[Dependency]) -> String {
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut all = String::from("The program contains these crates:\n\n");
    for Dependency { name, version, licence, folder } in dependencies {
        all += &format!("{name} {version}: {licence}\n");
        for path in notices(folder) {
            let text = String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).replace("\r\n", "\n");
            texts.entry(text.trim().to_owned()).or_default().insert(format!("{name} {version}"));
        }
    }
    for (text, names) in texts {
        let names: Vec<String> = names.into_iter().collect();
        all += &format!("\n{}\n{}\n\n{text}\n", "-".repeat(80), names.join(", "));
    }
    all
}

/// The files in a folder that hold a licence, by name.
fn notices(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_notice = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        path.is_file() && NOTICES.iter().any(|start| name.starts_with(start))
    };
    let mut found: Vec<PathBuf> = entries.filter(is_notice).collect();
    found.sort();
    found
}

fn said(mut command: Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("could not start cargo: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| format!("cargo: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_prints_is_read_with_its_remarks() {
        let tree = "ebm-cli v0.1.0 (/a/crates/ebm-cli)\nrayon v1.12.0\n\nrayon v1.12.0 (*)\n";
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(linked(tree), [pair("ebm-cli", "0.1.0"), pair("rayon", "1.12.0")].into());
    }

    #[test]
    fn each_crate_is_listed_once_with_its_licence_and_none_of_ours() {
        let found = of(&[], None).unwrap();
        let rayon: Vec<&Dependency> = found.iter().filter(|one| one.name == "rayon").collect();
        assert_eq!(rayon.len(), 1);
        assert!(found.iter().all(|one| !one.name.starts_with("ebm-")));
        // Used by tests alone.
        assert!(found.iter().all(|one| one.name != "criterion"));
        let bill = bill("1.2.3", &found);
        assert_eq!(bill["components"].as_array().unwrap().len(), found.len());
        let of_rayon =
            bill["components"].as_array().unwrap().iter().find(|one| one["name"] == "rayon").unwrap();
        assert_eq!(of_rayon["purl"], format!("pkg:cargo/rayon@{}", rayon[0].version));
        assert_eq!(of_rayon["licenses"][0]["expression"], "MIT OR Apache-2.0");
    }

    #[test]
    fn a_text_of_several_crates_stands_once_under_their_names() {
        let folder = std::env::temp_dir().join(format!("ebm-licences-{}", std::process::id()));
        let crates = ["a", "b"].map(|name| {
            let folder = folder.join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("LICENSE-MIT"), "You may.\n").unwrap();
            fs::write(folder.join("README"), "Read me.").unwrap();
            Dependency { name: name.into(), version: "1.0.0".into(), licence: "MIT".into(), folder }
        });
        let text = licences(&crates);
        assert!(text.contains("a 1.0.0, b 1.0.0\n\nYou may."), "{text}");
        assert!(text.matches("You may.").count() == 1 && !text.contains("Read me."), "{text}");
        fs::remove_dir_all(folder).unwrap();
    }
}
