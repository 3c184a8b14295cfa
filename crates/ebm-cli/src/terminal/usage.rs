//! Errors that are the caller's.

use ebm_data::DataError;

/// The error as the caller's, which ends the program with 2 and not with 1.
pub fn usage(error: impl Into<anyhow::Error>) -> anyhow::Error {
    ebm_run::error::usage(error.into()).into()
}

/// The code with which an error ends the program.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let is_usage = |cause: &(dyn std::error::Error + 'static)| {
        let of_run = cause.downcast_ref::<ebm_run::Error>();
        is_absent(cause.downcast_ref())
            || of_run.is_some_and(|error| error.is_usage() || is_absent(error.find()))
    };
    if error.chain().any(is_usage) { 2 } else { 1 }
}

/// Whether it is of a path that was given and is not there.
fn is_absent(error: Option<&DataError>) -> bool {
    matches!(error, Some(DataError::NotFound { .. }))
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn the_callers_errors_end_with_2_whatever_is_said_of_them() {
        assert_eq!(exit_code(&anyhow!("the disk")), 1);
        let error = usage(anyhow!("no such key"));
        assert_eq!(exit_code(&error), 2);
        let error = usage(error.context("in a.toml")).context("ebm");
        assert_eq!((exit_code(&error), format!("{error:#}")), (2, "ebm: in a.toml: no such key".into()));
        let absent = || DataError::NotFound { path: "a.csv".into() };
        assert_eq!(exit_code(&absent().into()), 2);
        assert_eq!(exit_code(&anyhow!(ebm_run::Error::from(absent())).context("ebm")), 2);
    }
}
