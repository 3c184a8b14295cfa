//! The colour beneath transparent pixels and beside small images.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::DataError;

/// Red, green and blue of the ground on which images lie; white by default.
///
/// As text it is a name (`white`, `black`, `grey`) or six hexadecimal digits (`#ff8800`); a configuration may also give
/// a grey level from 0 to 255, or three levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Given", into = "String")]
pub struct Background(pub [u8; 3]);

const NAMES: [(&str, [u8; 3]); 7] = [
    ("white", [255; 3]),
    ("black", [0; 3]),
    ("grey", [128; 3]),
    ("gray", [128; 3]),
    ("red", [255, 0, 0]),
    ("green", [0, 128, 0]),
    ("blue", [0, 0, 255]),
];

impl Background {
    /// Whether its three levels are one.
    pub fn is_grey(self) -> bool {
        let [red, green, blue] = self.0;
        red == green && green == blue
    }
}

impl Default for Background {
    fn default() -> Self {
        Self([255; 3])
    }
}

impl fmt::Display for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, levels)| *levels == self.0) {
            Some((name, _)) => f.write_str(name),
            None => {
                let [red, green, blue] = self.0;
                write!(f, "#{red:02x}{green:02x}{blue:02x}")
            }
        }
    }
}

impl FromStr for Background {
    type Err = DataError;

    /// # Errors
    /// [`DataError::Spec`] if it is neither a known name nor six hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, DataError> {
        let text = text.trim();
        if let Some((_, levels)) = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Ok(Self(*levels));
        }
        if let Ok(level) = text.parse::<u8>() {
            return Ok(Self([level; 3]));
        }
        hexadecimal(text.strip_prefix('#').unwrap_or(text)).map(Self).ok_or_else(|| {
            let names = ["white", "black", "grey", "red", "green", "blue"].join(", ");
            DataError::Spec(format!(
                "background: expected {names}, #rrggbb or a grey level from 0 to 255, found {text:?}"
            ))
        })
    }
}

fn hexadecimal(digits: &str) -> Option<[u8; 3]> {
    let digits: Vec<u8> = digits.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    match digits[..] {
        [r, g, b] => Some([17 * r, 17 * g, 17 * b]),
        [r, s, g, h, b, c] => Some([16 * r + s, 16 * g + h, 16 * b + c]),
        _ => None,
    }
}

/// What a configuration may say.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a colour, as white, #ff8800 or [255, 136, 0]")]
enum Given {
    Level(u8),
    Levels([u8; 3]),
    Text(String),
}

impl TryFrom<Given> for Background {
    type Error = DataError;

    fn try_from(given: Given) -> Result<Self, DataError> {
        match given {
            Given::Level(level) => Ok(Self([level; 3])),
            Given::Levels(levels) => Ok(Self(levels)),
            Given::Text(text) => text.parse(),
        }
    }
}

impl From<Background> for String {
    fn from(background: Background) -> Self {
        background.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_background_is_a_name_or_levels_and_survives_its_text() {
        let read = |json: &str| serde_json::from_str::<Background>(json);
        for (given, levels) in [
            ("\"white\"", [255; 3]),
            ("\"Black\"", [0; 3]),
            ("\"#ff8800\"", [255, 136, 0]),
            ("\"f80\"", [255, 136, 0]),
            ("\"77\"", [77; 3]),
            ("9", [9; 3]),
            ("[1, 2, 3]", [1, 2, 3]),
        ] {
            let background = read(given).unwrap();
            assert_eq!(background.0, levels, "{given}");
            assert_eq!(read(&serde_json::to_string(&background).unwrap()).unwrap(), background);
        }
        for wrong in ["\"whit\"", "\"#ff88\"", "256", "-1", "[1, 2]", "\"\"", "\"ééé\""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!("pink".parse::<Background>().unwrap_err().to_string().contains("white, black"));
    }
}
