//! The records of CIFAR-10's binary version, and the batches of its Python version.

use std::path::Path;

use super::pickle::{self, Value};
use crate::DataError;

/// Bytes of a record: the label, then the red, the green and the blue plane of 32×32 pixels.
pub const RECORD: usize = 1 + 3 * 32 * 32;

/// The names of the classes, in the order of their labels.
pub const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Appends the images of `content` to `pixels` and their classes to `labels`; `file` is its name in errors.
///
/// # Errors
/// If it is empty, does not consist of complete records, or has a label beyond 9.
pub fn records(
    content: &[u8],
    file: &Path,
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u32>,
) -> Result<(), DataError> {
    if content.is_empty() {
        return Err(DataError::Empty { path: file.into(), expected: "records" });
    }
    let whole = content.len().next_multiple_of(RECORD);
    if content.len() < whole {
        return Err(DataError::Truncated {
            file: file.into(),
            expected: whole as u64,
            found: content.len() as u64,
        });
    }
    for (i, record) in content.chunks_exact(RECORD).enumerate() {
        if CLASSES.len() <= usize::from(record[0]) {
            return Err(DataError::malformed(
                file,
                format!("record {i} has label {}, expected 0 to 9", record[0]),
            ));
        }
        labels.push(u32::from(record[0]));
        pixels.extend(&record[1..]);
    }
    Ok(())
}

/// As [`records`], of a pickle with the bytes of all images under `data` and their classes under `labels`.
///
/// # Errors
/// If it is no such pickle, calls anything, or has a label beyond 9.
pub fn batch(
    content: &[u8],
    file: &Path,
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u32>,
) -> Result<(), DataError> {
    let wrong = |problem: String| DataError::malformed(file, problem);
    let batch = pickle::numpy(content).map_err(wrong)?;
    let under = |key: &str| batch.under(batch.root(), key);
    let Some(images) = under("data").and_then(|id| batch.array(id)) else {
        return Err(wrong("no array under \"data\", as a batch of CIFAR-10 has it".into()));
    };
    let Some(Value::List(classes)) = under("labels").map(|id| batch.value(id)) else {
        return Err(wrong("no list under \"labels\", as a batch of CIFAR-10 has it".into()));
    };
    let (n, kind) = (classes.len(), String::from_utf8_lossy(batch.at(&images.kind)));
    let is_of_bytes = ["u1", "|u1", "uint8", "B"].contains(&&*kind);
    if !is_of_bytes || images.by_columns || images.shape != [n, RECORD - 1] {
        let found = format!("\"data\" is an array of {kind} of shape {:?}", images.shape);
        return Err(wrong(format!("{found}, expected u1 of shape {:?}, for {n} labels", [n, RECORD - 1])));
    }
    if images.bytes.len() != n * (RECORD - 1) || n == 0 {
        return Err(wrong(format!("{n} images in {} bytes of \"data\"", images.bytes.len())));
    }
    for (i, class) in classes.iter().enumerate() {
        match batch.value(*class) {
            Value::Int(label) if (0..CLASSES.len() as i64).contains(label) => labels.push(*label as u32),
            Value::Int(label) => return Err(wrong(format!("label {i} is {label}, expected 0 to 9"))),
            _ => return Err(wrong(format!("label {i} is no whole number, expected 0 to 9"))),
        }
    }
    pixels.extend(batch.at(&images.bytes));
    Ok(())
}
