//! What a pickle of tensors describes.

/// A value of a [`Pickle`], by its place.
pub(super) type Id = usize;

/// What a pickle describes.
#[derive(Debug)]
pub(super) enum Value {
    None,
    /// A number, a truth value or bytes, none of which weights are made of.
    Other,
    Integer(i64),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or a function by its module and name.
    Global(String),
    Storage(Box<Storage>),
    Tensor(Box<Tensor>),
}

/// A row of numbers in a file.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    /// The type of its numbers as PyTorch calls it, `FloatStorage` for instance.
    pub(super) class: String,
    pub(super) key: String,
    pub(super) elements: usize,
}

/// A tensor whose numbers are in a storage.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub(super) storage: Storage,
    /// Elements before the first.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) stride: Vec<usize>,
}

/// A pickle that has been read.
#[derive(Debug)]
pub(super) struct Pickle {
    pub(super) values: Vec<Value>,
    pub(super) root: Id,
    /// Bytes that it takes.
    pub(super) length: usize,
}

impl Pickle {
    pub(super) fn value(&self, id: Id) -> &Value {
        &self.values[id]
    }

    /// Every storage that it speaks of.
    pub(super) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.values.iter().filter_map(|value| match value {
            Value::Storage(storage) => Some(&**storage),
            _ => None,
        })
    }

    /// The entries of a dictionary whose keys are texts.
    pub(super) fn entries(&self, id: Id) -> Option<impl Iterator<Item = (&str, Id)>> {
        let Value::Dict(entries) = self.value(id) else { return None };
        Some(entries.iter().filter_map(|(key, value)| match self.value(*key) {
            Value::Text(key) => Some((key.as_str(), *value)),
            _ => None,
        }))
    }
}
