//! The machine with a stack that a pickle is a program of.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::value::{Id, Pickle, Value};

/// Most values of a pickle.
const MAX_VALUES: usize = 1 << 21;

/// Most bytes of the name of a module, a function or a class.
const MAX_NAME: usize = 256;

/// What calls in a pickle stand for: nothing is called.
///
/// Errors say what is wrong; where in the pickle is put before them.
pub trait Objects {
    /// What they stand for.
    type Object;

    /// Whether a function or a class of this name may be spoken of.
    ///
    /// # Errors
    /// If not.
    fn check_name(&self, _name: &str) -> Result<(), String> {
        Ok(())
    }

    /// What a call of the function `name` stands for.
    ///
    /// # Errors
    /// If it stands for nothing that is known.
    fn call(
        &self,
        name: &str,
        arguments: &[Id],
        pickle: &Pickle<'_, Self::Object>,
    ) -> Result<Value<Self::Object>, String>;

    /// What `object` becomes with a state, or nothing if it stays.
    ///
    /// # Errors
    /// If it has no such state.
    fn with_state(
        &self,
        object: Id,
        state: Id,
        pickle: &Pickle<'_, Self::Object>,
    ) -> Result<Option<Value<Self::Object>>, String>;

    /// What a reference to something outside the pickle stands for.
    ///
    /// # Errors
    /// If it stands for nothing that is known.
    fn refer(&self, reference: Id, pickle: &Pickle<'_, Self::Object>) -> Result<Value<Self::Object>, String>;
}

/// Reads the pickle that `content` begins with, by what `objects` knows.
///
/// Memory is a few numbers for each instruction, and values within each other are not followed.
///
/// # Errors
/// What is wrong and at which byte: an instruction or a name that is not known, an early end, more than 2²¹ values.
///
/// # Reference
/// Python's `pickletools`, protocols 0 to 4 as far as they are binary.
pub fn read<'a, O: Objects>(content: &'a [u8], objects: &O) -> Result<Pickle<'a, O::Object>, String> {
    let pickle = Pickle { content: Cow::Borrowed(content), values: Vec::new(), root: 0, length: 0 };
    let (stack, marks, memo) = (Vec::new(), Vec::new(), HashMap::new());
    let mut machine = Machine { content, pickle, objects, at: 0, stack, marks, memo };
    loop {
        let done = machine.step().map_err(|what| format!("byte {} of the pickle: {what}", machine.at));
        if let Some(root) = done? {
            let Machine { pickle, at, .. } = machine;
            return Ok(Pickle { root, length: at, ..pickle });
        }
    }
}

struct Machine<'a, 'o, O: Objects> {
    content: &'a [u8],
    pickle: Pickle<'a, O::Object>,
    objects: &'o O,
    at: usize,
    stack: Vec<Id>,
    /// Where on the stack marks are.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<O: Objects> Machine<'_, '_, O> {
    /// Does one instruction; the value, if it was the last.
    fn step(&mut self) -> Result<Option<Id>, String> {
        let at = self.take(1)?.start;
        let instruction = self.content[at];
        match instruction {
            b'.' => return self.pop().map(Some),                         // STOP
            0x80 => self.pass(1)?,                                       // PROTO
            0x95 => self.pass(8)?,                                       // FRAME
            b'(' => self.marks.push(self.stack.len()),                   // MARK
            b'0' => drop(self.pop()?),                                   // POP
            b'2' => self.stack.push(self.top()?),                        // DUP
            b'N' => self.push(Value::None)?,                             // NONE
            0x88 | 0x89 => self.push(Value::Flag(instruction == 0x88))?, // NEWTRUE, NEWFALSE
            b'G' => self.float()?,                                       // BINFLOAT
            b'K' => self.unsigned(1)?,                                   // BININT1
            b'M' => self.unsigned(2)?,                                   // BININT2
            b'J' => self.signed(4)?,                                     // BININT
            0x8a => self.long()?,                                        // LONG1
            b'U' | 0x8c => self.text(1)?,                                // SHORT_BINSTRING, SHORT_BINUNICODE
            b'T' | b'X' => self.text(4)?,                                // BINSTRING, BINUNICODE
            0x8d => self.text(8)?,                                       // BINUNICODE8
            b'C' => self.bytes(1)?,                                      // SHORT_BINBYTES
            b'B' => self.bytes(4)?,                                      // BINBYTES
            0x8e => self.bytes(8)?,                                      // BINBYTES8
            b')' => self.push(Value::Tuple(Vec::new()))?,                // EMPTY_TUPLE
            b']' => self.push(Value::List(Vec::new()))?,                 // EMPTY_LIST
            b'}' => self.push(Value::Dictionary(Vec::new()))?,           // EMPTY_DICT
            0x85..=0x87 => self.last_as_tuple(usize::from(instruction - 0x84))?, // TUPLE1, TUPLE2, TUPLE3
            b't' => self.since_mark(Value::Tuple)?,                      // TUPLE
            b'l' => self.since_mark(Value::List)?,                       // LIST
            b'd' => self.since_mark(|items| Value::Dictionary(pairs(&items)))?, // DICT
            b'a' => self.append_one()?,                                  // APPEND
            b'e' => self.append_since_mark()?,                           // APPENDS
            b's' => self.insert_one()?,                                  // SETITEM
            b'u' => self.insert_since_mark()?,                           // SETITEMS
            b'q' => self.remember(1)?,                                   // BINPUT
            b'r' => self.remember(4)?,                                   // LONG_BINPUT
            0x94 => self.memoize()?,                                     // MEMOIZE
            b'h' => self.recall(1)?,                                     // BINGET
            b'j' => self.recall(4)?,                                     // LONG_BINGET
            b'c' => self.name_in_lines()?,                               // GLOBAL
            0x93 => self.name_on_stack()?,                               // STACK_GLOBAL
            b'Q' => self.refer()?,                                       // BINPERSID
            b'R' => self.call()?,                                        // REDUCE
            b'b' => self.build()?,                                       // BUILD
            // Ways to make an object of a class, or to call what is registered in a process.
            b'i' | b'o' | 0x81 | 0x92 | 0x82..=0x84 => return Err(self.refused(instruction)),
            other => {
                return Err(format!("instruction 0x{other:02x}, which is not needed for data or weights"));
            }
        }
        Ok(None)
    }

    /// Goes past the next `n` bytes.
    fn pass(&mut self, n: usize) -> Result<(), String> {
        self.take(n).map(|_| ())
    }

    /// The place of the next `n` bytes.
    fn take(&mut self, n: usize) -> Result<Range<usize>, String> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.content.len());
        let place = self.at..end.ok_or("it is truncated")?;
        self.at = place.end;
        Ok(place)
    }

    /// A whole number of at most 8 bytes.
    fn number(&mut self, width: usize) -> Result<u64, String> {
        let place = self.take(width)?;
        Ok(self.content[place].iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    /// A size, and that many bytes.
    fn sized(&mut self, width: usize) -> Result<Range<usize>, String> {
        let length = usize::try_from(self.number(width)?).map_err(|_| "it is truncated")?;
        self.take(length)
    }

    fn push(&mut self, value: Value<O::Object>) -> Result<(), String> {
        if MAX_VALUES <= self.pickle.values.len() {
            return Err(format!("more than {MAX_VALUES} values"));
        }
        self.stack.push(self.pickle.values.len());
        self.pickle.values.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let is_there = floor < self.stack.len();
        self.stack.pop().filter(|_| is_there).ok_or_else(|| "an instruction on nothing".to_owned())
    }

    fn top(&self) -> Result<Id, String> {
        self.stack.last().copied().ok_or_else(|| "an instruction on nothing".to_owned())
    }

    fn after_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or("an instruction without its mark")?))
    }

    fn float(&mut self) -> Result<(), String> {
        self.take(8)?;
        self.push(Value::Other)
    }

    fn unsigned(&mut self, width: usize) -> Result<(), String> {
        let number = self.number(width)?;
        self.push(Value::Int(number as i64))
    }

    fn signed(&mut self, width: usize) -> Result<(), String> {
        let place = self.take(width)?;
        self.push(integer(&self.content[place]))
    }

    /// A whole number of any length.
    fn long(&mut self) -> Result<(), String> {
        let place = self.sized(1)?;
        self.push(integer(&self.content[place]))
    }

    fn text(&mut self, width: usize) -> Result<(), String> {
        let place = self.sized(width)?;
        self.push(Value::Text(place))
    }

    fn bytes(&mut self, width: usize) -> Result<(), String> {
        let place = self.sized(width)?;
        self.push(Value::Bytes(place))
    }

    fn last_as_tuple(&mut self, n: usize) -> Result<(), String> {
        let mut items: Vec<Id> = (0..n).map(|_| self.pop()).collect::<Result<_, _>>()?;
        items.reverse();
        self.push(Value::Tuple(items))
    }

    fn since_mark(&mut self, value: impl FnOnce(Vec<Id>) -> Value<O::Object>) -> Result<(), String> {
        let items = self.after_mark()?;
        self.push(value(items))
    }

    fn append_one(&mut self) -> Result<(), String> {
        let item = self.pop()?;
        self.append(&[item])
    }

    fn append_since_mark(&mut self) -> Result<(), String> {
        let items = self.after_mark()?;
        self.append(&items)
    }

    fn append(&mut self, items: &[Id]) -> Result<(), String> {
        let list = self.top()?;
        match &mut self.pickle.values[list] {
            Value::List(list) => list.extend(items),
            _ => return Err("values for a list that is none".into()),
        }
        Ok(())
    }

    fn insert_one(&mut self) -> Result<(), String> {
        let (value, key) = (self.pop()?, self.pop()?);
        self.insert(&[key, value])
    }

    fn insert_since_mark(&mut self) -> Result<(), String> {
        let items = self.after_mark()?;
        self.insert(&items)
    }

    fn insert(&mut self, items: &[Id]) -> Result<(), String> {
        let dictionary = self.top()?;
        match &mut self.pickle.values[dictionary] {
            Value::Dictionary(dictionary) => dictionary.extend(pairs(items)),
            _ => return Err("values for a dictionary that is none".into()),
        }
        Ok(())
    }

    fn remember(&mut self, width: usize) -> Result<(), String> {
        let (key, id) = (self.number(width)?, self.top()?);
        self.memo.insert(key, id);
        Ok(())
    }

    /// Remembers the value on top under the next number.
    fn memoize(&mut self) -> Result<(), String> {
        let (key, id) = (self.memo.len() as u64, self.top()?);
        self.memo.insert(key, id);
        Ok(())
    }

    fn recall(&mut self, width: usize) -> Result<(), String> {
        let key = self.number(width)?;
        let id = self.memo.get(&key).ok_or_else(|| format!("there is no value number {key}"))?;
        self.stack.push(*id);
        Ok(())
    }

    fn name_in_lines(&mut self) -> Result<(), String> {
        let places = [self.line()?, self.line()?];
        self.name(places)
    }

    fn line(&mut self) -> Result<Range<usize>, String> {
        let rest = &self.content[self.at..];
        let length = rest.iter().take(MAX_NAME + 1).position(|byte| *byte == b'\n');
        let place = self.take(length.ok_or("a name has no end")?)?;
        self.take(1)?;
        Ok(place)
    }

    fn name_on_stack(&mut self) -> Result<(), String> {
        let (name, module) = (self.pop()?, self.pop()?);
        match [module, name].map(|id| &self.pickle.values[id]) {
            [Value::Text(module), Value::Text(name)] => self.name([module.clone(), name.clone()]),
            _ => Err("a name that is no text".into()),
        }
    }

    fn name(&mut self, places: [Range<usize>; 2]) -> Result<(), String> {
        if places.iter().any(|place| MAX_NAME < place.len()) {
            return Err(format!("a name of more than {MAX_NAME} bytes"));
        }
        self.objects.check_name(&self.pickle.joined(&places))?;
        self.push(Value::Named(places))
    }

    fn refer(&mut self) -> Result<(), String> {
        let reference = self.pop()?;
        let value = self.objects.refer(reference, &self.pickle)?;
        self.push(value)
    }

    fn call(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Some(name), Value::Tuple(arguments)) =
            (self.pickle.name(function), self.pickle.value(arguments))
        else {
            return Err("a call of what is no function".into());
        };
        let value = self.objects.call(&name, arguments, &self.pickle)?;
        self.push(value)
    }

    /// Sets the state of an object where it is, so that all who refer to it see it.
    fn build(&mut self) -> Result<(), String> {
        let (state, object) = (self.pop()?, self.top()?);
        if let Some(value) = self.objects.with_state(object, state, &self.pickle)? {
            self.pickle.values[object] = value;
        }
        Ok(())
    }

    /// The error of an instruction that makes an object, with the class if it is on the stack.
    fn refused(&self, instruction: u8) -> String {
        let class = self.stack.iter().rev().find_map(|id| self.pickle.name(*id));
        let class = class.unwrap_or_else(|| "a class".into());
        format!(
            "instruction 0x{instruction:02x}: it asks to make an object of {class}, which is refused: reading calls \
             nothing"
        )
    }
}

/// A whole number with its sign, the least significant byte first.
fn integer<O>(bytes: &[u8]) -> Value<O> {
    if 8 < bytes.len() {
        return Value::Other;
    }
    let is_negative = bytes.last().is_some_and(|byte| 0x80 <= *byte);
    let mut whole = [if is_negative { 0xff } else { 0 }; 8];
    whole[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(whole))
}

fn pairs(items: &[Id]) -> Vec<(Id, Id)> {
    items.as_chunks().0.iter().map(|[key, value]| (*key, *value)).collect()
}
