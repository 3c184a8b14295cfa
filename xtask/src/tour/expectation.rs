//! What a command's output must say.

use serde_json::Value;

/// A number by its key, and where it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    key: String,
    /// The value as it is written.
    pub shown: String,
    value: f64,
    relation: Relation,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Relation {
    Within(f64),
    Below,
    Above,
}

impl Expectation {
    /// Reads `KEY = VALUE ± TOLERANCE`, `KEY < VALUE` or `KEY > VALUE`.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.replace('−', "-");
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |word: &str| word.parse::<f64>().map_err(|_| format!("{word:?} is no number"));
        let (key, shown, relation) = match words[..] {
            [key, "=", value, "±", tolerance] => (key, value, Relation::Within(number(tolerance)?)),
            [key, "<", value] => (key, value, Relation::Below),
            [key, ">", value] => (key, value, Relation::Above),
            _ => {
                return Err(format!(
                    "{text:?}: expected KEY = VALUE ± TOLERANCE, KEY < VALUE or KEY > VALUE"
                ));
            }
        };
        Ok(Self { key: key.into(), shown: shown.into(), value: number(shown)?, relation })
    }

    /// Looks at the output.
    ///
    /// # Errors
    /// A line with what was found and what was expected.
    pub fn check(&self, output: &Value) -> Result<f64, String> {
        let Self { key, shown, value, relation } = self;
        let found = lookup(output, key).and_then(Value::as_f64);
        let found = found.ok_or_else(|| format!("{key}: there is no such number"))?;
        let (holds, wanted) = match relation {
            Relation::Within(tolerance) => {
                ((found - value).abs() <= *tolerance, format!("{shown} ± {tolerance}"))
            }
            Relation::Below => (found < *value, format!("less than {shown}")),
            Relation::Above => (*value < found, format!("more than {shown}")),
        };
        if holds { Ok(found) } else { Err(format!("{key} is {found}, expected {wanted}")) }
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// The value at a key with dots; an entry of a list by its index or its name.
fn lookup<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    key.split('.').try_fold(value, |value, part| match (value, part.parse::<usize>()) {
        (Value::Array(entries), Ok(index)) => entries.get(index),
        (Value::Array(entries), Err(_)) => entries.iter().find(|entry| entry["name"] == part),
        (value, _) => value.get(part),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_number_is_found_by_names_and_indices_and_held_against_what_is_expected() {
        let output = json!({"a": [{"sd": 1.02}], "figures": [{"name": "mmd", "value": 0.003}], "e": -2.5});
        let check = |text: &str| Expectation::parse(text).unwrap().check(&output);
        assert_eq!(check("a.0.sd = 1.0 ± 0.05"), Ok(1.02));
        assert!(check("a.0.sd = 1.0 ± 0.01").unwrap_err().contains("is 1.02, expected 1.0 ± 0.01"));
        assert_eq!(check("figures.mmd.value < 0.01"), Ok(0.003));
        assert!(check("figures.mmd.value > 0.01").is_err());
        assert_eq!(check("e = −2.5 ± 0"), Ok(-2.5));
        for key in ["a.1.sd", "figures.other.value", "b", "a"] {
            assert!(check(&format!("{key} < 1")).unwrap_err().contains("no such number"), "{key}");
        }
    }

    #[test]
    fn what_is_not_finite_never_holds() {
        let output = json!({"x": null});
        assert!(Expectation::parse("x < 1").unwrap().check(&output).is_err());
        for text in ["x", "x = 1", "x = one ± 1", "x ~ 1", "x = 1 ± NaNa"] {
            assert!(Expectation::parse(text).is_err(), "{text}");
        }
    }
}
