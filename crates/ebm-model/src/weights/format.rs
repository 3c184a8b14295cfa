//! The safetensors format, read with limits.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensors};

/// A header longer than this, in bytes, is not ours.
const MAX_HEADER: u64 = 1 << 20;
/// As is one with more tensors than this.
const MAX_TENSORS: usize = 10_000;
/// And a tensor of more dimensions.
const MAX_DIMENSIONS: usize = 8;
/// The one key of the file's metadata. One, because their order in the file is not fixed.
pub(crate) const METADATA_KEY: &str = "ebm";

/// What is in a file, still in the file's bytes.
#[derive(Debug)]
pub(crate) struct Parsed<'a> {
    pub(crate) tensors: BTreeMap<String, Raw<'a>>,
    /// The text stored with them, empty if there is none.
    pub(crate) text: String,
}

/// A tensor of 32-bit floats.
#[derive(Debug)]
pub(crate) struct Raw<'a> {
    pub(crate) shape: Vec<usize>,
    /// Four for each number, as many as the shape says, little-endian.
    pub(crate) bytes: &'a [u8],
}

/// The tensors of a safetensors file, or why it is none.
///
/// The reader of the format sees to it that the tensors lie one after the other from the header's end to the file's.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, String> {
    let length = bytes.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
    match length {
        None => return Err(format!("it has {} bytes, a header's length alone has 8", bytes.len())),
        Some(length) if MAX_HEADER < length => {
            return Err(format!("its header claims {length} bytes, at most {MAX_HEADER} are read"));
        }
        Some(_) => {}
    }
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let text = header.metadata().as_ref().and_then(|map| map.get(METADATA_KEY)).cloned().unwrap_or_default();
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    if MAX_TENSORS < file.len() {
        return Err(format!("it has {} tensors, at most {MAX_TENSORS} are read", file.len()));
    }
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(format!("{name} is of type {:?}, expected F32", view.dtype()));
        }
        if MAX_DIMENSIONS < view.shape().len() {
            let found = view.shape().len();
            return Err(format!("{name} has {found} dimensions, at most {MAX_DIMENSIONS} are read"));
        }
        tensors.insert(name.to_owned(), Raw { shape: view.shape().to_vec(), bytes: view.data() });
    }
    Ok(Parsed { tensors, text })
}
