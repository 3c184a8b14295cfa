//! What determines every number of the whole, so that parts of another whole are told apart.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// What was asked for, key by key, as its parts and unfinished files say it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Request(Table);

impl Request {
    /// A request to this version of the program.
    pub fn new() -> Self {
        Self::default().with("version", env!("CARGO_PKG_VERSION"))
    }

    /// The same with a key more.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// The same with a table more.
    ///
    /// # Errors
    /// If the value has no form as a table.
    pub fn with_table(self, key: &str, value: &impl Serialize) -> Result<Self> {
        let table = Table::try_from(value).with_context(|| format!("{key} cannot be written"))?;
        Ok(self.with(key, table))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// The text of a key; nothing if it has none.
    pub fn text(&self, key: &str) -> &str {
        self.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// The number of a key.
    pub fn count(&self, key: &str) -> Option<usize> {
        self.get(key).and_then(Value::as_integer).and_then(|n| usize::try_from(n).ok())
    }

    /// As a file has it.
    ///
    /// # Errors
    /// If a value has no form in one.
    pub fn to_text(&self) -> Result<String> {
        Ok(toml::to_string(&self.0)?)
    }
}

/// The keys in which two requests differ, each with both values: "seed is 1, not 2".
pub fn differences(found: &Request, expected: &Request) -> Vec<String> {
    let mut all = vec![];
    collect("", &found.0, &expected.0, &mut all);
    all
}

fn collect(path: &str, found: &Table, expected: &Table, all: &mut Vec<String>) {
    let keys: std::collections::BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    for key in keys {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (found.get(key), expected.get(key)) {
            (Some(Value::Table(a)), Some(Value::Table(b))) => collect(&path, a, b, all),
            (a, b) if a == b => {}
            (a, b) => {
                let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
                let [a, b] = [shown(a), shown(b)];
                // A NaN differs from itself.
                if a != b {
                    all.push(format!("{path} is {a}, not {b}"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_differs_is_named_with_both_values() {
        let request = |seed: &str, levels: i64| {
            let table = Table::from_iter([("levels".to_owned(), Value::Integer(levels))]);
            Request::new().with("seed", seed).with("heun", table)
        };
        assert_eq!(differences(&request("1", 2), &request("1", 2)), Vec::<String>::new());
        let found = differences(&request("1", 2).with("more", 3), &request("2", 4));
        let nan = || request("1", 2).with("x", f64::NAN);
        assert_eq!(differences(&nan(), &nan()), Vec::<String>::new());
        assert_eq!(found, ["heun.levels is 2, not 4", "more is 3, not nothing", "seed is \"1\", not \"2\""]);
    }

    #[test]
    fn a_request_comes_back_from_its_text() {
        let request = Request::new().with("seed", u64::MAX.to_string()).with("n", 3);
        assert_eq!(toml::from_str::<Request>(&request.to_text().unwrap()).unwrap(), request);
        assert_eq!((request.count("n"), request.text("seed")), (Some(3), "18446744073709551615"));
    }
}
