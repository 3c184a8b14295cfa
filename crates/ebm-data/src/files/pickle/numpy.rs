//! Pickles of plain values and arrays of NumPy.

use std::ops::Range;

use super::machine::{Objects, read};
use super::value::{Id, Pickle, Value};

/// The functions and types that an array of NumPy names, by module and name; later versions say `_core`.
const RECONSTRUCT: [&str; 2] = ["numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"];
const ARRAY: &str = "numpy.ndarray";
const KIND: &str = "numpy.dtype";

/// What a name of NumPy makes.
#[derive(Clone, Debug, PartialEq)]
pub enum NumPy {
    /// The kind of an array's numbers: where its name is, `u1` for bytes.
    Kind(Range<usize>),
    /// An array.
    Array(Array),
}

/// An array of NumPy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Array {
    /// Its sides.
    pub shape: Vec<usize>,
    /// Where the name of the kind of its numbers is.
    pub kind: Range<usize>,
    /// Whether columns are consecutive, and not rows.
    pub by_columns: bool,
    /// Where its numbers are.
    pub bytes: Range<usize>,
}

/// The pickle of plain values and arrays that `content` is.
///
/// # Errors
/// What is wrong and at which byte: a name that is not NumPy's, an instruction that plain values do not need, an early
/// end.
pub fn numpy(content: &[u8]) -> Result<Pickle<'_, NumPy>, String> {
    read(content, &Known)
}

impl Pickle<'_, NumPy> {
    /// The array at a place.
    pub fn array(&self, id: Id) -> Option<&Array> {
        match self.value(id) {
            Value::Object(NumPy::Array(array)) => Some(array),
            _ => None,
        }
    }

    /// What is at a place of the content.
    ///
    /// # Panics
    /// If the place is of another pickle.
    pub fn at(&self, place: &Range<usize>) -> &[u8] {
        &self.content[place.clone()]
    }
}

/// The names that NumPy needs, and no others.
struct Known;

impl Objects for Known {
    type Object = NumPy;

    fn check_name(&self, name: &str) -> Result<(), String> {
        if RECONSTRUCT.contains(&name) || [ARRAY, KIND].contains(&name) {
            return Ok(());
        }
        let name: String = name.chars().take(80).collect();
        Err(format!("it names {name:?}, expected plain values and arrays of numpy"))
    }

    fn call(&self, name: &str, arguments: &[Id], pickle: &Pickle<'_, NumPy>) -> Result<Value<NumPy>, String> {
        match (name, arguments.first().map(|id| (pickle.name(*id), pickle.value(*id)))) {
            (name, Some((Some(of), _))) if RECONSTRUCT.contains(&name) && of == ARRAY => {
                Ok(Value::Object(NumPy::Array(Array::default())))
            }
            (KIND, Some((_, Value::Text(place) | Value::Bytes(place)))) => {
                Ok(Value::Object(NumPy::Kind(place.clone())))
            }
            _ => Err("a call with arguments that an array has not".into()),
        }
    }

    /// The state of an array is its version, shape, kind, order and bytes; that of a kind is passed over.
    fn with_state(
        &self,
        object: Id,
        state: Id,
        pickle: &Pickle<'_, NumPy>,
    ) -> Result<Option<Value<NumPy>>, String> {
        let Value::Tuple(state) = pickle.value(state) else { return Err("a state that is no tuple".into()) };
        match pickle.value(object) {
            Value::Object(NumPy::Kind(_)) => Ok(None),
            Value::Object(NumPy::Array(_)) => {
                let array = array(state, pickle).ok_or("an array without shape, kind and bytes")?;
                Ok(Some(Value::Object(NumPy::Array(array))))
            }
            _ => Err("a state of what is no array".into()),
        }
    }

    fn refer(&self, _: Id, _: &Pickle<'_, NumPy>) -> Result<Value<NumPy>, String> {
        Err("a reference to something outside the pickle".into())
    }
}

/// The array of a state.
fn array(state: &[Id], pickle: &Pickle<'_, NumPy>) -> Option<Array> {
    let [_, shape, kind, order, bytes] = state.iter().map(|id| pickle.value(*id)).collect::<Vec<_>>()[..]
    else {
        return None;
    };
    let (Value::Tuple(shape), Value::Object(NumPy::Kind(kind))) = (shape, kind) else { return None };
    let (Value::Text(bytes) | Value::Bytes(bytes)) = bytes else { return None };
    let side = |id: &Id| match pickle.value(*id) {
        Value::Int(side) => usize::try_from(*side).ok(),
        _ => None,
    };
    let shape = shape.iter().map(side).collect::<Option<Vec<usize>>>()?;
    let by_columns = !matches!(order, Value::Flag(false) | Value::Int(0));
    Some(Array { shape, kind: kind.clone(), by_columns, bytes: bytes.clone() })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A batch as Python 2 wrote it in protocol 2: `{'data': array, 'labels': [...], 'batch_label': '...'}`.
    pub(crate) fn batch(pixels: &[u8], labels: &[u8]) -> Vec<u8> {
        let mut file =
            b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labelsq\x04]q\x05("
                .to_vec();
        labels.iter().for_each(|&label| file.extend([b'K', label]));
        file.extend(b"eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85q\x09U\x01bq\x0a\x87q\x0bRq\x0c");
        file.extend(b"(K\x01J");
        file.extend((labels.len() as u32).to_le_bytes());
        file.extend(b"M\x00\x0c\x86q\x0dcnumpy\ndtype\nq\x0eU\x02u1q\x0fK\x00K\x01\x87q\x10Rq\x11(K\x03U\x01|q\x12NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x13b\x89T");
        file.extend((pixels.len() as u32).to_le_bytes());
        file.extend(pixels);
        file.extend(b"q\x14tq\x15bu.");
        file
    }

    #[test]
    fn a_batch_of_python_2_is_a_dictionary_with_an_array() {
        let pixels: Vec<u8> = (0..2 * 3072).map(|i| i as u8).collect();
        let file = batch(&pixels, &[6, 9]);
        let found = numpy(&file).unwrap();
        let labels = found.under(found.root(), "labels").unwrap();
        let Value::List(labels) = found.value(labels) else { panic!("{:?}", found.value(labels)) };
        assert_eq!([0, 1].map(|i| found.value(labels[i])), [&Value::Int(6), &Value::Int(9)]);
        let array = found.array(found.under(found.root(), "data").unwrap()).unwrap();
        assert_eq!((&array.shape[..], array.by_columns), (&[2, 3072][..], false));
        assert_eq!((found.at(&array.kind), found.at(&array.bytes)), (&b"u1"[..], &pixels[..]));
        assert!(found.under(found.root(), "fine_labels").is_none());
        assert_eq!(found.length(), file.len());
    }

    #[test]
    fn a_pickle_that_names_a_function_is_refused_by_the_name_whatever_the_protocol() {
        for file in [
            &b"cos\nsystem\n(S'echo'\ntR."[..],
            b"\x80\x02cos\nsystem\nU\x04echo\x85R.",
            b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
        ] {
            let error = numpy(file).unwrap_err();
            assert!(error.contains("\"os.system\""), "{error}");
        }
        // Another function of a module that is known, and a known one with arguments of its own.
        assert!(numpy(b"\x80\x02cnumpy\nload\n.").unwrap_err().contains("numpy.load"));
        assert!(numpy(b"\x80\x02cnumpy\ndtype\nK\x01\x85R.").unwrap_err().contains("arguments"));
        assert!(numpy(b"\x80\x02cnumpy\ndtype\n)\x81.").unwrap_err().contains("0x81"));
        assert!(numpy(b"K\x01Q.").unwrap_err().contains("outside"));
    }

    #[test]
    fn every_early_end_is_found_and_values_deep_within_each_other_are_no_danger() {
        let whole = batch(&[1; 3072], &[1]);
        for length in 0..whole.len() {
            assert!(numpy(&whole[..length]).is_err(), "{length}");
        }
        let deep = [b")".to_vec(), b"\x85".repeat(1_000_000), b".".to_vec()].concat();
        assert!(numpy(&deep).is_ok());
        let too_many = [b"N".repeat(3_000_000), b".".to_vec()].concat();
        assert!(numpy(&too_many).unwrap_err().contains("more than 2097152 values"));
        let claims = b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.";
        assert!(numpy(claims).unwrap_err().contains("truncated"));
        for wrong in [&b"."[..], b"e.", b"]a.", b"}s.", b"h\x07.", b"(.", b"R.", b"b.", b"\x86.", b"(0."] {
            assert!(numpy(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_second_reference_to_a_list_or_an_array_is_to_the_same() {
        let found = numpy(b"\x80\x02]q\x01(K\x05eh\x01h\x01\x86.").unwrap();
        let Value::Tuple(items) = found.value(found.root()) else { panic!() };
        assert_eq!(items[0], items[1]);
        assert!(matches!(found.value(items[0]), Value::List(list) if list.len() == 1));
        let itself = numpy(b"]q\x01h\x01a.").unwrap();
        assert_eq!(itself.value(itself.root()), &Value::List(vec![itself.root()]));
    }
}
