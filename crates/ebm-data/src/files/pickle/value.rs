//! What a pickle describes.

use std::borrow::Cow;
use std::ops::Range;

/// A value of a [`Pickle`], by its place.
pub type Id = usize;

/// A value; those within it stand beside it in the pickle, and texts and bytes stay in its content.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<O> {
    /// Nothing.
    None,
    /// True or false.
    Flag(bool),
    /// A whole number of 64 bits.
    Int(i64),
    /// Any other number.
    Other,
    /// A text, in UTF-8 or of Python 2.
    Text(Range<usize>),
    /// Bytes.
    Bytes(Range<usize>),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A list.
    List(Vec<Id>),
    /// Keys and values in their order.
    Dictionary(Vec<(Id, Id)>),
    /// A function or a class, by its module and name.
    Named([Range<usize>; 2]),
    /// What a call stands for.
    Object(O),
}

/// A pickle that has been read, with its content.
#[derive(Clone, Debug)]
pub struct Pickle<'a, O> {
    pub(super) content: Cow<'a, [u8]>,
    pub(super) values: Vec<Value<O>>,
    pub(super) root: Id,
    pub(super) length: usize,
}

impl<O> Pickle<'_, O> {
    /// The value that it is a pickle of.
    pub fn root(&self) -> Id {
        self.root
    }

    /// Bytes that it takes; more may follow in the content.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The value at a place.
    ///
    /// # Panics
    /// If the place is of another pickle.
    pub fn value(&self, id: Id) -> &Value<O> {
        &self.values[id]
    }

    /// Every value, in the order in which they were made.
    pub fn values(&self) -> impl Iterator<Item = &Value<O>> {
        self.values.iter()
    }

    /// The bytes of a text or of bytes.
    pub fn bytes(&self, id: Id) -> Option<&[u8]> {
        match self.value(id) {
            Value::Text(place) | Value::Bytes(place) => Some(&self.content[place.clone()]),
            _ => None,
        }
    }

    /// A text, if it is one in UTF-8.
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.value(id) {
            Value::Text(place) => str::from_utf8(&self.content[place.clone()]).ok(),
            _ => None,
        }
    }

    /// The name of a function or a class, `module.name`.
    pub fn name(&self, id: Id) -> Option<String> {
        match self.value(id) {
            Value::Named(places) => Some(self.joined(places)),
            _ => None,
        }
    }

    pub(super) fn joined(&self, places: &[Range<usize>; 2]) -> String {
        let [module, name] =
            places.clone().map(|place| String::from_utf8_lossy(&self.content[place]).into_owned());
        format!("{module}.{name}")
    }

    /// The entries of a dictionary whose keys are texts.
    pub fn entries(&self, id: Id) -> Option<impl Iterator<Item = (&str, Id)>> {
        let Value::Dictionary(entries) = self.value(id) else { return None };
        Some(entries.iter().filter_map(|(key, value)| Some((self.text(*key)?, *value))))
    }

    /// The value under a key of a dictionary.
    pub fn under(&self, id: Id, key: &str) -> Option<Id> {
        self.entries(id)?.find_map(|(found, value)| (found == key).then_some(value))
    }

    /// The same with a content of its own.
    pub fn into_owned(self) -> Pickle<'static, O> {
        let Self { content, values, root, length } = self;
        let content = content[..length].to_vec().into();
        Pickle { content, values, root, length }
    }
}
