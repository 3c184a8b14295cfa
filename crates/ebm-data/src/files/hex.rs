//! A hash as text.

use sha2::{Digest, Sha256};

/// The bytes of a hash in hexadecimal.
pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
