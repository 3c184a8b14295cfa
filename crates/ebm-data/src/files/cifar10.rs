//! The records of CIFAR-10's binary version.

use std::path::Path;

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
