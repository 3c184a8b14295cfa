//! Values of keys as people write them.

use serde::{Deserialize, Deserializer, de::Error};

/// A list of names: a sequence of names and numbers, or a text with commas between them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    One(Name),
    Several(Vec<Name>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Number(u64),
}

impl Names {
    fn list(self) -> Vec<String> {
        match self {
            Self::One(Name::Text(text)) => text.split(',').map(|name| name.trim().to_owned()).collect(),
            Self::One(name) => vec![name.text()],
            Self::Several(names) => names.into_iter().map(Name::text).collect(),
        }
    }
}

impl Name {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

pub(super) fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let names = Option::<Names>::deserialize(from);
    let names = names.map_err(|_| D::Error::custom("expected names of columns, as in \"rate,pressure\""))?;
    Ok(names.map(Names::list))
}

pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let name = Option::<Name>::deserialize(from);
    let name = name.map_err(|_| D::Error::custom("expected the name of a column, or its number"))?;
    Ok(name.map(Name::text))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum YesOrNo {
    Flag(bool),
    Text(String),
}

pub(super) fn yes_or_no<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    match Option::<YesOrNo>::deserialize(from) {
        Ok(None) => Ok(None),
        Ok(Some(YesOrNo::Flag(flag))) => Ok(Some(flag)),
        Ok(Some(YesOrNo::Text(text))) if text == "yes" => Ok(Some(true)),
        Ok(Some(YesOrNo::Text(text))) if text == "no" => Ok(Some(false)),
        _ => Err(D::Error::custom("expected yes or no")),
    }
}

pub(super) fn delimiter<'de, D: Deserializer<'de>>(from: D) -> Result<Option<char>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    delimiter_named(&text).map(Some).map_err(D::Error::custom)
}

/// The delimiter that a person names: a character itself, or `comma`, `semicolon`, `tab`, `space`, `pipe`.
///
/// # Errors
/// What is expected, if it is something else.
pub fn delimiter_named(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("comma", ..) => Ok(','),
        ("semicolon", ..) => Ok(';'),
        ("tab" | "\\t", ..) => Ok('\t'),
        ("space" | "whitespace", ..) => Ok(' '),
        ("pipe", ..) => Ok('|'),
        (_, Some(only), None)
            if only.is_ascii() && !only.is_ascii_alphanumeric() && !"\"\r\n.+-".contains(only) =>
        {
            Ok(only)
        }
        _ => Err(format!(
            "delimiter {text:?}: expected a character such as , or ; or a name: comma, semicolon, tab, space, pipe"
        )),
    }
}

#[cfg(test)]
mod tests {
    use crate::DataSpec;

    fn spec(keys: &str) -> Result<DataSpec, String> {
        serde_json::from_str(&format!("{{\"dataset\": \"table\", {keys}}}"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_read_as_people_write_them() {
        let names = ["a".to_owned(), "2".to_owned()];
        for text in [r#""columns": "a, 2""#, r#""columns": ["a", 2]"#, r#""columns": ["a", "2"]"#] {
            assert_eq!(spec(text).unwrap().columns.unwrap(), names, "{text}");
        }
        assert_eq!(spec(r#""drop": 3"#).unwrap().drop.unwrap(), ["3"]);
        assert_eq!(spec(r#""label": 5"#).unwrap().label.unwrap(), "5");
        assert_eq!(spec(r#""label": "kind, of""#).unwrap().label.unwrap(), "kind, of");
        assert_eq!(spec(r#""header": "no""#).unwrap().header, Some(false));
        assert_eq!(spec(r#""header": true"#).unwrap().header, Some(true));
        for (text, delimiter) in [("tab", '\t'), ("\\t", '\t'), (";", ';'), ("space", ' '), ("comma", ',')] {
            let text = serde_json::to_string(text).unwrap();
            assert_eq!(spec(&format!("\"delimiter\": {text}")).unwrap().delimiter, Some(delimiter));
        }
        assert!(spec(r#""delimiter": "ab""#).unwrap_err().contains("semicolon"));
        assert!(spec(r#""delimiter": "1""#).is_err() && spec(r#""header": "perhaps""#).is_err());
        assert!(spec(r#""columns": {}"#).unwrap_err().contains("names of columns"));
    }
}
