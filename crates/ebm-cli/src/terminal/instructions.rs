//! Fewer vector instructions than the machine has, to see what a smaller one would do.

use std::env::VarError;

use anyhow::{Result, anyhow, bail};
use ebm_ops::simd::Instructions;

use crate::terminal::usage::usage;

/// The variable that limits them.
const VARIABLE: &str = "EBM_SIMD";

/// What `EBM_SIMD` says, `avx2` or `none`; without it, the widest there are.
///
/// # Errors
/// A wrong use of the program if it says anything else.
#[expect(clippy::disallowed_methods, reason = "a measurement of any verb, which needs no flag of its own")]
pub fn instructions() -> Result<Instructions> {
    let found = match std::env::var(VARIABLE) {
        Err(VarError::NotPresent) => return Ok(Instructions::Widest),
        Err(VarError::NotUnicode(found)) => found.display().to_string(),
        Ok(found) => found,
    };
    match found.as_str() {
        "avx2" => Ok(Instructions::Avx2),
        "none" => Ok(Instructions::Scalar),
        _ => bail!(usage(anyhow!("{VARIABLE} = {found}, expected avx2 or none"))),
    }
}
