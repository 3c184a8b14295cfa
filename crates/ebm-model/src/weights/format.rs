//! The safetensors format, read with limits.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A header longer than this, in bytes, is not ours.
pub(super) const MAX_HEADER: u64 = 1 << 20;
/// As is one with more tensors than this.
const MAX_TENSORS: usize = 10_000;
/// And a tensor of more dimensions.
const MAX_DIMENSIONS: usize = 8;
/// Bytes before the header, which say how long it is.
pub(super) const PREFIX: u64 = 8;
/// The key of the texts about the tensors.
const METADATA: &str = "__metadata__";
/// The one key of the file's metadata. One, because their order in the file is not fixed.
pub(crate) const METADATA_KEY: &str = "ebm";

/// What a file says about itself before its numbers.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) tensors: BTreeMap<String, Place>,
    /// The text stored with them, empty if there is none.
    pub(crate) text: String,
}

/// Where the numbers of a tensor of 32-bit floats lie.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) shape: Vec<usize>,
    /// The first byte and the one after the last, from the header's end.
    pub(crate) bytes: [usize; 2],
}

/// An entry of the header as it is written.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// How long the header is that follows these bytes.
///
/// # Errors
/// Why there is none: fewer than eight bytes, or a length beyond the file's or the limit.
pub(super) fn header_length(start: &[u8], file: u64) -> Result<u64, String> {
    let Some(length) = start.first_chunk::<8>().map(|length| u64::from_le_bytes(*length)) else {
        return Err(format!("it has {} bytes, a header's length alone has 8", start.len()));
    };
    if MAX_HEADER < length {
        return Err(format!("its header claims {length} bytes, at most {MAX_HEADER} are read"));
    }
    if file - PREFIX < length {
        return Err(format!("its header claims {length} bytes, the file has {} more", file - PREFIX));
    }
    Ok(length)
}

/// What the header says, if that is true of a file with `data` bytes after it.
///
/// # Errors
/// Why it is not: no JSON, a name twice, another type than 32-bit floats, tensors that overlap, leave a gap, or do not
/// end where the file does.
pub(super) fn header(text: &[u8], data: u64) -> Result<Header, String> {
    let Fields { about, tensors: fields } = serde_json::from_slice(text)
        .map_err(|error: serde_json::Error| format!("its header cannot be read: {error}"))?;
    if MAX_TENSORS < fields.len() {
        return Err(format!("it has {} tensors, at most {MAX_TENSORS} are read", fields.len()));
    }
    let placed = |(name, entry): (String, Entry)| Ok((place(&name, entry)?, name));
    let mut places = fields.into_iter().map(placed).collect::<Result<Vec<(Place, String)>, String>>()?;
    // Of empty ones at the same place the order does not matter.
    places.sort_by_key(|(place, _)| place.bytes);
    let mut end = 0;
    for (Place { bytes: [first, after], .. }, name) in &places {
        if *first != end {
            return Err(format!(
                "{name} begins at byte {first}, expected {end}: tensors lie one after the other"
            ));
        }
        end = *after;
    }
    if end as u64 != data {
        return Err(format!("its tensors have {end} bytes, the file has {data} after its header"));
    }
    let tensors = places.into_iter().map(|(place, name)| (name, place)).collect();
    Ok(Header { tensors, text: about.get(METADATA_KEY).cloned().unwrap_or_default() })
}

fn place(name: &str, Entry { dtype, shape, data_offsets }: Entry) -> Result<Place, String> {
    if dtype != "F32" {
        return Err(format!("{name} is of type {dtype}, expected F32"));
    }
    if MAX_DIMENSIONS < shape.len() {
        return Err(format!("{name} has {} dimensions, at most {MAX_DIMENSIONS} are read", shape.len()));
    }
    let [first, after] = data_offsets;
    let bytes = shape.iter().try_fold(size_of::<f32>(), |bytes, &size| bytes.checked_mul(size));
    if bytes.is_none() || after.checked_sub(first) != bytes {
        return Err(format!(
            "{name} of shape {shape:?} lies in bytes {first} to {after}, which do not hold it"
        ));
    }
    Ok(Place { shape, bytes: data_offsets })
}

/// A header's fields, each there once: of two, JSON's readers take the last in silence.
struct Fields {
    about: BTreeMap<String, String>,
    tensors: BTreeMap<String, Entry>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = unique::<Field, D>(deserializer)?;
        let (mut about, mut tensors) = (BTreeMap::new(), BTreeMap::new());
        for (name, field) in fields {
            match field {
                Field::About(texts) => about = texts,
                Field::Tensor(entry) => {
                    tensors.insert(name, entry);
                }
            }
        }
        Ok(Self { about, tensors })
    }
}

/// What a header has under a name.
enum Field {
    About(BTreeMap<String, String>),
    Tensor(Entry),
}

/// A value of a map that depends on its key.
trait Under: Sized {
    fn read<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Self, A::Error>;
}

impl Under for Field {
    fn read<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Self, A::Error> {
        if key == METADATA {
            return map.next_value().map(|Texts(texts)| Self::About(texts));
        }
        map.next_value().map(Self::Tensor)
    }
}

impl Under for String {
    fn read<'de, A: MapAccess<'de>>(_: &str, map: &mut A) -> Result<Self, A::Error> {
        map.next_value()
    }
}

/// Texts by name.
struct Texts(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        unique(deserializer).map(Self)
    }
}

/// A map, unless it has a key twice.
fn unique<'de, T: Under, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error> {
    struct Map<T>(PhantomData<T>);

    impl<'de, T: Under> Visitor<'de> for Map<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = BTreeMap::new();
            while let Some(key) = map.next_key::<String>()? {
                if found.contains_key(&key) {
                    return Err(A::Error::custom(format!("{key} is there twice")));
                }
                let value = T::read(&key, &mut map);
                let value = value.map_err(|error| A::Error::custom(format!("{key}: {error}")))?;
                found.insert(key, value);
            }
            Ok(found)
        }
    }

    deserializer.deserialize_map(Map(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str, data: u64) -> String {
        header(text.as_bytes(), data).unwrap_err()
    }

    fn tensor(name: &str, dtype: &str, shape: &str, offsets: [u64; 2]) -> String {
        format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets:?}}}"#)
    }

    #[test]
    fn a_header_that_is_true_is_read() {
        let (a, b) = (tensor("a", "F32", "[2,1]", [4, 12]), tensor("b", "F32", "[]", [0, 4]));
        let text = format!(
            r#"{{{a},"__metadata__":{{"ebm":"about","other":"x"}},{b},{}}}   "#,
            tensor("c", "F32", "[0]", [4, 4])
        );
        let Header { tensors, text } = header(text.as_bytes(), 12).unwrap();
        assert_eq!((text.as_str(), tensors["a"].bytes, tensors["b"].shape.len()), ("about", [4, 12], 0));
        assert!(header(b"{}", 0).unwrap().tensors.is_empty());
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused_wherever_it_is() {
        let a = tensor("a", "F32", "[1]", [0, 4]);
        assert!(refusal(&format!("{{{a},{a}}}"), 4).contains("a is there twice"));
        let shape_twice = r#"{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}"#;
        assert!(refusal(shape_twice, 4).contains("shape"));
        let about = r#"{"__metadata__":{"ebm":"one","ebm":"two"}}"#;
        assert!(refusal(about, 0).contains("ebm is there twice"));
        assert!(
            refusal(r#"{"__metadata__":{},"__metadata__":{}}"#, 0).contains("__metadata__ is there twice")
        );
    }

    #[test]
    fn a_header_that_lies_is_refused_by_the_tensor() {
        let two = |first, second| {
            format!("{{{},{}}}", tensor("a", "F32", "[1]", first), tensor("b", "F32", "[1]", second))
        };
        for (text, data, reason) in [
            (two([0, 4], [0, 4]), 4, "b begins at byte 0, expected 4"),
            (two([0, 4], [8, 12]), 12, "b begins at byte 8, expected 4"),
            (two([0, 4], [4, 8]), 12, "its tensors have 8 bytes, the file has 12"),
            (two([0, 4], [4, 8]), 4, "its tensors have 8 bytes, the file has 4"),
            (two([4, 0], [4, 8]), 8, "a of shape [1] lies in bytes 4 to 0"),
            (format!("{{{}}}", tensor("a", "F64", "[1]", [0, 8])), 8, "a is of type F64, expected F32"),
            (format!("{{{}}}", tensor("a", "F32", "[3]", [0, 8])), 8, "a of shape [3] lies in bytes 0 to 8"),
            (format!("{{{}}}", tensor("a", "F32", "[-1]", [0, 4])), 4, "a: invalid value: integer `-1`"),
            (
                format!("{{{}}}", tensor("a", "F32", "[4294967296,4294967296,4294967296]", [0, 4])),
                4,
                "which do not hold it",
            ),
            (format!("{{{}}}", tensor("a", "F32", "[1,1,1,1,1,1,1,1,1]", [0, 4])), 4, "a has 9 dimensions"),
            (r#"{"a":7}"#.into(), 0, "a: invalid type"),
            ("[]".into(), 0, "its header cannot be read"),
            (String::new(), 0, "its header cannot be read"),
        ] {
            let found = refusal(&text, data);
            assert!(found.contains(reason), "{text}: {reason:?} is not in {found:?}");
        }
    }
}
