//! Pickles of tensors: what PyTorch writes is understood, and nothing is called.

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::pickle::{Id, Pickle, Storage, Tensor, Value};

/// Most values of a pickle.
const MAX_VALUES: usize = 1 << 20;

/// Most bytes of a text or a number.
const MAX_TEXT: usize = 1 << 20;

/// Reads the pickle that `bytes` begin with.
///
/// # Errors
/// If it is damaged, is larger than a description of weights can be, or asks for anything to be called.
pub(super) fn read(bytes: &[u8]) -> Result<Pickle> {
    let mut machine =
        Machine { bytes, at: 0, values: vec![], stack: vec![], marks: vec![], memo: HashMap::new() };
    while let Some(root) = machine.step().with_context(|| format!("byte {} of the pickle", machine.at))? {
        if let Step::End(root) = root {
            return Ok(Pickle { values: machine.values, root, length: machine.at });
        }
    }
    bail!("the pickle has no end")
}

/// What an operation did.
enum Step {
    More,
    End(Id),
}

/// The stack machine that a pickle is a program of; see Python's `pickletools`.
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Where on the stack marks are.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<'a> Machine<'a> {
    fn step(&mut self) -> Result<Option<Step>> {
        let Some(&operation) = self.bytes.get(self.at) else { return Ok(None) };
        self.at += 1;
        match operation {
            b'.' => return Ok(Some(Step::End(self.pop()?))),
            0x80 => drop(self.take(1)?),                                  // PROTO
            0x95 => drop(self.take(8)?),                                  // FRAME
            b'(' => self.marks.push(self.stack.len()),                    // MARK
            b'0' => drop(self.pop()?),                                    // POP
            b'2' => self.stack.push(self.top()?),                         // DUP
            b'N' => self.push(Value::None)?,                              // NONE
            0x88 | 0x89 => self.push(Value::Other)?,                      // NEWTRUE, NEWFALSE
            b'G' => self.skipped(8)?,                                     // BINFLOAT
            b'J' => self.integer(4, true)?,                               // BININT
            b'K' => self.integer(1, false)?,                              // BININT1
            b'M' => self.integer(2, false)?,                              // BININT2
            0x8a => self.long()?,                                         // LONG1
            b'X' => self.text(4)?,                                        // BINUNICODE
            0x8c => self.text(1)?,                                        // SHORT_BINUNICODE
            0x8d => self.text(8)?,                                        // BINUNICODE8
            b'T' => self.text(4)?,                                        // BINSTRING
            b'U' => self.text(1)?,                                        // SHORT_BINSTRING
            b'B' => self.bytes_of(4)?,                                    // BINBYTES
            b'C' => self.bytes_of(1)?,                                    // SHORT_BINBYTES
            b']' => self.push(Value::List(vec![]))?,                      // EMPTY_LIST
            b')' => self.push(Value::Tuple(vec![]))?,                     // EMPTY_TUPLE
            b'}' => self.push(Value::Dict(vec![]))?,                      // EMPTY_DICT
            b'l' => self.since_mark(Value::List)?,                        // LIST
            b't' => self.since_mark(Value::Tuple)?,                       // TUPLE
            b'd' => self.since_mark(|items| Value::Dict(pairs(&items)))?, // DICT
            0x85..=0x87 => self.tuple(usize::from(operation - 0x84))?,    // TUPLE1, TUPLE2, TUPLE3
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item])?; // APPEND
            }
            b'e' => {
                let items = self.after_mark()?;
                self.extend(items)?; // APPENDS
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.insert(&[key, value])?; // SETITEM
            }
            b'u' => {
                let items = self.after_mark()?;
                self.insert(&items)?; // SETITEMS
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(format!("{module}.{name}")))?; // GLOBAL
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (&self.values[module], &self.values[name])
                else {
                    bail!("a class is named by no text");
                };
                let name = format!("{module}.{name}");
                self.push(Value::Global(name))?; // STACK_GLOBAL
            }
            b'q' => self.remember(1)?, // BINPUT
            b'r' => self.remember(4)?, // LONG_BINPUT
            0x94 => {
                let id = self.top()?;
                self.memo.insert(self.memo.len() as u64, id); // MEMOIZE
            }
            b'h' => self.recall(1)?,        // BINGET
            b'j' => self.recall(4)?,        // LONG_BINGET
            b'Q' => self.storage()?,        // BINPERSID
            b'R' => self.call()?,           // REDUCE
            b'b' => self.set_attributes()?, // BUILD
            // Ways to make an object of a class, or to call what is registered in a process.
            b'i' | b'o' | 0x81 | 0x92 | 0x82..=0x84 => return Err(self.refused()),
            other => bail!("operation 0x{other:02x}, which no checkpoint of weights has"),
        }
        Ok(Some(Step::More))
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let taken = &self.bytes[self.at..end.ok_or_else(|| anyhow!("the pickle ends early"))?];
        self.at += n;
        Ok(taken)
    }

    fn number(&mut self, width: usize) -> Result<u64> {
        Ok(self.take(width)?.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    fn push(&mut self, value: Value) -> Result<()> {
        ensure!(self.values.len() < MAX_VALUES, "more than {MAX_VALUES} values");
        self.stack.push(self.values.len());
        self.values.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        ensure!(floor < self.stack.len(), "an operation on nothing");
        Ok(self.stack.pop().expect("the stack is longer than its floor"))
    }

    fn top(&self) -> Result<Id> {
        self.stack.last().copied().context("an operation on nothing")
    }

    fn skipped(&mut self, n: usize) -> Result<()> {
        self.take(n)?;
        self.push(Value::Other)
    }

    fn integer(&mut self, width: usize, signed: bool) -> Result<()> {
        let number = self.number(width)?;
        self.push(Value::Integer(if signed { i64::from(number as u32 as i32) } else { number as i64 }))
    }

    /// An integer of any length; those beyond 63 bits are no sizes.
    fn long(&mut self) -> Result<()> {
        let width = self.number(1)? as usize;
        let bytes = self.take(width)?;
        let negative = bytes.last().is_some_and(|byte| 0x80 <= *byte);
        let value = match bytes {
            bytes if 8 < bytes.len() => Value::Other,
            bytes => {
                let mut whole = [if negative { 0xff } else { 0 }; 8];
                whole[..bytes.len()].copy_from_slice(bytes);
                Value::Integer(i64::from_le_bytes(whole))
            }
        };
        self.push(value)
    }

    fn text(&mut self, width: usize) -> Result<()> {
        let length = usize::try_from(self.number(width)?)?;
        ensure!(length <= MAX_TEXT, "a text of {length} bytes, at most {MAX_TEXT} are read");
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(Value::Text(text))
    }

    fn bytes_of(&mut self, width: usize) -> Result<()> {
        let length = usize::try_from(self.number(width)?)?;
        self.skipped(length)
    }

    fn line(&mut self) -> Result<String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().take(MAX_TEXT).position(|byte| *byte == b'\n').context("a name has no end")?;
        self.at += end + 1;
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    fn after_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().context("an operation without its mark")?;
        ensure!(mark <= self.stack.len(), "a mark above the stack");
        Ok(self.stack.split_off(mark))
    }

    fn since_mark(&mut self, value: impl FnOnce(Vec<Id>) -> Value) -> Result<()> {
        let items = self.after_mark()?;
        self.push(value(items))
    }

    fn tuple(&mut self, n: usize) -> Result<()> {
        let mut items: Vec<Id> = (0..n).map(|_| self.pop()).collect::<Result<_>>()?;
        items.reverse();
        self.push(Value::Tuple(items))
    }

    fn extend(&mut self, items: Vec<Id>) -> Result<()> {
        let list = self.top()?;
        let Value::List(list) = &mut self.values[list] else { bail!("items are appended to no list") };
        list.extend(items);
        Ok(())
    }

    fn insert(&mut self, items: &[Id]) -> Result<()> {
        let dict = self.top()?;
        let Value::Dict(dict) = &mut self.values[dict] else { bail!("entries are put into no dictionary") };
        dict.extend(pairs(items));
        Ok(())
    }

    fn remember(&mut self, width: usize) -> Result<()> {
        let (key, id) = (self.number(width)?, self.top()?);
        self.memo.insert(key, id);
        Ok(())
    }

    fn recall(&mut self, width: usize) -> Result<()> {
        let key = self.number(width)?;
        let id = *self.memo.get(&key).with_context(|| format!("there is no value number {key}"))?;
        self.stack.push(id);
        Ok(())
    }

    /// A reference to a storage: ('storage', type, key, location, elements, …).
    fn storage(&mut self) -> Result<()> {
        let id = self.pop()?;
        let storage = match &self.values[id] {
            Value::Tuple(items) => self.storage_of(items),
            _ => None,
        };
        self.push(Value::Storage(Box::new(storage.context("a reference to no storage of tensors")?)))
    }

    fn storage_of(&self, items: &[Id]) -> Option<Storage> {
        let mut items = items.iter().map(|id| &self.values[*id]);
        let (Value::Text(word), Value::Global(class), Value::Text(key)) =
            (items.next()?, items.next()?, items.next()?)
        else {
            return None;
        };
        let (_, Value::Integer(elements)) = (items.next()?, items.next()?) else { return None };
        let is_whole = items.next().is_none_or(|view| matches!(view, Value::None));
        let class = class.rsplit('.').next()?.to_owned();
        (word == "storage" && is_whole).then_some(Storage {
            class,
            key: key.clone(),
            elements: usize::try_from(*elements).ok()?,
        })
    }

    /// The few calls that descriptions of tensors are made of; they are understood, not made.
    fn call(&mut self) -> Result<()> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Value::Global(name), Value::Tuple(arguments)) =
            (&self.values[function], &self.values[arguments])
        else {
            bail!("something is called that is no function");
        };
        let value = match name.as_str() {
            "collections.OrderedDict" | "collections.defaultdict" => Value::Dict(vec![]),
            "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor" => {
                let tensor = self.tensor_of(arguments).with_context(|| format!("{name} of no tensor"))?;
                Value::Tensor(Box::new(tensor))
            }
            "torch._utils._rebuild_parameter" => match arguments.first().map(|id| &self.values[*id]) {
                Some(Value::Tensor(tensor)) => Value::Tensor(tensor.clone()),
                _ => bail!("a parameter of no tensor"),
            },
            _ => {
                let name = name.clone();
                bail!("it asks to call {name}, which is refused: reading weights calls nothing")
            }
        };
        self.push(value)
    }

    fn tensor_of(&self, arguments: &[Id]) -> Option<Tensor> {
        let [storage, offset, shape, stride, ..] = arguments else { return None };
        let Value::Storage(storage) = &self.values[*storage] else { return None };
        let whole = |id: Id| match self.values[id] {
            Value::Integer(number) => usize::try_from(number).ok(),
            _ => None,
        };
        let sizes = |id: Id| match &self.values[id] {
            Value::Tuple(items) | Value::List(items) => items.iter().map(|id| whole(*id)).collect(),
            _ => None,
        };
        let (shape, stride): (Vec<usize>, Vec<usize>) = (sizes(*shape)?, sizes(*stride)?);
        (shape.len() == stride.len() && shape.len() <= 8).then_some(Tensor {
            storage: Storage::clone(storage),
            offset: whole(*offset)?,
            shape,
            stride,
        })
    }

    /// Attributes of a dictionary, as PyTorch's state dictionaries have, are no weights.
    fn set_attributes(&mut self) -> Result<()> {
        self.pop()?;
        let object = self.top()?;
        ensure!(matches!(self.values[object], Value::Dict(_)), "attributes are set of what is no dictionary");
        Ok(())
    }

    /// The error of an operation that makes an object, with the class if it is on the stack.
    fn refused(&self) -> anyhow::Error {
        let class = self.stack.iter().rev().find_map(|id| match &self.values[*id] {
            Value::Global(name) => Some(name.as_str()),
            _ => None,
        });
        let class = class.unwrap_or("a class");
        anyhow!("it asks to make an object of {class}, which is refused: reading weights calls nothing")
    }
}

fn pairs(items: &[Id]) -> Vec<(Id, Id)> {
    items.as_chunks().0.iter().map(|[key, value]| (*key, *value)).collect()
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
    fn damaged_pickles_are_errors_and_never_panics() {
        let whole: &[u8] =
            b"\x80\x02}q\x00(X\x01\x00\x00\x00aK\x05X\x01\x00\x00\x00b]q\x01(K\x01K\x02euh\x00\x86.";
        assert_eq!(read(whole).unwrap().length, whole.len());
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
