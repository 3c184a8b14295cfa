//! Which backends the arguments ask for, and what the program is to see of that.

use std::ffi::{OsStr, OsString};

/// The backends there are; each is a cargo feature of `ebm-cli`.
pub const BACKENDS: [&str; 4] = ["flex", "ndarray", "wgpu", "cuda"];

/// Verbs of the program that compute on a device.
const COMPUTING: [&str; 5] = ["train", "sample", "eval", "energy", "bench"];

/// What to compile and what to pass on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Cargo features, without repetition, in the order they were asked for.
    pub features: Vec<&'static str>,
    /// The program's arguments after the verb.
    pub arguments: Vec<OsString>,
}

impl Asked {
    /// Reads the arguments after a verb.
    ///
    /// `--features` is taken out; without a `--backend`, its first backend becomes the verb's device.
    /// What follows a `--` is not looked at.
    ///
    /// # Errors
    /// A line that names the unknown backend and the known ones, or the flag that has no value.
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
        if let (None, Some(first), true) = (backend, listed.first(), COMPUTING.contains(&verb)) {
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

/// Reads a list of backends separated by commas or spaces.
///
/// # Errors
/// A line that names the unknown backend and the known ones.
pub fn parse(list: &str) -> Result<Vec<&'static str>, String> {
    list.split([',', ' ']).filter(|name| !name.is_empty()).map(known).collect()
}

fn known(name: &str) -> Result<&'static str, String> {
    let found = BACKENDS.into_iter().find(|backend| *backend == name);
    found.ok_or_else(|| format!("unknown backend {name:?}; known are {}", BACKENDS.join(", ")))
}

/// The value of `flag` if `argument` is that flag, taken from behind its `=` or from the next argument.
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
    let value = rest.next().ok_or_else(|| format!("{flag} needs a value: {}", BACKENDS.join(", ")))?;
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
    fn a_backend_anywhere_is_compiled_in_and_passed_on() {
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
    fn features_alone_choose_the_device_and_are_eaten() {
        for given in [&["--features", "wgpu", "mnist"][..], &["mnist", "--features=wgpu"]] {
            assert_eq!(asked("train", given).unwrap(), (vec!["wgpu"], words("--backend wgpu mnist")));
        }
        assert_eq!(asked("fetch", &["mnist", "--features", "wgpu"]).unwrap(), (vec!["wgpu"], words("mnist")));
    }

    #[test]
    fn a_backend_wins_over_the_features_and_both_are_compiled_in() {
        let both = asked("sample", &["--features", "wgpu,ndarray", "run", "--backend", "flex"]).unwrap();
        assert_eq!(both, (vec!["wgpu", "ndarray", "flex"], words("run --backend flex")));
        let twice = asked("sample", &["--features=cuda", "--backend", "cuda"]).unwrap();
        assert_eq!(twice, (vec!["cuda"], words("--backend cuda")));
    }

    #[test]
    fn an_unknown_backend_or_a_flag_without_value_is_one_line() {
        for given in [&["--backend", "tpu"][..], &["--backend=tpu"], &["--features", "wgpu,tpu"]] {
            let message = asked("train", given).unwrap_err();
            assert!(message.contains("tpu") && BACKENDS.iter().all(|b| message.contains(b)), "{message}");
            assert!(!message.contains('\n'));
        }
        assert!(asked("train", &["--backend"]).is_err());
        assert!(asked("train", &["--backend="]).is_err());
    }

    #[test]
    fn what_follows_two_dashes_is_left_alone() {
        let passed = asked("train", &["--features", "wgpu", "--", "--backend", "tpu"]).unwrap();
        assert_eq!(passed, (vec!["wgpu"], words("--backend wgpu -- --backend tpu")));
        assert_eq!(asked("train", &["--backends", "x", "--help"]).unwrap().1, words("--backends x --help"));
    }
}
