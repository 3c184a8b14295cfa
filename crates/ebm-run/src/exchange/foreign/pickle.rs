//! Pickles of tensors: what PyTorch writes is understood, and nothing is called.

use ebm_data::files::pickle::{self, Id, Objects};

use crate::error::{Result, anyhow};

/// Most bytes of the key of a storage.
const MAX_KEY: usize = 256;

/// A pickle of tensors that has been read.
pub(super) type Pickle = pickle::Pickle<'static, Torch>;

/// A value of one.
pub(super) type Value = pickle::Value<Torch>;

/// What a call or a reference in a pickle of tensors stands for.
#[derive(Clone, Debug)]
pub(super) enum Torch {
    Storage(Box<Storage>),
    Tensor(Box<Tensor>),
    /// The kind of a number of NumPy.
    Kind,
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

/// Reads the pickle that `bytes` begin with.
///
/// # Errors
/// If it is damaged, is larger than a description of weights can be, or asks for anything to be called.
pub(super) fn read(bytes: &[u8]) -> Result<Pickle> {
    let pickle = pickle::read(bytes, &Known).map_err(|what| anyhow!(what))?;
    Ok(pickle.into_owned())
}

/// Every storage that a pickle speaks of.
pub(super) fn storages(pickle: &Pickle) -> impl Iterator<Item = &Storage> {
    pickle.values().filter_map(|value| match value {
        Value::Object(Torch::Storage(storage)) => Some(&**storage),
        _ => None,
    })
}

/// The few calls that descriptions of tensors are made of.
struct Known;

impl Objects for Known {
    type Object = Torch;

    fn call(
        &self,
        name: &str,
        arguments: &[Id],
        pickle: &pickle::Pickle<'_, Torch>,
    ) -> Result<Value, String> {
        match name {
            "collections.OrderedDict" | "collections.defaultdict" => Ok(Value::Dictionary(Vec::new())),
            "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor" => {
                let tensor = tensor(arguments, pickle).ok_or_else(|| format!("{name} of no tensor"))?;
                Ok(Value::Object(Torch::Tensor(Box::new(tensor))))
            }
            "torch._utils._rebuild_parameter" => match arguments.first().map(|id| pickle.value(*id)) {
                Some(Value::Object(Torch::Tensor(tensor))) => {
                    Ok(Value::Object(Torch::Tensor(tensor.clone())))
                }
                _ => Err("a parameter of no tensor".into()),
            },
            // A learning rate may be a number of NumPy, made of a kind and of bytes; neither is looked at.
            "numpy.dtype" => Ok(Value::Object(Torch::Kind)),
            "_codecs.encode" => Ok(Value::None),
            "numpy.core.multiarray.scalar" | "numpy._core.multiarray.scalar" => Ok(Value::Other),
            _ => Err(format!("it asks to call {name}, which is refused: reading weights calls nothing")),
        }
    }

    /// Attributes of a dictionary, as PyTorch's state dictionaries have, and of a kind of numbers are no weights.
    fn with_state(
        &self,
        object: Id,
        _state: Id,
        pickle: &pickle::Pickle<'_, Torch>,
    ) -> Result<Option<Value>, String> {
        match pickle.value(object) {
            Value::Dictionary(_) | Value::Object(Torch::Kind) => Ok(None),
            _ => Err("attributes are set of what is no dictionary".into()),
        }
    }

    /// A reference to a storage: ('storage', type, key, location, elements, …).
    fn refer(&self, reference: Id, pickle: &pickle::Pickle<'_, Torch>) -> Result<Value, String> {
        let storage = storage(reference, pickle).ok_or("a reference to no storage of tensors")?;
        Ok(Value::Object(Torch::Storage(Box::new(storage))))
    }
}

fn storage(reference: Id, pickle: &pickle::Pickle<'_, Torch>) -> Option<Storage> {
    let Value::Tuple(items) = pickle.value(reference) else { return None };
    let [word, class, key, _, elements, rest @ ..] = &items[..] else { return None };
    let is_whole = rest.first().is_none_or(|view| matches!(pickle.value(*view), Value::None));
    if pickle.text(*word) != Some("storage") || !is_whole {
        return None;
    }
    let class = pickle.name(*class)?.rsplit('.').next()?.to_owned();
    let key = pickle.text(*key).filter(|key| key.len() <= MAX_KEY)?.to_owned();
    Some(Storage { class, key, elements: size(*elements, pickle)? })
}

fn tensor(arguments: &[Id], pickle: &pickle::Pickle<'_, Torch>) -> Option<Tensor> {
    let [storage, offset, shape, stride, ..] = arguments else { return None };
    let Value::Object(Torch::Storage(storage)) = pickle.value(*storage) else { return None };
    let sizes = |id: Id| match pickle.value(id) {
        Value::Tuple(items) | Value::List(items) => items.iter().map(|id| size(*id, pickle)).collect(),
        _ => None,
    };
    let (shape, stride): (Vec<usize>, Vec<usize>) = (sizes(*shape)?, sizes(*stride)?);
    let is_one = shape.len() == stride.len() && shape.len() <= 8;
    let offset = size(*offset, pickle)?;
    is_one.then(|| Tensor { storage: Storage::clone(storage), offset, shape, stride })
}

fn size(id: Id, pickle: &pickle::Pickle<'_, Torch>) -> Option<usize> {
    match pickle.value(id) {
        Value::Int(size) => usize::try_from(*size).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pickle_that_calls_is_refused_with_the_name_of_what_it_calls() {
        let calls: [(&[u8], &str); 4] = [
            (b"cos\nsystem\nX\x02\x00\x00\x00ls\x85R.", "call os.system"),
            (b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.", "call posix.system"),
            (b"\x80\x02csubprocess\nPopen\n)\x81.", "make an object of subprocess.Popen"),
            (b"(ios\nsystem\n.", "make an object of a class"),
        ];
        for (bytes, expected) in calls {
            let error = format!("{:#}", read(bytes).unwrap_err());
            assert!(error.contains(expected) && error.contains("refused"), "{error}");
        }
    }

    #[test]
    fn a_number_of_numpy_is_passed_over() {
        let older: &[u8] =
            b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\x00\x00\x00f8K\x00K\x01\x87R\
            (K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\
            c_codecs\nencode\nX\x08\x00\x00\x0012345678X\x06\x00\x00\x00latin1\x86R\x86R.";
        let pickle = read(older).unwrap();
        assert!(matches!(pickle.value(pickle.root()), Value::Other));
    }

    #[test]
    fn damaged_pickles_are_errors_and_never_panics() {
        let whole: &[u8] =
            b"\x80\x02}q\x00(X\x01\x00\x00\x00aK\x05X\x01\x00\x00\x00b]q\x01(K\x01K\x02euh\x00\x86.";
        assert_eq!(read(whole).unwrap().length(), whole.len());
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
        for at in 0..whole.len() {
            for byte in 0..=255 {
                let mut changed = whole.to_vec();
                changed[at] = byte;
                let _ = read(&changed);
            }
        }
        for bytes in [b"a.".as_slice(), b"K\x01s.", b"u.", b"h\x00.", b"R.", b"Q.", b"b.", b"(0.", b"\x93."] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
