//! Python's pickles of plain values and arrays of NumPy, read without calling anything.
//!
//! A pickle is a program for a machine with a stack. This machine knows the instructions that build numbers, texts,
//! tuples, lists and dictionaries, and of functions only the two that NumPy names to restore an array, whose meaning is
//! built in. A pickle that names any other function is refused by that name.

use std::collections::HashMap;
use std::rc::Rc;

/// Most values within each other.
const MAX_DEPTH: usize = 32;

/// The functions and types that an array of NumPy names, by module and name; later versions say `_core`.
const KNOWN: [(&str, &str, Function); 4] = [
    ("numpy.core.multiarray", "_reconstruct", Function::Reconstruct),
    ("numpy._core.multiarray", "_reconstruct", Function::Reconstruct),
    ("numpy", "ndarray", Function::Array),
    ("numpy", "dtype", Function::Kind),
];

/// What a known name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Makes an empty array.
    Reconstruct,
    /// The type of arrays.
    Array,
    /// Makes the kind of an array's numbers.
    Kind,
}

/// A value of a pickle; bytes are those of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing.
    None,
    /// True or false.
    Flag(bool),
    /// A whole number.
    Int(i64),
    /// Bytes, a text of Python 2, or a text in UTF-8.
    Bytes(&'a [u8]),
    /// A tuple, and how many values are within each other in it.
    Tuple(Rc<[Value<'a>]>, usize),
    /// A list.
    List(Vec<Value<'a>>),
    /// Keys and values in their order.
    Dictionary(Vec<(Value<'a>, Value<'a>)>),
    /// A function that is known.
    Function(Function),
    /// The kind of an array's numbers, by name.
    Kind(&'a [u8]),
    /// An array.
    Array(Array<'a>),
    /// What can change after it was referred to, at the place of the reference.
    Changing,
}

/// An array of NumPy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Array<'a> {
    /// Its sides.
    pub shape: Vec<usize>,
    /// The kind of its numbers, `u1` for bytes.
    pub kind: &'a [u8],
    /// Whether columns are consecutive, and not rows.
    pub by_columns: bool,
    /// Its numbers.
    pub bytes: &'a [u8],
}

impl<'a> Value<'a> {
    /// The value of a key of a dictionary.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        let Self::Dictionary(items) = self else { return None };
        items.iter().find(|(known, _)| *known == Value::Bytes(key.as_bytes())).map(|(_, value)| value)
    }

    /// How many values are within each other; a dictionary is within none.
    fn depth(&self) -> usize {
        match self {
            Self::Tuple(_, depth) => *depth,
            Self::List(_) => 1,
            Self::Dictionary(_) => MAX_DEPTH,
            _ => 0,
        }
    }
}

/// The value of a pickle.
///
/// # Errors
/// What is wrong: a name that is not known, an instruction that is not, an early end, values within each other beyond
/// 32.
pub fn value(content: &[u8]) -> Result<Value<'_>, String> {
    let mut machine = Machine { content, at: 0, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    loop {
        if let Some(value) = machine.step()? {
            return Ok(value);
        }
    }
}

struct Machine<'a> {
    content: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    memo: HashMap<usize, Value<'a>>,
}

impl<'a> Machine<'a> {
    /// Does one instruction; the value, if it was the last.
    fn step(&mut self) -> Result<Option<Value<'a>>, String> {
        let instruction = self.take(1)?[0];
        match instruction {
            b'.' => return self.pop().map(Some),
            0x80 => self.take(1).map(drop)?,
            0x95 => self.take(8).map(drop)?,
            b'(' => self.marks.push(self.stack.len()),
            b'0' => self.pop().map(drop)?,
            b'N' => self.push(Value::None),
            0x88 | 0x89 => self.push(Value::Flag(instruction == 0x88)),
            b'K' => self.int(1)?,
            b'M' => self.int(2)?,
            b'J' => {
                let bytes = self.take(4)?.try_into().expect("four bytes");
                self.push(Value::Int(i32::from_le_bytes(bytes).into()));
            }
            0x8a => {
                let n = self.size(1)?;
                if 8 <= n {
                    return Err(self.wrong("a whole number beyond 2^56"));
                }
                let value = self.size(n)? as i64;
                let is_negative = 0 < n && value >> (8 * n - 1) == 1;
                self.push(Value::Int(if is_negative { value - (1 << (8 * n)) } else { value }));
            }
            b'U' | b'C' | 0x8c => self.bytes(1)?,
            b'T' | b'B' | b'X' => self.bytes(4)?,
            0x8d | 0x8e => self.bytes(8)?,
            b')' => self.push(Value::Tuple(Rc::new([]), 1)),
            0x85..=0x87 => {
                let n = usize::from(instruction - 0x84);
                let from = self.stack.len().checked_sub(n).ok_or_else(|| self.wrong("too few values"))?;
                self.tuple(from)?;
            }
            b't' => {
                let mark = self.mark()?;
                self.tuple(mark)?;
            }
            b']' => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dictionary(Vec::new())),
            b'a' => self.append(self.stack.len().saturating_sub(1))?,
            b'e' => {
                let mark = self.mark()?;
                self.append(mark)?;
            }
            b's' => self.insert(self.stack.len().saturating_sub(2))?,
            b'u' => {
                let mark = self.mark()?;
                self.insert(mark)?;
            }
            b'q' => self.remember(1)?,
            b'r' => self.remember(4)?,
            0x94 => {
                let key = self.memo.len();
                self.remember_as(key)?;
            }
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,
            b'c' => {
                let [module, name] = [self.line()?, self.line()?];
                self.name(module, name)?;
            }
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Bytes(name), Value::Bytes(module)) => self.name(module, name)?,
                _ => return Err(self.wrong("a name that is no text")),
            },
            b'R' => self.call()?,
            b'b' => self.build()?,
            other => {
                return Err(self.wrong(&format!("instruction 0x{other:02x}, which plain values do not need")));
            }
        }
        Ok(None)
    }

    fn wrong(&self, what: &str) -> String {
        format!("byte {} of the pickle: {what}", self.at)
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.content.len());
        let end = end.ok_or_else(|| self.wrong("it is truncated"))?;
        let bytes = &self.content[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    /// A size of `n` bytes.
    fn size(&mut self, n: usize) -> Result<usize, String> {
        let bytes = self.take(n)?.iter().rev();
        let size = bytes.fold(0u64, |size, &byte| size << 8 | u64::from(byte));
        usize::try_from(size).map_err(|_| self.wrong("it is truncated"))
    }

    fn line(&mut self) -> Result<&'a [u8], String> {
        let length = self.content[self.at..].iter().position(|&byte| byte == b'\n');
        let line = self.take(length.ok_or_else(|| self.wrong("it is truncated"))?)?;
        self.take(1)?;
        Ok(line)
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(value);
    }

    fn pop(&mut self) -> Result<Value<'a>, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.wrong("too few values"));
        }
        self.stack.pop().ok_or_else(|| self.wrong("too few values"))
    }

    fn mark(&mut self) -> Result<usize, String> {
        self.marks.pop().ok_or_else(|| self.wrong("no mark"))
    }

    fn int(&mut self, n: usize) -> Result<(), String> {
        let value = self.size(n)? as i64;
        self.push(Value::Int(value));
        Ok(())
    }

    fn bytes(&mut self, n: usize) -> Result<(), String> {
        let length = self.size(n)?;
        let bytes = self.take(length)?;
        self.push(Value::Bytes(bytes));
        Ok(())
    }

    fn tuple(&mut self, from: usize) -> Result<(), String> {
        let values = self.stack.split_off(from);
        let depth = 1 + values.iter().map(Value::depth).max().unwrap_or(0);
        if MAX_DEPTH < depth {
            return Err(self.wrong(&format!("more than {MAX_DEPTH} values within each other")));
        }
        self.push(Value::Tuple(values.into(), depth));
        Ok(())
    }

    /// Moves the values from `from` on into the list before them.
    fn append(&mut self, from: usize) -> Result<(), String> {
        let values = self.stack.split_off(from);
        if values.iter().any(|value| 0 < value.depth()) {
            return Err(self.wrong("a list of tuples, lists or dictionaries, which no batch has"));
        }
        match self.stack.last_mut() {
            Some(Value::List(list)) => list.extend(values),
            _ => return Err(self.wrong("values for a list that is none")),
        }
        Ok(())
    }

    /// Moves the pairs from `from` on into the dictionary before them.
    fn insert(&mut self, from: usize) -> Result<(), String> {
        let mut values = self.stack.split_off(from).into_iter();
        let Some(Value::Dictionary(mut items)) = self.stack.pop() else {
            return Err(self.wrong("values for a dictionary that is none"));
        };
        while let Some(key) = values.next() {
            let value = values.next().ok_or_else(|| self.wrong("a key without a value"))?;
            if [&key, &value].into_iter().any(|value| value.depth() == MAX_DEPTH) {
                return Err(self.wrong("a dictionary within another"));
            }
            items.push((key, value));
        }
        self.push(Value::Dictionary(items));
        Ok(())
    }

    fn remember(&mut self, n: usize) -> Result<(), String> {
        let key = self.size(n)?;
        self.remember_as(key)
    }

    fn remember_as(&mut self, key: usize) -> Result<(), String> {
        let value = match self.stack.last() {
            None => return Err(self.wrong("too few values")),
            Some(Value::List(_) | Value::Dictionary(_) | Value::Array(_)) => Value::Changing,
            Some(value) => value.clone(),
        };
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&mut self, n: usize) -> Result<(), String> {
        let key = self.size(n)?;
        match self.memo.get(&key).cloned() {
            None => Err(self.wrong("a reference to nothing")),
            Some(Value::Changing) => Err(self.wrong("a second reference to a list, dictionary or array")),
            Some(value) => {
                self.push(value);
                Ok(())
            }
        }
    }

    fn name(&mut self, module: &[u8], name: &[u8]) -> Result<(), String> {
        let known = KNOWN.iter().find(|(m, n, _)| (m.as_bytes(), n.as_bytes()) == (module, name));
        let Some((.., function)) = known else {
            let [module, name] = [module, name].map(String::from_utf8_lossy);
            let called: String = format!("{module}.{name}").chars().take(80).collect();
            return Err(
                self.wrong(&format!("it names {called:?}, expected plain values and arrays of numpy"))
            );
        };
        self.push(Value::Function(*function));
        Ok(())
    }

    /// A function of the arguments on the stack.
    fn call(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Value::Tuple(arguments, _), Value::Function(function)) = (arguments, function) else {
            return Err(self.wrong("a call of what is no function"));
        };
        let made = match (function, &arguments[..]) {
            (Function::Reconstruct, [Value::Function(Function::Array), ..]) => Value::Array(Array::default()),
            (Function::Kind, [Value::Bytes(name), ..]) => Value::Kind(name),
            _ => return Err(self.wrong("a call with arguments that an array has not")),
        };
        self.push(made);
        Ok(())
    }

    /// Sets the state of an array: its version, shape, kind, order and bytes. The state of a kind is passed over.
    fn build(&mut self) -> Result<(), String> {
        let (state, made) = (self.pop()?, self.pop()?);
        let made = match (made, state) {
            (kind @ Value::Kind(_), Value::Tuple(..)) => kind,
            (Value::Array(_), Value::Tuple(state, _)) => match &state[..] {
                [_, Value::Tuple(shape, _), Value::Kind(kind), order, Value::Bytes(bytes)] => {
                    let side = |value: &Value| match value {
                        Value::Int(side) => usize::try_from(*side).ok(),
                        _ => None,
                    };
                    let shape = shape.iter().map(side).collect::<Option<Vec<usize>>>();
                    let shape = shape.ok_or_else(|| self.wrong("a shape that is none"))?;
                    let by_columns = !matches!(order, Value::Flag(false) | Value::Int(0));
                    Value::Array(Array { shape, kind, by_columns, bytes })
                }
                _ => return Err(self.wrong("an array without shape, kind and bytes")),
            },
            _ => return Err(self.wrong("a state of what is no array")),
        };
        self.push(made);
        Ok(())
    }
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
        let found = value(&file).unwrap();
        assert_eq!(found.get("labels").unwrap(), &Value::List(vec![Value::Int(6), Value::Int(9)]));
        let array = Array { shape: vec![2, 3072], kind: b"u1", by_columns: false, bytes: &pixels };
        assert_eq!(found.get("data").unwrap(), &Value::Array(array));
        assert!(found.get("fine_labels").is_none());
    }

    #[test]
    fn a_pickle_that_names_a_function_is_refused_by_the_name_whatever_the_protocol() {
        for file in [
            &b"cos\nsystem\n(S'echo'\ntR."[..],
            b"\x80\x02cos\nsystem\nU\x04echo\x85R.",
            b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
        ] {
            let error = value(file).unwrap_err();
            assert!(error.contains("\"os.system\""), "{error}");
        }
        // Another function of a module that is known, and a known one with arguments of its own.
        assert!(value(b"\x80\x02cnumpy\nload\n.").unwrap_err().contains("numpy.load"));
        assert!(value(b"\x80\x02cnumpy\ndtype\nK\x01\x85R.").unwrap_err().contains("arguments"));
        assert!(value(b"\x80\x02cnumpy\ndtype\n)\x81.").unwrap_err().contains("0x81"));
    }

    #[test]
    fn every_early_end_is_found_and_deep_values_are_refused() {
        let whole = batch(&[1; 3072], &[1]);
        for length in 0..whole.len() {
            assert!(value(&whole[..length]).is_err(), "{length}");
        }
        let deep = [b")".to_vec(), b"\x85".repeat(1_000_000), b".".to_vec()].concat();
        assert!(value(&deep).unwrap_err().contains("within each other"));
        let claims = b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.";
        assert!(value(claims).unwrap_err().contains("truncated"));
        for wrong in
            [&b"."[..], b"e.", b"]a.", b"}s.", b"h\x07.", b"]q\x01h\x01.", b"(.", b"R.", b"b.", b"\x86."]
        {
            assert!(value(wrong).is_err(), "{wrong:?}");
        }
    }
}
