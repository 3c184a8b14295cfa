//! Which field of a card or a configuration is wrong, where the reader of its text does not say it.

use ebm_model::{Architecture, NetworkConfig};
use serde_json::{Value, json};

use crate::error::{Error, anyhow};
use crate::sampling::SampleConfig;

/// Why `text` is no card, with the field.
pub(crate) fn of_card(text: &str, error: &serde_json::Error) -> Error {
    let found = serde_json::from_str::<Value>(text).ok().and_then(|card| wrong(&card));
    found.map_or_else(|| anyhow!("its card cannot be read: {error}"), |wrong| anyhow!("{wrong}"))
}

/// The first field that is of another type than that of a card of the same kind, or is missing.
fn wrong(card: &Value) -> Option<String> {
    let kind = card["architecture"]["kind"].as_str();
    let architecture = match kind.map(|kind| (kind, Architecture::named(kind))) {
        Some((kind, None)) => {
            let known = Architecture::kinds().join(", ");
            return Some(format!("architecture.kind is \"{kind}\", expected one of {known}"));
        }
        Some((_, Some(architecture))) => serde_json::to_value(architecture).ok()?,
        None => json!({"kind": "unet"}),
    };
    let content = match card["content"]["kind"].as_str() {
        Some("image") => json!({"kind": "image", "channels": 1, "height": 1, "width": 1}),
        _ => json!({"kind": "row"}),
    };
    let sample = serde_json::to_value(SampleConfig::default()).ok()?;
    let like = json!({
        "format": 1, "name": "", "step": 1, "architecture": architecture, "content": content, "sample": sample,
    });
    mismatch("", card, &like).or_else(|| missing("", card, &like))
}

/// The first value of another type than that of `like` at the same place.
pub(crate) fn mismatch(path: &str, found: &Value, like: &Value) -> Option<String> {
    let expected = match like {
        Value::Object(fields) => match found {
            Value::Object(_) => {
                let each =
                    |(key, like): (&String, &Value)| mismatch(&within(path, key), found.get(key)?, like);
                return fields.iter().find_map(each);
            }
            _ => "a table",
        },
        Value::Array(items) => match (found, items.first()) {
            (Value::Array(found), Some(like)) => {
                let mut each = found.iter().enumerate();
                return each.find_map(|(i, found)| mismatch(&format!("{path}[{i}]"), found, like));
            }
            (Value::Array(_), None) => return None,
            _ => "a list",
        },
        Value::Number(number) if number.is_u64() => match found.as_u64() {
            Some(_) => return None,
            None => "a whole number, not negative",
        },
        Value::Number(_) => match found {
            Value::Number(_) => return None,
            _ => "a number",
        },
        Value::String(_) if !found.is_string() => "a text",
        Value::Bool(_) if !found.is_boolean() => "true or false",
        Value::String(_) | Value::Bool(_) | Value::Null => return None,
    };
    let found = match found {
        Value::Object(_) => "a table".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => other.to_string(),
    };
    Some(format!("{} is {found}, expected {expected}", if path.is_empty() { "it" } else { path }))
}

/// The first field of `like` that is not there.
fn missing(path: &str, found: &Value, like: &Value) -> Option<String> {
    let each = |(key, like): (&String, &Value)| {
        let path = within(path, key);
        match found.get(key) {
            None => Some(format!("{path} is missing")),
            Some(found) => missing(&path, found, like),
        }
    };
    like.as_object()?.iter().find_map(each)
}

fn within(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Value {
        json!({
            "format": 1, "name": "a", "step": 1, "architecture": Architecture::named("unet").unwrap(),
            "content": {"kind": "image", "channels": 1, "height": 28, "width": 28},
            "sample": SampleConfig::default(),
        })
    }

    fn reason(text: &str) -> String {
        of_card(text, &serde_json::from_str::<Vec<u8>>("{").unwrap_err()).to_string()
    }

    #[test]
    fn the_field_that_is_wrong_is_named_with_what_is_expected() {
        let cases = [
            (
                "/architecture/patch",
                json!(-5),
                "architecture.patch is -5, expected a whole number, not negative",
            ),
            (
                "/architecture/patch",
                json!(1.5),
                "architecture.patch is 1.5, expected a whole number, not negative",
            ),
            (
                "/architecture/widths/1",
                json!(-1),
                "architecture.widths[1] is -1, expected a whole number, not negative",
            ),
            ("/architecture/sigma_data", Value::Null, "architecture.sigma_data is null, expected a number"),
            (
                "/architecture/kind",
                json!("transformer"),
                "architecture.kind is \"transformer\", expected one of unet",
            ),
            ("/content/height", json!("x"), "content.height is \"x\", expected a whole number, not negative"),
            ("/sample/heun/top", Value::Null, "sample.heun.top is null, expected a number"),
            (
                "/sample/langevin/levels",
                json!(1e12),
                "sample.langevin.levels is 1000000000000.0, expected a whole",
            ),
            ("/sample/chain/temperatures", json!(3), "sample.chain.temperatures is 3, expected a list"),
            ("/sample", json!([]), "sample is a list, expected a table"),
            ("/step", json!("x"), "step is \"x\", expected a whole number, not negative"),
        ];
        for (at, bad, expected) in cases {
            let mut card = card();
            *card.pointer_mut(at).unwrap() = bad;
            let found = reason(&card.to_string());
            assert!(found.starts_with(expected), "{found}");
        }
        let mut card = card();
        card["architecture"].as_object_mut().unwrap().remove("groups");
        assert_eq!(reason(&card.to_string()), "architecture.groups is missing");
        assert!(reason("{").starts_with("its card cannot be read: "));
    }
}
