//! The backends that the arguments ask for.

use std::ffi::{OsStr, OsString};

/// All backends; each is a cargo feature of `ebm-cli`.
pub const BACKENDS: [&str; 4] = ["flex", "ndarray", "wgpu", "cuda"];

/// Features of `ebm-cli` that are no backends: training by several processes.
const OTHERS: [&str; 1] = ["mpi"];

/// Commands of `ebm` that accept `--backend`.
pub const COMPUTING: [&str; 9] =
    ["train", "sample", "restore", "interpolate", "encode", "decode", "eval", "energy", "bench"];

/// The features to compile, and the arguments to pass on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Cargo features, without duplicates, in the order in which they were given.
    pub features: Vec<&'static str>,
    /// Arguments of `ebm` after the command.
    pub arguments: Vec<OsString>,
}

impl Asked {
    /// Reads the arguments after a command.
    ///
    /// `--features` is removed; without `--backend`, its first backend, if it has one, becomes the value of `--backend`.
    /// Arguments after `--` are passed on unread.
    ///
    /// # Errors
    /// A one-line message if a backend is unknown or a flag has no value.
    pub fn of(verb: &str, given: Vec<OsString>) -> Result<Self, String> {
        let mut asked = Self { features: Vec::new(), arguments: Vec::new() };
        let (mut listed, mut backend) = (Vec::new(), None);
        let mut given = given.into_iter();
        while let Some(argument) = given.next() {
            if argument == "--" {
                asked.arguments.push(argument);
                break;
            }
            if let Some(value) = value_of("--features", &argument, &mut given)? {
                listed.extend(parse(&value)?);
            } else if let Some(value) = value_of("--backend", &argument, &mut given)? {
                backend = Some(known(&value)?);
                asked.arguments.extend(["--backend".into(), OsString::from(value)]);
            } else {
                asked.arguments.push(argument);
            }
        }
        let first = listed.iter().find(|feature| BACKENDS.contains(feature));
        if let (None, Some(first), true) = (backend, first, COMPUTING.contains(&verb)) {
            asked.arguments.splice(0..0, ["--backend".into(), OsString::from(first)]);
        }
        asked.arguments.extend(given);
        for feature in listed.into_iter().chain(backend) {
            if !asked.features.contains(&feature) {
                asked.features.push(feature);
            }
        }
        Ok(asked)
    }
}

/// Reads a list of features separated by commas or spaces.
///
/// # Errors
/// A one-line message that names the unknown backend and the known ones.
pub fn parse(list: &str) -> Result<Vec<&'static str>, String> {
    let feature =
        |name: &str| OTHERS.into_iter().find(|other| *other == name).map_or_else(|| known(name), Ok);
    list.split([',', ' ']).filter(|name| !name.is_empty()).map(feature).collect()
}

fn known(name: &str) -> Result<&'static str, String> {
    let found = BACKENDS.into_iter().find(|backend| *backend == name);
    found.ok_or_else(|| format!("unknown backend {name:?}; expected one of {}", BACKENDS.join(", ")))
}

/// The value of `flag` if `argument` is that flag: the text after its `=`, or the next argument.
fn value_of(
    flag: &str,
    argument: &OsStr,
    rest: &mut impl Iterator<Item = OsString>,
) -> Result<Option<String>, String> {
    let Some(text) = argument.to_str() else { return Ok(None) };
    if let Some(value) = text.strip_prefix(flag).and_then(|tail| tail.strip_prefix('=')) {
        return Ok(Some(value.to_owned()));
    }
    if text != flag {
        return Ok(None);
    }
    let value = rest.next().ok_or_else(|| format!("{flag} needs a value, one of {}", BACKENDS.join(", ")))?;
    value.into_string().map(Some).map_err(|value| format!("unknown backend {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(verb: &str, given: &[&str]) -> Result<(Vec<&'static str>, Vec<String>), String> {
        let asked = Asked::of(verb, given.iter().map(OsString::from).collect())?;
        let arguments = asked.arguments.into_iter().map(|a| a.into_string().unwrap()).collect();
        Ok((asked.features, arguments))
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn backend_is_compiled_in_and_passed_on_wherever_it_stands() {
        for given in [
            &["mnist", "--backend", "wgpu", "--steps", "9"][..],
            &["mnist", "--backend=wgpu", "--steps", "9"],
        ] {
            assert_eq!(
                asked("train", given).unwrap(),
                (vec!["wgpu"], words("mnist --backend wgpu --steps 9"))
            );
        }
        assert_eq!(asked("train", &["mnist", "--steps", "9"]).unwrap(), (vec![], words("mnist --steps 9")));
    }

    #[test]
    fn features_are_removed_and_set_the_backend() {
        for given in [&["--features", "wgpu", "mnist"][..], &["mnist", "--features=wgpu"]] {
            assert_eq!(asked("train", given).unwrap(), (vec!["wgpu"], words("--backend wgpu mnist")));
        }
        assert_eq!(asked("fetch", &["mnist", "--features", "wgpu"]).unwrap(), (vec!["wgpu"], words("mnist")));
        // What is no backend sets none.
        assert_eq!(asked("train", &["--features", "mpi", "mnist"]).unwrap(), (vec!["mpi"], words("mnist")));
        let both = asked("train", &["--features", "mpi,cuda", "mnist"]).unwrap();
        assert_eq!(both, (vec!["mpi", "cuda"], words("--backend cuda mnist")));
    }

    #[test]
    fn backend_takes_precedence_over_features_and_both_are_compiled_in() {
        let both = asked("sample", &["--features", "wgpu,ndarray", "run", "--backend", "flex"]).unwrap();
        assert_eq!(both, (vec!["wgpu", "ndarray", "flex"], words("run --backend flex")));
        let twice = asked("sample", &["--features=cuda", "--backend", "cuda"]).unwrap();
        assert_eq!(twice, (vec!["cuda"], words("--backend cuda")));
    }

    #[test]
    fn an_unknown_backend_and_a_missing_value_are_one_line_errors() {
        for given in [&["--backend", "tpu"][..], &["--backend=tpu"], &["--features", "wgpu,tpu"]] {
            let message = asked("train", given).unwrap_err();
            assert!(message.contains("tpu") && BACKENDS.iter().all(|b| message.contains(b)), "{message}");
            assert!(!message.contains('\n'));
        }
        assert!(asked("train", &["--backend"]).is_err());
        assert!(asked("train", &["--backend="]).is_err());
    }

    #[test]
    fn arguments_after_two_dashes_are_passed_on_unread() {
        let passed = asked("train", &["--features", "wgpu", "--", "--backend", "tpu"]).unwrap();
        assert_eq!(passed, (vec!["wgpu"], words("--backend wgpu -- --backend tpu")));
        assert_eq!(asked("train", &["--backends", "x", "--help"]).unwrap().1, words("--backends x --help"));
    }
}
