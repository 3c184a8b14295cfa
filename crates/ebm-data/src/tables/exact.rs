//! Doubles that come back from JSON bit for bit.
//!
//! A reader of JSON may round a number of many digits to a neighbour. Such a number is stored as text, which Rust reads
//! exactly.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Digits, and powers of ten, up to which every reader is exact.
const DIGITS: usize = 15;
const POWERS: i32 = 20;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(f64),
    Text(String),
}

impl Number {
    fn of(value: f64) -> Self {
        let text = format!("{value:e}");
        let is_plain = text.split_once('e').is_some_and(|(digits, power)| {
            let n = digits.bytes().filter(u8::is_ascii_digit).count();
            n <= DIGITS
                && power.parse::<i32>().is_ok_and(|power| (-POWERS..=POWERS).contains(&(power - n as i32)))
        });
        if is_plain { Self::Plain(value) } else { Self::Text(text) }
    }
}

pub(crate) fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(values.iter().map(|&value| Number::of(value)))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    let number = |number: Number| match number {
        Number::Plain(value) => Ok(value),
        Number::Text(text) => {
            text.parse().map_err(|_| D::Error::custom(format!("{text:?}: expected a number")))
        }
    };
    Vec::<Number>::deserialize(from)?.into_iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use ebm_ops::Noise;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Values(#[serde(with = "super")] Vec<f64>);

    #[test]
    fn every_double_comes_back_and_plain_numbers_are_read() {
        let z = Noise::seeded(2).normals_f64(10_000);
        let values: Vec<f64> =
            z.chunks(2).map(|z| z[0] * (40.0 * z[1]).exp()).chain([3e-7, 0.1, 0.0, 1e300, 5e-324]).collect();
        let stored = serde_json::to_string(&Values(values.clone())).unwrap();
        assert_eq!(serde_json::from_str::<Values>(&stored).unwrap().0, values);
        assert_eq!(serde_json::to_string(&Values(vec![3e-7, 2.0])).unwrap(), "[3e-7,2.0]");
        assert_eq!(serde_json::from_str::<Values>("[1, 2.5]").unwrap().0, [1.0, 2.5]);
        assert!(serde_json::from_str::<Values>(r#"["x"]"#).is_err());
    }
}
