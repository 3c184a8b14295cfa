//! Configurations as tables of keys: one over another, and single values put into them.

use ebm_data::DatasetName;
use ebm_model::{Architecture, NetworkConfig};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::error::{Context, Result, anyhow, bail, ensure};
use crate::hint::near;
use crate::objective;

/// Keys that are not written where they are 0, so that configurations are as they were before there were such keys.
const NOT_WRITTEN: [&str; 3] = ["model.classes", "model.augmentations", "model.fourier_features"];

/// Most parts of a key.
const MAX_DEPTH: usize = 16;

/// The table that `text` is.
pub(super) fn table(text: &str) -> Result<Table> {
    text.parse().map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
        anyhow!("line {line}: {}", error.message().trim_end().replace('\n', " "))
    })
}

/// The keys of `given` in place of those of `base`.
///
/// A table of another kind than the one in `base` starts from the defaults of its kind, and a distribution of another
/// form from nothing.
pub(super) fn over(mut base: Table, given: Table, path: &str) -> Result<Table> {
    if path == "objective" && differs("weighting", &base, &given).is_some() {
        // Numbers of the other weighting.
        ["sigma_data", "power"].into_iter().for_each(|key| drop(base.remove(key)));
    }
    for (key, value) in given {
        let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let value = match (base.remove(&key), value) {
            (Some(Value::Table(base)), Value::Table(given)) => {
                let base = match tags(&base, &given) {
                    None => base,
                    Some(("kind", kind)) => kind_of(&full, kind)?.unwrap_or_default(),
                    Some(_) => Table::new(),
                };
                Value::Table(over(base, given, &full)?)
            }
            (_, Value::String(kind)) => match kind_of(&full, &kind)? {
                Some(table) => Value::Table(table),
                None => Value::String(kind),
            },
            (_, value) => value,
        };
        base.insert(key, value);
    }
    Ok(base)
}

/// The key that names what a table is and its value in `given`, if that differs from `base`.
pub(super) fn tags<'a>(base: &Table, given: &'a Table) -> Option<(&'static str, &'a str)> {
    ["kind", "law", "from"].into_iter().find_map(|key| Some((key, differs(key, base, given)?)))
}

/// The value of a key in `given`, if both have texts there, which differ.
fn differs<'a>(key: &str, base: &Table, given: &'a Table) -> Option<&'a str> {
    let found = given.get(key)?.as_str()?;
    (base.get(key)?.as_str()? != found).then_some(found)
}

/// The whole table that the name of a kind stands for, under the keys that have kinds.
fn kind_of(key: &str, kind: &str) -> Result<Option<Table>> {
    Ok(match key {
        "objective" => Some(objective::table(kind)?),
        "model" => Some(model(kind)?),
        _ => None,
    })
}

/// What `apply` makes of the assignments with each key before those inside it, as `model=mlp` before `model.hidden=8`,
/// which it would undo. Where what is inside does not fit the table, the assignments count as they are given: then the
/// table takes the place of what was said inside it before.
///
/// Assignments to the same key keep their order.
pub(super) fn outer_first<T>(assignments: &[String], apply: impl Fn(&[String]) -> Result<T>) -> Result<T> {
    let mut ordered = assignments.to_vec();
    ordered.sort_by_key(|assignment| {
        let key = assignment.split_once('=').map_or(assignment.as_str(), |(key, _)| key);
        key.matches('.').count()
    });
    apply(&ordered).or_else(|_| apply(assignments))
}

/// `value` with `key=value` assignments applied; of the same key the last one counts.
///
/// # Errors
/// If an assignment is none, names a key that does not exist, or has a value of the wrong kind.
pub fn assign_to<T: Serialize + DeserializeOwned>(value: &T, assignments: &[String]) -> Result<T> {
    let before = Table::try_from(value).context("the configuration cannot be written")?;
    outer_first(assignments, |assignments| {
        let mut table = before.clone();
        for assignment in assignments {
            assign(&mut table, assignment)?;
        }
        read(table)
    })
}

/// The value that a table is, if it has no key too many.
pub(super) fn read<T: Serialize + DeserializeOwned>(table: Table) -> Result<T> {
    let value: T = Value::Table(table.clone()).try_into().map_err(|error: toml::de::Error| {
        anyhow!("{}{}", error.to_string().trim_end().replace('\n', " "), near_dataset(&table))
    })?;
    let complete = Table::try_from(&value).context("the configuration cannot be written")?;
    match unknown(&table, &complete, "") {
        Some((key, known)) => {
            let last = key.rsplit('.').next().unwrap_or(&key);
            let near = near(last, known.split(", "));
            bail!("there is no key {key}; known here: {known}{near}")
        }
        None => Ok(value),
    }
}

/// The dataset that was meant, if there is none of the name that is given.
fn near_dataset(table: &Table) -> String {
    let found = table.get("data").and_then(|data| data.get("dataset")?.as_str());
    match found.map(|found| (found, found.parse::<DatasetName>())) {
        Some((found, Err(_))) => near(found, DatasetName::all().map(|known| known.name())),
        _ => String::new(),
    }
}

/// Puts one `key=value` into the table.
pub(super) fn assign(table: &mut Table, assignment: &str) -> Result<()> {
    let (key, text) = assignment.split_once('=').ok_or_else(|| {
        anyhow!("--set {assignment}: expected key=value, as in --set train.learning_rate=1e-3")
    })?;
    let parsed = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| Value::String(text.to_owned()));
    let value = match value {
        Value::String(text) => match kind_of(key.trim(), &text)? {
            Some(table) => Value::Table(table),
            None => Value::String(text),
        },
        value => value,
    };
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let last =
        parts.pop().filter(|part| !part.is_empty()).ok_or_else(|| anyhow!("--set {assignment}: no key"))?;
    ensure!(
        parts.len() < MAX_DEPTH,
        "--set: a key of {} parts, expected at most {MAX_DEPTH}",
        parts.len() + 1
    );
    let mut inner = table;
    for part in parts {
        let next = inner.entry(part).or_insert_with(|| Value::Table(Table::new()));
        inner = next.as_table_mut().ok_or_else(|| anyhow!("--set {assignment}: {part} is no table"))?;
    }
    // A whole number where a fraction is meant is what people write.
    let value = match (inner.get(last), value) {
        (Some(Value::Float(_)), Value::Integer(whole)) => Value::Float(whole as f64),
        (_, value) => value,
    };
    inner.insert(last.to_owned(), value);
    Ok(())
}

/// The default description of a network of this kind, as a table.
pub(super) fn model(kind: &str) -> Result<Table> {
    let unknown = || {
        let kinds = Architecture::kinds();
        anyhow!("there is no model {kind}; known: {}{}", kinds.join(", "), near(kind, kinds.iter().copied()))
    };
    Ok(Table::try_from(Architecture::named(kind).ok_or_else(unknown)?)?)
}

/// The first key of `given` that `complete` does not have, with the keys that it has there.
fn unknown(given: &Table, complete: &Table, path: &str) -> Option<(String, String)> {
    for (key, value) in given {
        let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (value, complete.get(key)) {
            (Value::Integer(0), None) if NOT_WRITTEN.contains(&full.as_str()) => {}
            (_, None) => {
                let known = complete.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                return Some((full, known));
            }
            (Value::Table(given), Some(Value::Table(complete))) => {
                if let Some(found) = unknown(given, complete, &full) {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}
