//! SHA-256 of texts, weights and data, as runs write it down.

use ebm_data::Batch;
use sha2::{Digest, Sha256};

/// The hexadecimal digits of a hash.
pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// That of some bytes.
pub(crate) fn of(bytes: impl AsRef<[u8]>) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

/// Adds the values and the labels of rows to a hash.
pub(crate) fn add(hash: &mut Sha256, rows: &Batch) {
    let values = rows.values.iter().flat_map(|value| value.to_le_bytes());
    let labels = rows.labels.iter().flatten().flat_map(|label| label.to_le_bytes());
    hash.update(values.chain(labels).collect::<Vec<u8>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
